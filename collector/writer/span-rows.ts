import type { ExportTraceServiceRequest, Span } from '#telemetry/otlp/messages.ts'
import { attributeColumnLists, attributeColumns } from './attributes.ts'
import { type Batch, type RowOrigin, type ScopeColumns, scopeColumns } from './batch.ts'

const noSpanId = new Uint8Array(8)

export const addSpanRows = (
  batch: Batch,
  record: { tenant: string; queuedAtMillis: number },
  request: ExportTraceServiceRequest,
): void => {
  for (const { resource, schemaUrl, scopeSpans } of request.resourceSpans) {
    const origin: RowOrigin = {
      tenant: record.tenant,
      ingested_at: record.queuedAtMillis,
      resource_id: batch.addResource(record.tenant, resource, schemaUrl),
    }
    for (const { scope, schemaUrl: scopeSchemaUrl, spans } of scopeSpans) {
      const shared = scopeColumns(scope, scopeSchemaUrl)
      for (const span of spans) addSpanRow(batch, origin, shared, span)
    }
  }
}

const addSpanRow = (batch: Batch, origin: RowOrigin, scope: ScopeColumns, span: Span): void => {
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
    span_id: span.spanId,
    parent_span_id: span.parentSpanId.length === 0 ? noSpanId : span.parentSpanId,
    trace_state: span.traceState,
    flags: span.flags,
    start_time: span.startTimeUnixNano,
    duration_nanos: isOpen ? 0n : span.endTimeUnixNano - span.startTimeUnixNano,
    is_open: isOpen,
    name: span.name,
    kind: span.kind,
    status_code: span.status?.code ?? 0,
    status_message: span.status?.message ?? '',
    dropped_attributes_count: span.droppedAttributesCount,
    event_times: span.events.map((event) => event.timeUnixNano),
    event_names: span.events.map((event) => event.name),
    event_attributes: eventAttributes.maps,
    event_attribute_types: eventAttributes.types,
    event_dropped_attributes_counts: span.events.map((event) => event.droppedAttributesCount),
    dropped_events_count: span.droppedEventsCount,
    link_trace_ids: span.links.map((link) => link.traceId),
    link_span_ids: span.links.map((link) => link.spanId),
    link_trace_states: span.links.map((link) => link.traceState),
    link_attributes: linkAttributes.maps,
    link_attribute_types: linkAttributes.types,
    link_dropped_attributes_counts: span.links.map((link) => link.droppedAttributesCount),
    link_flags: span.links.map((link) => link.flags),
    dropped_links_count: span.droppedLinksCount,
  })
}
