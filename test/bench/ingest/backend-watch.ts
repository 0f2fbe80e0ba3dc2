import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type BackendProcess, startBackendProcess } from '../../harness/backend.ts'
import { eventually } from '../../harness/eventually.ts'
import { cpuSecondsByThread, folderBytes, processUsage } from '../process-usage.ts'
import { monotonicMillis } from './clock.ts'

export interface MemorySample {
  atMillis: number
  processCount: number
  residentBytes: number
  sharedBytes: number
  /** Blocks on their way to the engine, in files that are memory. */
  blockFileBytes: number
}

export interface EventLoopDelay {
  p50: number
  p99: number
  max: number
}

/** What the program says of itself, since it began. */
export interface OwnFigures {
  syncs: MeanDuration
  /** Of blocks of spans. */
  inserts: MeanDuration
}

export interface MeanDuration {
  count: number
  meanMillis: number
}

/** The real program, and what it uses as seen from outside. */
export interface WatchedBackend extends BackendProcess {
  dataDir: string
  memory: readonly MemorySample[]
  cpuSeconds(): Promise<number>
  cpuSecondsByThread(): Promise<Map<string, number>>
  /** Delays since the call before. */
  eventLoopDelay(): Promise<EventLoopDelay>
  backlog(): Promise<{ recordsBehind: number; bytes: number }>
  storedBytes(): Promise<number>
  ownFigures(): Promise<OwnFigures>
  /** Resolves when nothing waits in the queue, with the seconds that took; undefined at the deadline. */
  untilWritten(timeoutSeconds: number): Promise<number | undefined>
  /** Resolves when its processes have been idle for a while, merges included; false at the deadline. */
  untilAtRest(timeoutSeconds: number): Promise<boolean>
}

const eventLoopProbe = new URL('../ingest-event-loop.ts', import.meta.url)
const memoryIntervalMillis = 2000
const restSeconds = 8
/** An idle engine wakes up now and then. */
const restCpuShareMax = 0.06

export const startWatchedBackend = async (
  dataDir: string,
  options: { profileFolder?: string | undefined } = {},
): Promise<WatchedBackend> => {
  const delayFile = join(dataDir, 'event-loop-delay.jsonl')
  const nodeOptions = [
    `--import=${fileURLToPath(eventLoopProbe)}`,
    ...(options.profileFolder === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${resolve(options.profileFolder)}`]),
  ]
  const backend = await startBackendProcess({
    dataDir,
    env: { NODE_OPTIONS: nodeOptions.join(' '), EVENT_LOOP_DELAY_FILE: delayFile },
  })
  const memory: MemorySample[] = []
  const cpuSeconds = async (): Promise<number> => (await processUsage(backend.pid)).cpuSeconds
  const sample = async (): Promise<void> => {
    const [usage, blockFileBytes] = await Promise.all([
      processUsage(backend.pid),
      folderBytes(blockFolderOf(dataDir)),
    ])
    memory.push({ atMillis: monotonicMillis(), ...usage, blockFileBytes })
  }
  const sampling = setInterval(() => void sample().catch(() => undefined), memoryIntervalMillis)

  const status = async (): Promise<Status> => {
    const response = await fetch(`${backend.apiUrl}/api/v1/status`)
    if (response.status !== 200) throw new Error(`the status is ${response.status}: ${await response.text()}`)
    return (await response.json()) as Status
  }
  const backlog = async (): Promise<{ recordsBehind: number; bytes: number }> => {
    const { queue } = await status()
    return queue.find(({ signal }) => signal === 'traces') ?? { recordsBehind: 0, bytes: 0 }
  }
  let delaysRead = 0

  return {
    ...backend,
    dataDir,
    memory,
    cpuSeconds,
    cpuSecondsByThread: () => cpuSecondsByThread(backend.pid),
    eventLoopDelay: async () => {
      process.kill(backend.pid, 'SIGUSR2')
      const line = await eventually(async () => {
        const lines = (await readFile(delayFile, 'utf8')).split('\n').slice(0, -1)
        const next = lines[delaysRead]
        if (next === undefined) throw new Error('the backend told no event-loop delay')
        return next
      }, 30_000)
      delaysRead += 1
      return JSON.parse(line) as EventLoopDelay
    },
    backlog,
    storedBytes: async () => (await status()).storage.bytes,
    ownFigures: async () => {
      const text = await (await fetch(`${backend.apiUrl}/metrics`)).text()
      return {
        syncs: meanDurationIn(text, 'aftertrace_queue_fsync_duration', 'topic="otlp_spans"'),
        inserts: meanDurationIn(text, 'aftertrace_writer_insert_duration', 'table="spans"'),
      }
    },
    untilWritten: async (timeoutSeconds) => {
      const startedAt = monotonicMillis()
      for (;;) {
        const { recordsBehind } = await backlog()
        const seconds = (monotonicMillis() - startedAt) / 1000
        if (recordsBehind === 0) return seconds
        if (seconds > timeoutSeconds) return undefined
        await delay(500)
      }
    },
    untilAtRest: async (timeoutSeconds) => {
      let used = await cpuSeconds()
      let quietSeconds = 0
      for (let second = 0; second < timeoutSeconds; second++) {
        await delay(1000)
        const now = await cpuSeconds()
        quietSeconds = now - used <= restCpuShareMax ? quietSeconds + 1 : 0
        used = now
        if (quietSeconds >= restSeconds) return true
      }
      return false
    },
    stop: () => {
      clearInterval(sampling)
      return backend.stop()
    },
    kill: () => {
      clearInterval(sampling)
      return backend.kill()
    },
  }
}

const meanDurationIn = (metrics: string, name: string, label: string): MeanDuration => {
  const lineOf = (suffix: string): number => {
    const lines = metrics.split('\n')
    const line = lines.find(
      (one) => one.startsWith(name) && one.includes(`_${suffix}{`) && one.includes(label),
    )
    return Number(line?.slice(line.lastIndexOf(' ')) ?? 0)
  }
  const count = lineOf('count')
  return { count, meanMillis: lineOf('sum') / Math.max(1, count) }
}

interface Status {
  queue: { signal: string; recordsBehind: number; bytes: number }[]
  storage: { rows: number; bytes: number }
}

/** As the embedded engine names it. */
const blockFolderOf = (dataDir: string): string =>
  join('/dev/shm', `aftertrace-${createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 16)}`)
