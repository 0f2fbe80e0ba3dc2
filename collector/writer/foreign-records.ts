import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { prepareAsItCame, prepareDecoded } from '../receiver/prepare.ts'

/**
 * Records that no receiver of ours has put into the queue, such as an OpenTelemetry Collector's: they pass the receiver's tests
 * here, with the time at which they were queued as now, so that they make the same rows whenever they are read.
 */
export interface ForeignRecords {
  /**
   * The record with what is kept of it; undefined where that is nothing. What is dropped is counted.
   *
   * @throws OtlpDecodeError when it is no export request
   */
  check(signal: Signal, record: QueuedRecord): Promise<QueuedRecord | undefined>
}

export const createForeignRecords = (parts: {
  /** How old items may be. */
  retentionNanos: Readonly<Record<Signal, bigint>>
  selfMetrics: SelfMetrics
}): ForeignRecords => {
  const dropped = parts.selfMetrics.meter.createCounter('writer_foreign_items_dropped', {
    description: 'Items of records that others put into the queue which are not kept, by reason',
  })
  return {
    check: async (signal, record) => {
      const unprepared = {
        signal,
        encoding: 'protobuf' as const,
        bytes: record.payload,
        nowMillis: record.queuedAtMillis,
        retentionNanos: parts.retentionNanos[signal],
      }
      const { payload, tally } = (await prepareAsItCame(unprepared)) ?? prepareDecoded(unprepared)
      for (const [reason, { count }] of tally.reasons) dropped.add(count, { signal, reason })
      return payload === undefined ? undefined : { ...record, payload }
    },
  }
}
