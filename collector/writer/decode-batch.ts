import type { Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { type Batch, createBatch } from './batch.ts'
import { addLogRows } from './log-rows.ts'
import { addMetricRows } from './metric-rows.ts'
import { addSpanRows } from './span-rows.ts'

/**
 * The rows of a range of records. They depend on the records' bytes and queue times only, so that the same range always
 * makes the same blocks. A record that makes no rows (it cannot be decoded, or holds a value that no column takes) is
 * handed to `onPoison`.
 */
export const decodeBatch = (
  signal: Signal,
  records: readonly QueuedRecord[],
  onPoison: (record: QueuedRecord, error: unknown) => void,
): Batch => {
  try {
    return gather(signal, records)
  } catch {
    // One of them is bad. Each is tried by itself, and the good ones are gathered again without it.
    return gather(
      signal,
      records.filter((record) => {
        try {
          gather(signal, [record])
          return true
        } catch (error) {
          onPoison(record, error)
          return false
        }
      }),
    )
  }
}

const gather = (signal: Signal, records: readonly QueuedRecord[]): Batch => {
  const batch = createBatch()
  for (const record of records) {
    if (signal === 'traces') addSpanRows(batch, record, decodeExportRequest('traces', record.payload))
    else if (signal === 'logs') addLogRows(batch, record, decodeExportRequest('logs', record.payload))
    else addMetricRows(batch, record, decodeExportRequest('metrics', record.payload))
  }
  return batch
}
