/** The way of the data in this process: queue, writer and embedded store, in a folder of their own. */
import { type LocalLog, openLocalLog } from '#collector/queue/local-log.ts'
import { createDeadLetters } from '#collector/writer/dead-letters.ts'
import { createWriter } from '#collector/writer/writer.ts'
import { silentLogger } from '#runtime/logger.ts'
import { type SelfMetrics, createSelfMetrics } from '#runtime/self-metrics.ts'
import type { Store } from '#storage/connection.ts'
import { createRangeStore } from '#storage/range-store.ts'
import { signals } from '#telemetry/otlp/messages.ts'
import { eventually } from './eventually.ts'
import { openMigratedStore } from './migrated-store.ts'

const writtenMillisMax = 15_000

export interface Pipeline {
  store: Store
  queue: LocalLog
  selfMetrics: SelfMetrics
  /** Resolves once everything queued so far is in the store. */
  written(): Promise<void>
  stop(): Promise<void>
}

export const startPipeline = async (): Promise<Pipeline> => {
  const selfMetrics = createSelfMetrics()
  const { store, dataDir, close } = await openMigratedStore()
  const queue = await openLocalLog({ dataDir, logger: silentLogger })
  const writer = createWriter({
    queue,
    store: createRangeStore(store),
    deadLetters: createDeadLetters({ dataDir, logger: silentLogger }),
    logger: silentLogger,
    selfMetrics,
    gatherMillis: 10,
  })
  writer.start()
  return {
    store,
    queue,
    selfMetrics,
    written: () =>
      eventually(() => {
        const behind = signals.filter((signal) => queue.partition(signal).lag().recordsBehind > 0)
        if (behind.length > 0) throw new Error(writer.failure() ?? `not yet written: ${behind.join(', ')}`)
      }, writtenMillisMax),
    stop: async () => {
      await writer.stop()
      await queue.close()
      await close()
      await selfMetrics.stop()
    },
  }
}
