import type { Span, SpanEvent, SpanLink } from '#telemetry/otlp/messages.ts'
import type { SpanRow } from './exported-columns.ts'

const noId = new Uint8Array(0)

export const sentSpan = (row: SpanRow): Span => ({
  traceId: row.traceId,
  spanId: row.spanId,
  traceState: row.traceState,
  // The column has zeros where there is no parent.
  parentSpanId: row.parentSpanId.every((byte) => byte === 0) ? noId : row.parentSpanId,
  flags: row.flags,
  name: row.name,
  kind: row.kind,
  startTimeUnixNano: row.startTimeUnixNano,
  endTimeUnixNano: row.isOpen ? 0n : row.startTimeUnixNano + row.durationNanos,
  attributes: row.attributes,
  droppedAttributesCount: row.droppedAttributesCount,
  events: eventsOf(row),
  droppedEventsCount: row.droppedEventsCount,
  links: linksOf(row),
  droppedLinksCount: row.droppedLinksCount,
  status: { message: row.statusMessage, code: row.statusCode },
})

const eventsOf = (row: SpanRow): SpanEvent[] =>
  row.eventTimes.map((timeUnixNano, index) => ({
    timeUnixNano,
    name: row.eventNames[index] ?? '',
    attributes: row.eventAttributes[index] ?? [],
    droppedAttributesCount: row.eventDroppedAttributesCounts[index] ?? 0,
  }))

const linksOf = (row: SpanRow): SpanLink[] =>
  row.linkTraceIds.map((traceId, index) => ({
    traceId,
    spanId: row.linkSpanIds[index] ?? noId,
    traceState: row.linkTraceStates[index] ?? '',
    attributes: row.linkAttributes[index] ?? [],
    droppedAttributesCount: row.linkDroppedAttributesCounts[index] ?? 0,
    flags: row.linkFlags[index] ?? 0,
  }))
