import type { Span } from '#telemetry/otlp/messages.ts'

type Said = Pick<Span, 'traceId' | 'spanId' | 'name' | 'startTimeUnixNano'> & Partial<Span>

/** A root span of a server that took a microsecond, with nothing else to it than what is said. */
export const makeSpan = (said: Said): Span => ({
  traceState: '',
  parentSpanId: new Uint8Array(0),
  flags: 0,
  kind: 2,
  endTimeUnixNano: said.startTimeUnixNano + 1000n,
  attributes: [],
  droppedAttributesCount: 0,
  events: [],
  droppedEventsCount: 0,
  links: [],
  droppedLinksCount: 0,
  ...said,
})
