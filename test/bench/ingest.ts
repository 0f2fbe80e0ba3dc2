import { parseArgs } from 'node:util'
import { findCapacity } from './ingest/capacity.ts'
import { describeMix, mixes } from './ingest/mix.ts'
import { isSound, printTrial } from './ingest/report.ts'
import { startSenderProcess } from './ingest/sender-process.ts'
import { runTrial } from './ingest/trial.ts'

/**
 * Open-loop ingest into the real program: exports are due at a constant rate whether or not it keeps up, sent by a process of
 * its own. In the end the store is asked whether everything acknowledged is there once.
 *
 *     npm run bench:ingest -- --rate 50000 --seconds 180
 *     npm run bench:ingest -- --capacity                     finds the capacity, then measures at 80 % of it
 *     npm run bench:ingest -- --overload 2 --minutes 10      twice the capacity; with --rate that is taken for the capacity
 *     npm run bench:ingest -- --rate 50000 --profile FOLDER  with a CPU profile of the backend's JavaScript
 */
const { values: options } = parseArgs({
  options: {
    rate: { type: 'string' },
    seconds: { type: 'string', default: '180' },
    mix: { type: 'string', default: 'all' },
    seed: { type: 'string', default: '1' },
    capacity: { type: 'boolean', default: false },
    overload: { type: 'string' },
    minutes: { type: 'string', default: '10' },
    profile: { type: 'string' },
  },
})
const rateDefault = 50_000
const shareOfCapacity = 0.8

const lanes = mixes[options.mix]
if (lanes === undefined) throw new Error(`--mix is none of ${Object.keys(mixes).join(', ')}`)
const seed = Number(options.seed)
const profileFolder = options.profile
process.stdout.write(`seed ${seed}, mix ${options.mix}: ${describeMix(lanes)}\n`)
const sender = await startSenderProcess({ seed, mix: options.mix })

const capacityOf = async (): Promise<number> => {
  const capacity = await findCapacity(sender)
  process.stdout.write(`capacity ${capacity} spans/s\n\n`)
  return capacity
}

const atConstantRate = async (spansPerSecond: number): Promise<void> => {
  const trial = await runTrial(sender, { spansPerSecond, seconds: Number(options.seconds), profileFolder })
  printTrial(trial)
  if (!trial.isKeptUp || !isSound(trial)) process.exitCode = 1
}

const overloaded = async (factor: number): Promise<void> => {
  const capacity = options.rate === undefined ? await capacityOf() : Number(options.rate)
  const spansPerSecond = capacity * factor
  const trial = await runTrial(sender, {
    spansPerSecond,
    seconds: Number(options.minutes) * 60,
    profileFolder,
  })
  printTrial(trial)
  if (!isSound(trial) || trial.writtenAfterSeconds === undefined) process.exitCode = 1
}

try {
  if (options.overload !== undefined) await overloaded(Number(options.overload))
  else if (options.capacity) await atConstantRate((await capacityOf()) * shareOfCapacity)
  else await atConstantRate(Number(options.rate ?? rateDefault))
} finally {
  await sender.end()
}
