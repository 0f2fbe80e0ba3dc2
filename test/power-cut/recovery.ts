import { expect } from 'vitest'
import { type BackendProcess, startBackendProcess } from '../harness/backend.ts'
import { eventually } from '../harness/eventually.ts'
import { auditDataDir } from './audit.ts'
import { type SentExport, send } from './load.ts'
import type { Recording } from './recorder.ts'

/** What was recorded of a backend, and what was sent to it meanwhile. */
export interface BackendRecording extends Recording {
  exports: readonly SentExport[]
}

/** Small, so that a recording is; what it is for has tests of its own. */
export const backendEnv = { DISK_BALLAST_BYTES_MAX: '1048576' }

const writtenMillisMax = 60_000

/** What was sent before an entry of the recording, and how much of it was acknowledged by then. */
export const sentBefore = (
  { entries, exports }: BackendRecording,
  cut: number,
): { sent: SentExport[]; acknowledged: SentExport[]; unanswered: SentExport[] } => {
  const cutNanos = entries[cut]?.clockNanos ?? Infinity
  const sent = exports.filter(({ sentAtNanos }) => sentAtNanos < cutNanos)
  const isAcknowledged = ({ acknowledgedAtNanos }: SentExport): boolean => acknowledgedAtNanos < cutNanos
  return {
    sent,
    acknowledged: sent.filter(isAcknowledged),
    unanswered: sent.filter((one) => !isAcknowledged(one)),
  }
}

/**
 * Starts the program on what a loss of power left, sends again what was not acknowledged, and says what is not as it was
 * promised once everything is written.
 */
export const faultsAfter = async (
  dataDir: string,
  { sent, unanswered }: ReturnType<typeof sentBefore>,
): Promise<string[]> => {
  const backend = await startBackendProcess({ dataDir, env: backendEnv })
  try {
    for (const one of unanswered)
      if (!(await send(backend, { ...one }))) throw new Error('an export that is sent again is not taken')
    await written(backend)
    expect(await backend.stop()).toBe(0)
  } finally {
    await backend.kill()
  }
  const faults = await auditDataDir(dataDir, sent, () => true)
  return [...faults, ...errorsIn(backend)]
}

/** Resolves once everything that was taken is in the store. */
export const written = ({ apiUrl }: BackendProcess): Promise<void> =>
  eventually(async () => {
    const response = await fetch(`${apiUrl}/api/v1/status`)
    const status = (await response.json()) as { queue: { recordsBehind: number }[] }
    expect(status.queue.map(({ recordsBehind }) => recordsBehind)).toEqual([0, 0, 0])
  }, writtenMillisMax)

/** pino's number for it. */
const errorLevel = 50

/** What it complains of, but for what is set aside because the store is told to refuse it. */
const errorsIn = ({ logLines }: BackendProcess): string[] =>
  logLines.flatMap((line) => {
    if (!line.startsWith('{')) return []
    const { level, msg } = JSON.parse(line) as { level: number; msg: string }
    return level >= errorLevel && !msg.includes('it is set aside') ? [`it logs: ${msg}`] : []
  })
