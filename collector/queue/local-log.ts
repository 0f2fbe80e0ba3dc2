import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { type LocalPartition, openLocalPartition } from './local-partition.ts'
import { type Queue, topicBySignal } from './queue.ts'

export interface LocalLogSettings {
  dataDir: string
  logger: Logger
  selfMetrics?: SelfMetrics
  now?: () => number
  segmentBytes?: number
  unwrittenBytesMax?: number
  pendingBytesMax?: number
}

/** Sizes that suit one machine: a backlog of some hours at a busy rate, and bursts of several full requests. */
const segmentBytesDefault = 64 << 20
const unwrittenBytesMaxDefault = 4 * 2 ** 30
const pendingBytesMaxDefault = 256 << 20

/**
 * The queue of the embedded shape: a segmented log of exports under `DATA_DIR/queue`, one partition per signal.
 *
 * @throws Error when another process uses the folder.
 */
export const openLocalLog = async (settings: LocalLogSettings): Promise<Queue> => {
  const folder = join(settings.dataDir, 'queue')
  await mkdir(folder, { recursive: true })
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
      logger: settings.logger,
      now: settings.now ?? Date.now,
      onSync: (durationMillis) => syncMillis?.record(durationMillis, { topic }),
    })
    partitions.set(signal, partition)
  }
  const partitionOf = (signal: Signal): LocalPartition => {
    const partition = partitions.get(signal)
    if (partition === undefined) throw new Error(`no partition for ${signal}`)
    return partition
  }
  return {
    append: (signal, record) => partitionOf(signal).append(record),
    partition: partitionOf,
    close: async () => {
      await Promise.all([...partitions.values()].map((partition) => partition.close()))
      await release()
    },
  }
}

/**
 * Two processes on one log would destroy it. The claim names the process, so that one left behind by a killed process
 * does not stop the next.
 */
const claimFolder = async (folder: string): Promise<() => Promise<void>> => {
  const path = join(folder, 'owner')
  for (;;) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      return () => rm(path, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => '0'))
    if (owner !== process.pid && isAlive(owner))
      throw new Error(`${folder} is in use by process ${owner}; if that is another program, remove ${path}`)
    await rm(path, { force: true })
  }
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
