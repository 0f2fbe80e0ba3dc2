import { fileURLToPath } from 'node:url'
import { mkdir } from 'node:fs/promises'
import { openLocalLog } from '#collector/queue/local-log.ts'
import { observeQueue } from '#collector/queue/queue-metrics.ts'
import type { ReceiverCounts } from '#collector/receiver/receiver-metrics.ts'
import { createReceiver } from '#collector/receiver/receiver.ts'
import { createDeadLetters } from '#collector/writer/dead-letters.ts'
import { createWriter } from '#collector/writer/writer.ts'
import { createQueryApi } from '#query-api/server.ts'
import { createDiskGuard } from '#runtime/disk-guard.ts'
import { Unavailable } from '#runtime/errors.ts'
import { createHealth } from '#runtime/health.ts'
import { createLifecycle } from '#runtime/lifecycle.ts'
import type { Logger } from '#runtime/logger.ts'
import { observeProcess } from '#runtime/process-metrics.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { openStore } from '#storage/connection.ts'
import { dropExpiredPartitions } from '#storage/expired-partitions.ts'
import { startHttpInterface } from '#storage/http-interface/http-interface.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { createRangeStore } from '#storage/range-store.ts'
import { applyRetention } from '#storage/retention.ts'
import { sql } from '#storage/sql.ts'
import { saveReceiverUrl } from './receiver-url.ts'
import {
  type ProgramSettings,
  listenHost,
  ownInterfaceSettings,
  retentionOf,
  storeSettings,
} from './settings.ts'

/** As one flat list of numbers, such as `acceptedSpans`. */
const flatCounts = ({
  accepted,
  refused,
  duplicateRequests,
  bytesInUse,
}: ReceiverCounts): Record<string, number> => ({
  acceptedSpans: accepted.traces,
  acceptedLogRecords: accepted.logs,
  acceptedMetricPoints: accepted.metrics,
  refusedSpans: refused.traces,
  refusedLogRecords: refused.logs,
  refusedMetricPoints: refused.metrics,
  duplicateRequests,
  bytesInUse,
})

export interface Backend {
  otlpHttpUrl: string
  otlpGrpcUrl: string
  apiUrl: string
  stop(): Promise<void>
}

const nanosPerSecond = 1_000_000_000n

/** The whole product in one process: role `all`. What was started is stopped in reverse, also when a later part fails. */
export const startBackend = async (
  values: ProgramSettings,
  logger: Logger,
  version: string,
): Promise<Backend> => {
  const ownInterface = ownInterfaceSettings(values)
  const lifecycle = createLifecycle(logger)
  try {
    const selfMetrics = createSelfMetrics()
    lifecycle.onStop('self metrics', () => selfMetrics.stop())
    lifecycle.onStop('process metrics', observeProcess(selfMetrics))
    const health = createHealth()

    // Telemetry tells much about a system: what is kept here is nobody else's to read.
    await mkdir(values.DATA_DIR, { recursive: true, mode: 0o700 })
    const store = await openStore(storeSettings(values))
    lifecycle.onStop('store', () => store.close())
    if (ownInterface !== undefined) {
      const httpInterface = await startHttpInterface({ ...ownInterface, logger })
      lifecycle.onStop('ClickHouse HTTP interface', () => httpInterface.stop())
    }
    let isMigrated = false

    const disk = createDiskGuard({
      folder: values.DATA_DIR,
      reserveBytesMax: values.DISK_RESERVE_BYTES_MAX,
      ballastBytesMax: values.DISK_BALLAST_BYTES_MAX,
      logger,
      selfMetrics,
      onRelease: async () => {
        const dropped = isMigrated ? await dropExpiredPartitions(store) : []
        logger.info({ dropped }, 'dropped what is over, to make room')
      },
    })
    lifecycle.onStop('disk guard', () => disk.stop())
    await disk.start()

    const queue = await openLocalLog({
      dataDir: values.DATA_DIR,
      logger,
      selfMetrics,
      unwrittenBytesMax: values.QUEUE_BYTES_MAX,
      admit: (byteCount) => disk.admit(byteCount),
    })
    lifecycle.onStop('queue', () => queue.close())
    observeQueue(queue, selfMetrics)

    const deadLetters = createDeadLetters({
      dataDir: values.DATA_DIR,
      logger,
      selfMetrics,
      bytesMax: values.DEAD_LETTER_BYTES_MAX,
    })

    const writer = createWriter({
      queue,
      store: createRangeStore(store, logger),
      deadLetters,
      logger,
      selfMetrics,
    })
    lifecycle.onStop('writer', () => writer.stop())

    const host = listenHost(values)
    const retentionNanos = {
      traces: BigInt(values.RETENTION_TRACES) * nanosPerSecond,
      logs: BigInt(values.RETENTION_LOGS) * nanosPerSecond,
      metrics: BigInt(values.RETENTION_METRICS) * nanosPerSecond,
    }
    const receiver = createReceiver({
      queue,
      retentionNanos,
      host,
      httpPort: values.OTLP_HTTP_PORT,
      grpcPort: values.OTLP_GRPC_PORT,
      tokens: values.INGEST_TOKENS,
      requestBytesMax: values.OTLP_REQUEST_BYTES_MAX,
      logger,
      selfMetrics,
    })

    const checkSchema = (): void => {
      if (!isMigrated) throw new Unavailable('the schema is being migrated to this version')
    }
    health.addCheck('schema', checkSchema)
    health.addCheck('store', async () => void (await store.query(sql`SELECT 1`, { maxExecutionSeconds: 2 })))
    // What cannot be written waits in the queue, so senders are still welcome.
    const checkWriter = (): void => {
      const failure = writer.failure()
      if (failure !== undefined) throw new Error(failure)
    }
    health.addCheck('writer', checkWriter, { isAdvisory: true })
    // What is stored can be read, and senders are told by the answer.
    health.addCheck('disk', () => disk.admit(0), { isAdvisory: true })

    let otlpPorts: { http: number | null; grpc: number | null } = { http: null, grpc: null }
    const api = createQueryApi({
      store: {
        ...store,
        query: async (...query) => {
          checkSchema()
          return store.query(...query)
        },
      },
      health,
      selfMetrics,
      logger,
      host,
      port: values.HTTP_PORT,
      uiFolder: fileURLToPath(new URL('../ui/dist', import.meta.url)),
      apiTokens: values.API_TOKENS,
      version,
      otlpPorts: () => otlpPorts,
      receiverCounts: () => flatCounts(receiver.counts()),
      disk: () => disk.state(),
      deadLetters: () => deadLetters.usage(),
      queueLags: () => queue.lags(),
    })
    const { url: apiUrl } = await api.start()
    lifecycle.onStop('query API', () => api.stop())

    const { httpUrl, grpcUrl } = await receiver.start()
    otlpPorts = { http: Number(new URL(httpUrl).port), grpc: Number(new URL(grpcUrl).port) }
    // Last in, first out: senders are turned away before anything that they need is stopped.
    lifecycle.onStop('receiver', () => receiver.stop())
    await saveReceiverUrl(values.DATA_DIR, httpUrl)
    lifecycle.onStop('readiness', () => health.drain())

    // After an upgrade this may move many rows: what is sent meanwhile waits in the queue.
    const { applied } = await migrate(store, { logger })
    if (applied.length > 0) logger.info({ applied }, 'schema migrated')
    await applyRetention(store, retentionOf(values))
    isMigrated = true
    writer.start()

    return { otlpHttpUrl: httpUrl, otlpGrpcUrl: grpcUrl, apiUrl, stop: () => lifecycle.stop() }
  } catch (error) {
    await lifecycle.stop()
    throw error
  }
}
