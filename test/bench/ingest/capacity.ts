import type { SenderProcess } from './sender-process.ts'
import { runTrial } from './trial.ts'

const trialSeconds = 30
const confirmSeconds = 180
const firstRate = 15_000
const rateMax = 1_000_000
/** Trials go on until the highest rate that was kept up with and the lowest that was not are this close. */
const ratioWanted = 1.06
const stepDown = 0.94
const roundTo = 500

/**
 * The highest constant rate that is refused nowhere for three minutes, and that the writer keeps up with: the queue would take
 * gigabytes of what the store cannot before anything is refused. Short trials narrow it, long ones confirm.
 */
export const findCapacity = async (sender: SenderProcess): Promise<number> => {
  let low = 0
  let high = Infinity
  for (let rate = firstRate; high / low > ratioWanted && low < rateMax; rate = nextRate(low, high)) {
    if (await isKeptUp(sender, rate, trialSeconds)) low = rate
    else high = rate
    if (high <= roundTo) throw new Error(`the backend does not keep up with ${high} spans/s`)
  }
  for (let rate = low; ; rate = rounded(rate * stepDown)) {
    if (await isKeptUp(sender, rate, confirmSeconds)) return rate
    if (rate <= roundTo) throw new Error(`the backend does not keep up with ${rate} spans/s`)
  }
}

const isKeptUp = async (sender: SenderProcess, spansPerSecond: number, seconds: number): Promise<boolean> => {
  const { isKeptUp: verdict } = await runTrial(sender, { spansPerSecond, seconds, isQuick: true })
  process.stderr.write(`${spansPerSecond} spans/s for ${seconds} s: ${verdict ? 'kept up' : 'too much'}\n`)
  return verdict
}

const nextRate = (low: number, high: number): number => {
  if (high === Infinity) return rounded(low * 1.5)
  return low === 0 ? rounded(high / 1.5) : rounded(Math.sqrt(low * high))
}

const rounded = (rate: number): number => Math.max(roundTo, Math.round(rate / roundTo) * roundTo)
