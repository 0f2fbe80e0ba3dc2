import type { LogRecord } from '#telemetry/otlp/messages.ts'
import { isInWindow, isStorable, isUsableId, type TimeWindow } from './item-rules.ts'
import { attributesMax, type RejectionReason } from './rejections.ts'

/** A record without any time counts as of now. */
export const whyRejectLogRecord = (record: LogRecord, window: TimeWindow): RejectionReason | undefined => {
  const time = record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano
  if (time !== 0n && !isInWindow(time, window)) return 'time_out_of_range'
  if (!isStorable(record.observedTimeUnixNano)) return 'time_not_storable'
  return record.attributes.length > attributesMax ? 'too_many_attributes' : undefined
}

const noId = new Uint8Array(0)

/**
 * A record with invalid ids belongs to no trace; it is kept, without them. The same object comes back when there is
 * nothing to mend.
 */
export const withUsableIds = (record: LogRecord): LogRecord => {
  const { traceId, spanId } = record
  const hasTrace = traceId.length === 0 || isUsableId(traceId, 16)
  const hasSpan = spanId.length === 0 || isUsableId(spanId, 8)
  if (hasTrace && hasSpan) return record
  return { ...record, traceId: hasTrace ? traceId : noId, spanId: hasTrace && hasSpan ? spanId : noId }
}
