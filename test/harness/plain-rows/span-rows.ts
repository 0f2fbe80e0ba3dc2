import { InvalidInput } from '#runtime/errors.ts'
import type { TableRow } from '#storage/physical-tables.ts'
import { samplingThreshold } from '#telemetry/sampling.ts'
import type { ExportTraceServiceRequest, Span } from '#telemetry/otlp/messages.ts'
import { attributeColumnLists, attributeColumns } from '#collector/writer/attributes.ts'
import { type Batch, type RowOrigin, type ScopeColumns, rowOrigin, scopeColumns } from './batch.ts'
import { serviceIdentity } from '#collector/writer/service-identity.ts'

/** The span's id and its parent's; no parent is zeros. */
const spanIds = ({ spanId, parentSpanId }: Span): Uint8Array => {
  if (spanId.length !== 8 || (parentSpanId.length !== 8 && parentSpanId.length !== 0))
    throw new InvalidInput(`a span id of ${spanId.length} and a parent's of ${parentSpanId.length} bytes`)
  const ids = new Uint8Array(16)
  ids.set(spanId, 0)
  ids.set(parentSpanId, 8)
  return ids
}

export const addSpanRows = (
  batch: Batch,
  record: { tenant: string; queuedAtMillis: number },
  request: ExportTraceServiceRequest,
): void => {
  for (const { resource, schemaUrl, scopeSpans } of request.resourceSpans) {
    const service = serviceIdentity(resource)
    const spanOrigin: SpanOrigin = {
      ...rowOrigin(record, batch.addResource(record.tenant, resource, schemaUrl), service),
      service_namespace: service.namespace,
      environment: service.environment,
      service_version: service.version,
    }
    for (const { scope, schemaUrl: scopeSchemaUrl, spans } of scopeSpans) {
      const shared = scopeColumns(scope, scopeSchemaUrl)
      for (const span of spans) addSpanRow(batch, spanOrigin, shared, span)
    }
  }
}

type SpanOrigin = RowOrigin & Pick<TableRow<'spans'>, 'service_namespace' | 'environment' | 'service_version'>

const addSpanRow = (batch: Batch, origin: SpanOrigin, scope: ScopeColumns, span: Span): void => {
  const isOpen = span.endTimeUnixNano === 0n
  const { map, types } = attributeColumns(span.attributes)
  const eventAttributes = attributeColumnLists(span.events.map((event) => event.attributes))
  const linkAttributes = attributeColumnLists(span.links.map((link) => link.attributes))
  batch.addRow('spans', span.startTimeUnixNano, {
    ...origin,
    ...scope,
    attributes: map,
    attribute_types: types,
    trace_id: span.traceId,
    span_ids: spanIds(span),
    trace_state: span.traceState,
    sampling_threshold: samplingThreshold(span.traceState),
    flags: span.flags,
    start_time: span.startTimeUnixNano,
    duration_nanos: isOpen ? 0n : span.endTimeUnixNano - span.startTimeUnixNano,
    is_open: isOpen,
    name: span.name,
    kind: span.kind,
    status_code: span.status?.code ?? 0,
    status_message: span.status?.message ?? '',
    dropped_attributes_count: span.droppedAttributesCount,
    'events.time_unix_nano': span.events.map((event) => event.timeUnixNano),
    'events.name': span.events.map((event) => event.name),
    'events.attributes': eventAttributes.maps,
    'events.attribute_types': eventAttributes.types,
    'events.dropped_attributes_count': span.events.map((event) => event.droppedAttributesCount),
    dropped_events_count: span.droppedEventsCount,
    'links.trace_id': span.links.map((link) => link.traceId),
    'links.span_id': span.links.map((link) => link.spanId),
    'links.trace_state': span.links.map((link) => link.traceState),
    'links.attributes': linkAttributes.maps,
    'links.attribute_types': linkAttributes.types,
    'links.dropped_attributes_count': span.links.map((link) => link.droppedAttributesCount),
    'links.flags': span.links.map((link) => link.flags),
    dropped_links_count: span.droppedLinksCount,
  })
}
