import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../../harness/eventually.ts'
import { type Audit, auditExports, readStoredExports } from './audit.ts'
import {
  type EventLoopDelay,
  type MemorySample,
  type OwnFigures,
  startWatchedBackend,
  type WatchedBackend,
} from './backend-watch.ts'
import { monotonicMillis } from './clock.ts'
import type { OpenLoopResult } from './open-loop.ts'
import { outcomes } from './outcome.ts'
import type { SenderProcess } from './sender-process.ts'
import { watchVisibility } from './visibility.ts'

export interface TrialSettings {
  spansPerSecond: number
  seconds: number
  /** Ends with the first refusal, looks no further than whether the rate was kept up with. */
  isQuick?: boolean
  profileFolder?: string | undefined
}

export interface Trial extends OpenLoopResult {
  spansPerSecond: number
  seconds: number
  /** Refused nowhere, and written soon after the last export: the queue did not take what the store could not. */
  isKeptUp: boolean
  /** From the end of sending until the queue was empty; undefined if it never was. */
  writtenAfterSeconds: number | undefined
  backlogBytesAtEnd: number
  cpu: {
    whileSendingSeconds: number
    untilRestSeconds: number
    isAtRest: boolean
    byThread: Map<string, number>
  }
  eventLoopDelay: EventLoopDelay
  memory: readonly MemorySample[]
  storedBytes: number
  ownFigures: OwnFigures
  visibleAfterMillis: number[]
  markerMillis: readonly number[]
  markersMissed: number
  audit: Audit | undefined
}

const beginInMillis = 1000
const quietBeforeSeconds = 30
/** A rate is kept up with when what waits at its end is written within this time. */
const keptUpSecondsMax = 5
const writtenSecondsMax = 3600
const restSecondsMax = 300
const markerMillisMax = 10_000

/** One rate, one backend on an empty folder. */
export const runTrial = async (sender: SenderProcess, settings: TrialSettings): Promise<Trial> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-bench-ingest-'))
  const backend = await startWatchedBackend(dataDir, { profileFolder: settings.profileFolder })
  try {
    const trial = await measure(sender, backend, settings)
    await backend.stop()
    return settings.isQuick === true ? trial : await withStored(trial, dataDir)
  } finally {
    await backend.kill()
    await rm(dataDir, { recursive: true, force: true })
  }
}

type Measured = Trial & { visibleAtMillis: (lastOffset: number) => number | undefined }

const measure = async (
  sender: SenderProcess,
  backend: WatchedBackend,
  settings: TrialSettings,
): Promise<Measured> => {
  const { spansPerSecond, seconds, isQuick = false } = settings
  await backend.untilAtRest(quietBeforeSeconds)
  const visibility = watchVisibility({ dataDir: backend.dataDir, apiUrl: backend.apiUrl })
  const cpuBefore = await backend.cpuSeconds()
  const threadsBefore = await backend.cpuSecondsByThread()
  await backend.eventLoopDelay()
  const { otlpHttpUrl, otlpGrpcUrl } = backend
  const startMillis = monotonicMillis() + beginInMillis
  let ticks = 0
  const result = await sender.run(
    { otlpHttpUrl, otlpGrpcUrl, spansPerSecond, seconds, startMillis },
    {
      onMarker: visibility.look,
      onProgress: (progress) => {
        if (isQuick && progress.spansRefused > 0) sender.cutShort()
        if (++ticks % 10 === 0)
          process.stderr.write(`${spansPerSecond}/s, ${ticks} s: ${JSON.stringify(progress)}\n`)
      },
    },
  )
  const cpuAtEnd = await backend.cpuSeconds()
  const eventLoopDelay = await backend.eventLoopDelay()
  const { bytes: backlogBytesAtEnd } = await backend.backlog()
  const writtenAfterSeconds = await backend.untilWritten(isQuick ? keptUpSecondsMax : writtenSecondsMax)
  if (!isQuick) await untilMarkersAreSeen(visibility.markersOpen)
  const isAtRest = !isQuick && (await backend.untilAtRest(restSecondsMax))
  const cpuAfter = await backend.cpuSeconds()
  const threadsAfter = await backend.cpuSecondsByThread()
  visibility.stop()
  const isRefusedNowhere = result.records.every(({ outcome }) => outcome === outcomes.acknowledged)
  return {
    ...result,
    spansPerSecond,
    seconds,
    isKeptUp:
      isRefusedNowhere && writtenAfterSeconds !== undefined && writtenAfterSeconds <= keptUpSecondsMax,
    writtenAfterSeconds,
    backlogBytesAtEnd,
    cpu: {
      whileSendingSeconds: cpuAtEnd - cpuBefore,
      untilRestSeconds: cpuAfter - cpuBefore,
      isAtRest,
      byThread: new Map(
        [...threadsAfter].map(([name, used]) => [name, used - (threadsBefore.get(name) ?? 0)]),
      ),
    },
    eventLoopDelay,
    memory: backend.memory.filter(({ atMillis }) => atMillis >= startMillis),
    storedBytes: await backend.storedBytes(),
    ownFigures: await backend.ownFigures(),
    visibleAfterMillis: [],
    markerMillis: visibility.markerMillis,
    markersMissed: visibility.markersOpen(),
    audit: undefined,
    visibleAtMillis: visibility.visibleAtMillis,
  }
}

const untilMarkersAreSeen = async (markersOpen: () => number): Promise<void> => {
  const areSeen = (): void => {
    if (markersOpen() > 0) throw new Error('markers are not visible')
  }
  // Those that are not seen in time are told as missed.
  await eventually(areSeen, markerMillisMax).catch(() => undefined)
}

const withStored = async ({ visibleAtMillis, ...trial }: Measured, dataDir: string): Promise<Trial> => {
  const stored = await readStoredExports(dataDir)
  const dueByNumber = new Map(trial.records.map((record) => [record.exportNumber, record.dueMillis]))
  const visibleAfterMillis = stored.flatMap(({ exportNumber, lastOffset }) => {
    const dueMillis = dueByNumber.get(exportNumber)
    const visible = visibleAtMillis(lastOffset)
    return dueMillis === undefined || visible === undefined ? [] : [visible - dueMillis]
  })
  return { ...trial, visibleAfterMillis, audit: auditExports(trial.records, stored) }
}
