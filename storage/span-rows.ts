import { attributeList } from './attribute-list.ts'
import type { Store } from './connection.ts'
import { type ReadScope, type TimeRange, durationOf, limitedTo } from './read-scope.ts'
import { type Sql, sql } from './sql.ts'
import type { StoredSpan } from './trace-store.ts'

const spanSeconds = 20

/** Traces asked for together reach this far beyond the range in which they were looked for. */
export const traceReachNanos = 86_400_000_000_000n

/** The rows of one tenant's traces: through the index on the text of the id, which the sorting key has too. */
export const tracesWhere = (
  scope: ReadScope,
  traceIds: readonly string[],
  range: TimeRange | undefined,
): Sql => {
  const conditions = [
    sql`tenant = ${sql.string(scope.tenant)}`,
    // A single id compares faster than a set of one.
    traceIds.length === 1
      ? sql`lower(hex(trace_id)) = ${sql.string(traceIds[0] ?? '')}`
      : sql`lower(hex(trace_id)) IN (${sql.join(traceIds.map(sql.string), sql`, `)})`,
  ]
  if (range) {
    conditions.push(
      sql`start_time >= ${sql.dateTime64(range.fromNanos - traceReachNanos)}`,
      sql`start_time < ${sql.dateTime64(range.toNanos + traceReachNanos)}`,
    )
  }
  return sql.join(conditions, sql` AND `)
}

/** The spans of each trace by start time, the `spansMax` earliest of each. Traces that are not there are left out. */
export const readSpans = async (
  store: Store,
  scope: ReadScope,
  wanted: { traceIds: readonly string[]; spansMax: number; range?: TimeRange | undefined },
): Promise<Map<string, { spans: StoredSpan[]; isTruncated: boolean }>> => {
  const traces = new Map<string, { spans: StoredSpan[]; isTruncated: boolean }>()
  if (wanted.traceIds.length === 0) return traces
  const where = tracesWhere(scope, wanted.traceIds, wanted.range)
  const rows = await store.query<SpanRow>(
    earliestSpans(where, wanted.spansMax),
    limitedTo(scope, spanSeconds),
  )
  for (const row of rows) {
    const trace = traces.get(row.trace) ?? { spans: [], isTruncated: false }
    if (trace.spans.length < wanted.spansMax) trace.spans.push(spanOf(row))
    else trace.isTruncated = true
    traces.set(row.trace, trace)
  }
  for (const trace of traces.values())
    if (trace.isTruncated) for (const span of trace.spans) span.isParentMissing = false
  return traces
}

/** One more than asked for, so that a cut shows. */
const earliestSpans = (where: Sql, spansMax: number): Sql => sql`
  SELECT lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
    if(parent_span_id = toFixedString('', 8), '', lower(hex(parent_span_id))) AS parent,
    trace_state, flags, toString(toUnixTimestamp64Nano(start_time)) AS start, toString(duration_nanos) AS duration,
    is_open, name, kind, status_code, status_message, toString(resource_id) AS resource, scope_name, scope_version,
    mapKeys(attributes) AS keys, mapValues(attributes) AS texts, attribute_types, dropped_attributes_count,
    arrayMap(time -> toString(time), events.time_unix_nano) AS times, events.name AS event_names,
    arrayMap(map -> mapKeys(map), events.attributes) AS event_keys,
    arrayMap(map -> mapValues(map), events.attributes) AS event_texts, events.attribute_types AS event_attribute_types, dropped_events_count,
    arrayMap(id -> lower(hex(id)), links.trace_id) AS link_traces,
    arrayMap(id -> lower(hex(id)), links.span_id) AS link_spans,
    arrayMap(map -> mapKeys(map), links.attributes) AS link_keys,
    arrayMap(map -> mapValues(map), links.attributes) AS link_texts, links.attribute_types AS link_attribute_types, dropped_links_count
  FROM
  (
    SELECT *, span_id, parent_span_id FROM spans WHERE ${where}
    ORDER BY trace_id, span_id, is_open, ingested_at DESC
    LIMIT 1 BY trace_id, span_id
  )
  ORDER BY start_time, span_id
  LIMIT ${sql.uint64(spansMax + 1)} BY trace_id`

interface SpanRow {
  trace: string
  span: string
  parent: string
  trace_state: string
  flags: number
  start: string
  duration: string
  is_open: boolean
  name: string
  kind: number
  status_code: number
  status_message: string
  resource: string
  scope_name: string
  scope_version: string
  keys: string[]
  texts: string[]
  attribute_types: string
  dropped_attributes_count: number
  times: string[]
  event_names: string[]
  event_keys: string[][]
  event_texts: string[][]
  event_attribute_types: string[]
  dropped_events_count: number
  link_traces: string[]
  link_spans: string[]
  link_keys: string[][]
  link_texts: string[][]
  link_attribute_types: string[]
  dropped_links_count: number
}

const spanOf = (row: SpanRow): StoredSpan => ({
  spanId: row.span,
  parentSpanId: row.parent,
  name: row.name,
  kind: row.kind,
  startTimeUnixNano: row.start,
  durationNanos: durationOf(row.duration),
  isOpen: row.is_open,
  statusCode: row.status_code,
  statusMessage: row.status_message,
  resourceId: row.resource,
  scope: { name: row.scope_name, version: row.scope_version },
  attributes: attributeList(row.keys, row.texts, row.attribute_types),
  events: row.times.map((timeUnixNano, index) => ({
    timeUnixNano,
    name: row.event_names[index] ?? '',
    attributes: attributeList(
      row.event_keys[index] ?? [],
      row.event_texts[index] ?? [],
      row.event_attribute_types[index] ?? '',
    ),
  })),
  links: row.link_traces.map((traceId, index) => ({
    traceId,
    spanId: row.link_spans[index] ?? '',
    attributes: attributeList(
      row.link_keys[index] ?? [],
      row.link_texts[index] ?? [],
      row.link_attribute_types[index] ?? '',
    ),
  })),
  traceState: row.trace_state,
  flags: row.flags,
  droppedCounts: {
    attributes: row.dropped_attributes_count,
    events: row.dropped_events_count,
    links: row.dropped_links_count,
  },
  isParentMissing: false,
})
