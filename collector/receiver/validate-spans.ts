import type { Span } from '#telemetry/otlp/messages.ts'
import { attributesMax, type RejectionReason } from './rejections.ts'
import { isInWindow, isStorable, isUsableId, type TimeWindow } from './item-rules.ts'

/** An end of 0 means that the span is still open, and is kept; so is an end before the start. */
export const whyRejectSpan = (span: Span, window: TimeWindow): RejectionReason | undefined => {
  if (!isUsableId(span.traceId, 16)) return 'invalid_trace_id'
  if (!isUsableId(span.spanId, 8)) return 'invalid_span_id'
  if (span.parentSpanId.length !== 0 && !isParentId(span.parentSpanId)) return 'invalid_parent_span_id'
  if (!isInWindow(span.startTimeUnixNano, window)) return 'time_out_of_range'
  if (!isStorable(span.endTimeUnixNano)) return 'time_not_storable'
  return span.attributes.length > attributesMax ? 'too_many_attributes' : undefined
}

/** All zeros, of whatever length, are how some SDKs say "no parent". */
const isParentId = (id: Uint8Array): boolean => id.length === 8 || id.every((byte) => byte === 0)

const noId = new Uint8Array(0)

/** The same object comes back unless its parent id is zeros of a length that the store cannot hold. */
export const withUsableParent = (span: Span): Span =>
  span.parentSpanId.length === 0 || span.parentSpanId.length === 8 ? span : { ...span, parentSpanId: noId }
