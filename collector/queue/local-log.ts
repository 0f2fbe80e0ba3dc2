import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import { syncNamesUpTo } from '#runtime/sync-folder.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { type LocalPartition, openLocalPartition } from './local-partition.ts'
import {
  type QueueAppender,
  type QueueConsumer,
  type QueuePartition,
  type WritePartition,
  topicBySignal,
} from './queue.ts'

export interface LocalLogSettings {
  dataDir: string
  logger: Logger
  selfMetrics?: SelfMetrics
  now?: () => number
  segmentBytes?: number
  unwrittenBytesMax?: number
  pendingBytesMax?: number
  /** Told of every append before it is taken. @throws Unavailable when there is no room for it on the disk */
  admit?: (byteCount: number) => void
}

/** Both ends of the queue in one process, one partition for each signal. */
export interface LocalLog extends QueueAppender, QueueConsumer {
  partition(signal: Signal): QueuePartition
}

/** Another process has the queue open. */
export class QueueInUse extends Error {
  override readonly name = 'QueueInUse'
}

/** Sizes that suit one machine: a backlog of some hours at a busy rate, and bursts of several full requests. */
const segmentBytesDefault = 64 << 20
const unwrittenBytesMaxDefault = 4 * 2 ** 30
const pendingBytesMaxDefault = 256 << 20

/**
 * The queue of the embedded shape: a segmented log of exports under `DATA_DIR/queue`, one partition per signal.
 *
 * @throws QueueInUse when another process uses the folder.
 */
export const openLocalLog = async (settings: LocalLogSettings): Promise<LocalLog> => {
  const folder = join(settings.dataDir, 'queue')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const release = await claimFolder(folder)
  const syncMillis = settings.selfMetrics?.meter.createHistogram('queue_fsync_duration', {
    description: 'How long making appended records durable took',
    unit: 'ms',
  })
  const partitions = new Map<Signal, LocalPartition>()
  for (const signal of signals) {
    const topic = topicBySignal[signal]
    const partition = await openLocalPartition({
      name: `${topic}/0`,
      folder: join(folder, topic, '0'),
      segmentBytes: settings.segmentBytes ?? segmentBytesDefault,
      unwrittenBytesMax: settings.unwrittenBytesMax ?? unwrittenBytesMaxDefault,
      pendingBytesMax: settings.pendingBytesMax ?? pendingBytesMaxDefault,
      admit: settings.admit,
      logger: settings.logger,
      now: settings.now ?? Date.now,
      onSync: (durationMillis) => syncMillis?.record(durationMillis, { topic }),
    })
    await syncNamesUpTo(settings.dataDir, join(folder, topic, '0'))
    partitions.set(signal, partition)
  }
  const partitionOf = (signal: Signal): LocalPartition => {
    const partition = partitions.get(signal)
    if (partition === undefined) throw new Error(`no partition for ${signal}`)
    return partition
  }
  const closing = new AbortController()
  const writing: Promise<void>[] = []
  return {
    append: (signal, record) => partitionOf(signal).append(record),
    checkRoom: (signal, byteCount) => partitionOf(signal).checkRoom(byteCount),
    partition: partitionOf,
    start: (write: WritePartition) => {
      for (const [signal, partition] of partitions)
        writing.push(write({ signal, partition, released: closing.signal }))
    },
    lags: () =>
      [...partitions].map(([signal, partition]) => ({
        signal,
        topic: topicBySignal[signal],
        partition: 0,
        ...partition.lag(),
      })),
    close: async () => {
      closing.abort()
      await Promise.all(writing)
      await Promise.all([...partitions.values()].map((partition) => partition.close()))
      await release()
    },
  }
}

/**
 * Two processes on one log would destroy it. The claim names the process and when it began, so that one left behind by a
 * killed process does not stop the next, also where its number belongs to another program by now, which is usual when a
 * container starts anew.
 */
const claimFolder = async (folder: string): Promise<() => Promise<void>> => {
  const path = join(folder, 'owner')
  for (;;) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(`${process.pid} ${await startOf(process.pid)}`)
      await file.close()
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const claim = await readFile(path, 'utf8').catch(() => '0')
    const [owner = 0, start = 0] = claim.split(' ').map(Number)
    if (owner !== process.pid && isAlive(owner) && (start === 0 || start === (await startOf(owner))))
      throw new QueueInUse(
        `${folder} is in use by process ${owner}; if that is another program, remove ${path}`,
      )
    await rm(path, { force: true })
  }
}

/** When a process began, in the system's own unit; 0 where the system does not tell. */
const startOf = async (pid: number): Promise<number> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The 22nd field; the second, the program's name, may itself hold spaces and parentheses.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? 0)
}

const isAlive = (pid: number): boolean => {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
