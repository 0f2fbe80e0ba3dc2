import { expect } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import { type Load, type SentExport, send, startLoad } from './load.ts'
import { type SentBefore, startBackend } from './recovery.ts'

export interface LoadedBackend {
  exports: readonly SentExport[]
  readyAtNanos: number
  endedAtNanos: number
}

export interface LoadOptions {
  /** What items are called after. */
  name: string
  seed: number
  /** The power is cut once so many more exports were acknowledged. */
  exportCount: number
  hasGuilty?: boolean
  /** What was sent before an earlier cut; what of it was not acknowledged is sent again. */
  earlier?: SentBefore
  env?: Readonly<Record<string, string>>
  /** Called in the midst of it all; then the process is killed. */
  beforeKill?: () => Promise<void>
}

const loadMillisMax = 60_000

/** The program under load, from its start until it is killed. */
export const loadBackend = async (dataDir: string, options: LoadOptions): Promise<LoadedBackend> => {
  const { name, seed, exportCount, hasGuilty = false } = options
  const backend = await startBackend(dataDir, options.env)
  const readyAtNanos = nowNanos()
  const { acknowledged, unanswered } = options.earlier ?? { acknowledged: [], unanswered: [] }
  const again = unanswered.map((one) => ({ ...one, acknowledgedAtNanos: Infinity }))
  const load = startLoad(backend, { name, seed, hasGuilty })
  const sendAgain = Promise.all(again.map((one) => send(backend, one)))
  let endedAtNanos: number
  try {
    await eventually(() => expect(acknowledgedCount(load)).toBeGreaterThanOrEqual(exportCount), loadMillisMax)
    await options.beforeKill?.()
  } finally {
    endedAtNanos = nowNanos()
    await backend.kill()
  }
  await Promise.all([load.stop(), sendAgain])
  return { exports: [...acknowledged, ...again, ...load.exports], readyAtNanos, endedAtNanos }
}

const acknowledgedCount = ({ exports }: Load): number =>
  exports.filter(({ acknowledgedAtNanos }) => acknowledgedAtNanos < Infinity).length

/** On the clock of recordings. */
const nowNanos = (): number => Number(process.hrtime.bigint())
