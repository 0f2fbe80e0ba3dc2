import type { Attribute } from '#storage/attribute-list.ts'
import type { StoredResource } from '#storage/resource-rows.ts'
import type { StoredSpan, StoredTrace } from '#storage/traces/trace-store.ts'

/** A trace in the JSON of Jaeger's first query API. Times and durations are whole microseconds. */
export interface JaegerTrace {
  traceID: string
  spans: JaegerSpan[]
  processes: Record<string, { serviceName: string; tags: JaegerTag[] }>
  warnings: string[] | null
}

export interface JaegerSpan {
  traceID: string
  spanID: string
  flags: number
  operationName: string
  references: { refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string }[]
  startTime: number
  duration: number
  tags: JaegerTag[]
  logs: { timestamp: number; fields: JaegerTag[] }[]
  processID: string
  warnings: string[] | null
}

export interface JaegerTag {
  key: string
  type: 'string' | 'bool' | 'int64' | 'float64' | 'binary'
  value: string | number | boolean
}

const kindTags = ['', 'internal', 'server', 'client', 'producer', 'consumer']

export const jaegerTrace = (trace: StoredTrace): JaegerTrace => {
  const processIds = new Map([...trace.resources.keys()].map((id, index) => [id, `p${index + 1}`]))
  const unknownProcess = 'p0'
  const processes = Object.fromEntries(
    [...trace.resources].map(([id, resource]) => [processIds.get(id) ?? unknownProcess, processOf(resource)]),
  )
  const spans = trace.spans.map((span) =>
    spanOf(trace.traceId, span, processIds.get(span.resourceId) ?? unknownProcess),
  )
  if (spans.some((span) => span.processID === unknownProcess))
    processes[unknownProcess] = { serviceName: '', tags: [] }
  const warning = `the trace is longer; these are its ${trace.spans.length} earliest spans`
  return { traceID: trace.traceId, spans, processes, warnings: trace.isTruncated ? [warning] : null }
}

const processOf = (resource: StoredResource): { serviceName: string; tags: JaegerTag[] } => ({
  serviceName: resource.serviceName,
  tags: resource.attributes.filter(({ key }) => key !== 'service.name').map(tagOf),
})

const spanOf = (traceId: string, span: StoredSpan, processID: string): JaegerSpan => ({
  traceID: traceId,
  spanID: span.spanId,
  // Jaeger's own flags, of which only "sampled" is meaningful here.
  flags: span.flags & 1,
  operationName: span.name,
  references: [
    ...(span.parentSpanId === ''
      ? []
      : [{ refType: 'CHILD_OF' as const, traceID: traceId, spanID: span.parentSpanId }]),
    ...span.links.map((link) => ({
      refType: 'FOLLOWS_FROM' as const,
      traceID: link.traceId,
      spanID: link.spanId,
    })),
  ],
  startTime: microsOf(span.startTimeUnixNano),
  duration: Math.floor(span.durationNanos / 1000),
  tags: [...span.attributes.map(tagOf), ...conventionalTags(span)],
  logs: span.events.map((event) => ({
    timestamp: microsOf(event.timeUnixNano),
    fields: [...(event.name === '' ? [] : [text('event', event.name)]), ...event.attributes.map(tagOf)],
  })),
  processID,
  warnings: warningsOf(span),
})

/** What OpenTelemetry keeps in fields and Jaeger in tags. An attribute of the same name stays as it was sent. */
const conventionalTags = (span: StoredSpan): JaegerTag[] => {
  const tags: JaegerTag[] = []
  const kind = kindTags[span.kind]
  if (kind) tags.push(text('span.kind', kind))
  if (span.statusCode === 1) tags.push(text('otel.status_code', 'OK'))
  if (span.statusCode === 2)
    tags.push({ key: 'error', type: 'bool', value: true }, text('otel.status_code', 'ERROR'))
  if (span.statusMessage !== '') tags.push(text('otel.status_description', span.statusMessage))
  if (span.scope.name !== '') tags.push(text('otel.scope.name', span.scope.name))
  if (span.scope.version !== '') tags.push(text('otel.scope.version', span.scope.version))
  if (span.traceState !== '') tags.push(text('w3c.tracestate', span.traceState))
  return tags.filter((tag) => !span.attributes.some(({ key }) => key === tag.key))
}

const warningsOf = (span: StoredSpan): string[] | null => {
  const warnings: string[] = []
  if (span.isParentMissing) warnings.push(`its parent span ${span.parentSpanId} is not in the trace`)
  if (span.isOpen) warnings.push('it has not ended: it is under way, or its process died before it ended')
  return warnings.length === 0 ? null : warnings
}

const microsOf = (nanos: string): number => Number(BigInt(nanos) / 1000n)

const text = (key: string, value: string): JaegerTag => ({ key, type: 'string', value })

/** Arrays and maps stay JSON texts; Jaeger has no such types. */
const tagOf = ({ key, value, type }: Attribute): JaegerTag => {
  if (type === 'bool') return { key, type: 'bool', value: value === 'true' }
  if (type === 'bytes') return { key, type: 'binary', value }
  if (type === 'int' || type === 'double') {
    const number = Number(value)
    const isExact = type === 'int' ? Number.isSafeInteger(number) : Number.isFinite(number)
    // A number that JSON cannot carry exactly is better read as text than wrong.
    return isExact ? { key, type: type === 'int' ? 'int64' : 'float64', value: number } : text(key, value)
  }
  return text(key, value)
}
