/** The rows of records by way of objects: what the walk's rows are compared with. */
import type { QueuedRecord } from '#collector/queue/queue.ts'
import type { Batch } from '#collector/writer/batch.ts'
import { decodeBatch } from '#collector/writer/decode-batch.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'

/** @throws OtlpDecodeError and others for a record that makes no rows */
export const plainBatch = (signal: Signal, records: readonly QueuedRecord[]): Batch =>
  decodeBatch(signal, records, (_record, error) => {
    throw error
  })
