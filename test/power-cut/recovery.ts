import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type BackendProcess, startBackendProcess } from '../harness/backend.ts'
import { eventually } from '../harness/eventually.ts'
import { auditDataDir } from './audit.ts'
import { type SentExport, send } from './load.ts'

/** The program on a data folder in which nobody else writes, nor has a file open once it has gone. */
export const startBackend = async (
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BackendProcess> => {
  const logFolder = await mkdtemp(join(tmpdir(), 'aftertrace-power-cut-log-'))
  const backend = await startBackendProcess({
    dataDir: logFolder,
    env: { ...env, DATA_DIR: dataDir, DISK_BALLAST_BYTES_MAX: ballastBytes },
  })
  return {
    ...backend,
    kill: async () => {
      await backend.kill()
      await rm(logFolder, { recursive: true, force: true })
    },
  }
}

/** Small, so that a recording is; what it is for has tests of its own. */
const ballastBytes = '1048576'

const writtenMillisMax = 60_000
const takenMillisMax = 30_000

/** What was sent before a loss of power, and what of it was acknowledged. */
export interface SentBefore {
  sent: SentExport[]
  acknowledged: SentExport[]
  unanswered: SentExport[]
}

export const sentBefore = (exports: readonly SentExport[], cutNanos: number): SentBefore => {
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
export const faultsAfter = async (dataDir: string, { sent, unanswered }: SentBefore): Promise<string[]> => {
  const backend = await startBackend(dataDir)
  try {
    for (const one of unanswered)
      await eventually(async () => expect(await send(backend, { ...one })).toBe(true), takenMillisMax)
    await written(backend)
    expect(await backend.stop()).toBe(0)
  } finally {
    await backend.kill()
  }
  const faults = await auditDataDir(dataDir, sent)
  return [...faults, ...errorsIn(backend)]
}

/** Resolves once everything that was taken is in the store. */
const written = ({ apiUrl }: BackendProcess): Promise<void> =>
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
