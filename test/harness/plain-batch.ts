/** The rows of records by way of objects: what the walk's rows are compared with. */
import type { QueuedRecord } from '#collector/queue/queue.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type Batch, createBatch } from './plain-rows/batch.ts'
import { addLogRows } from './plain-rows/log-rows.ts'
import { addMetricRows } from './plain-rows/metric-rows.ts'
import { addSpanRows } from './plain-rows/span-rows.ts'

/** @throws OtlpDecodeError and others for a record that makes no rows */
export const plainBatch = (signal: Signal, records: readonly QueuedRecord[]): Batch => {
  const batch = createBatch()
  for (const record of records) {
    if (signal === 'traces') addSpanRows(batch, record, decodeExportRequest('traces', record.payload))
    else if (signal === 'logs') addLogRows(batch, record, decodeExportRequest('logs', record.payload))
    else addMetricRows(batch, record, decodeExportRequest('metrics', record.payload))
  }
  return batch
}
