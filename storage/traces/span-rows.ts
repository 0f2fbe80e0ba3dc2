import { type MapEntries, attributeList, mapEntries, mapEntryLists } from '../attribute-list.ts'
import { QueryTooLarge, type Store } from '../connection.ts'
import { type ReadScope, type TimeRange, durationOf, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import { beats } from './figures.ts'
import { isOfTraces, traceReachNanos } from './rows.ts'
import type { StoredSpan } from './trace-store.ts'

const spanSeconds = 20
/** Of the spans of one reading, as columns hold them. Where there are more, each trace has its share of them. */
const spanBytesMax = 64 << 20
/** Found before reading begins; what a few granules hold is read before more threads would have begun. */
const pointRead = sql`SETTINGS use_skip_indexes_on_data_read = 0, max_threads = 1`

interface WantedSpans {
  traceIds: readonly string[]
  spansMax: number
  range?: TimeRange | undefined
}

export interface SpansOfTrace {
  spans: StoredSpan[]
  isTruncated: boolean
}

/**
 * The spans of each trace by start time, the `spansMax` earliest of each, and fewer where they are large. Traces that are not
 * there are left out, and so are, where even a share of each is too much, the last ones.
 */
export const readSpans = async (
  store: Store,
  scope: ReadScope,
  { traceIds, spansMax, range }: WantedSpans,
): Promise<Map<string, SpansOfTrace>> => {
  const spansByTrace = new Map<string, SpansOfTrace>()
  if (traceIds.length === 0) return spansByTrace
  const within = range && {
    fromNanos: range.fromNanos - traceReachNanos,
    toNanos: range.toNanos + traceReachNanos,
  }
  const reading: SpanReading = { store, scope, within, spansMax }
  const whole = await readWhole(reading, traceIds)
  const large =
    whole === undefined
      ? traceIds
      : [...whole].filter(([, rows]) => rows.length > spansMax).map(([trace]) => trace)
  const cut = large.length > 0 ? await readCut(reading, large) : new Map<string, CutTrace>()
  const rowsByTrace = new Map(whole)
  for (const trace of large) rowsByTrace.delete(trace)
  for (const [trace, { rows }] of cut) rowsByTrace.set(trace, rows)
  const linksByRow = await readLinks(store, scope, [...rowsByTrace.values()].flat())
  for (const [trace, rows] of rowsByTrace) {
    const spans = onceEach(rows).map((row) => spanOf(row, linksByRow.get(rowKey(row)) ?? []))
    const ordered = spans.toSorted(byStart)
    spansByTrace.set(trace, {
      spans: ordered.slice(0, spansMax),
      isTruncated: cut.get(trace)?.isTruncated ?? ordered.length > spansMax,
    })
  }
  return spansByTrace
}

/**
 * Each column, and each function over one, costs the engine as much as some thousand rows. So values come as they lie, maps
 * as pairs (as JSON objects they would lose the order and equal keys), and what few spans have is asked for where it is.
 */
const columns = sql`
  lower(hex(trace_id)) AS trace, lower(hex(span_ids)) AS ids, trace_state, flags,
  toUnixTimestamp64Nano(start_time) AS start, duration_nanos, is_open, name, kind, status_code, status_message,
  resource_id, scope_name, scope_version, ingested_at,
  ${mapEntries(sql`attributes`)} AS entries, attribute_types, dropped_attributes_count,
  events.time_unix_nano AS times, events.name AS event_names,
  ${mapEntryLists(sql`events.attributes`)} AS event_entries,
  events.attribute_types AS event_attribute_types, dropped_events_count, notEmpty(links.flags) AS has_links, dropped_links_count`

/** Rows as they come, and one more than asked for, so that a cut shows. */
const anySpans = (where: Sql, { spansMax, isOne }: { spansMax: number; isOne: boolean }): Sql => sql`
  SELECT ${columns} FROM spans ${where}
  LIMIT ${sql.uint64(spansMax + 1)}${isOne ? sql.empty : sql` BY trace_id`}
  ${pointRead}`

interface SpanReading {
  store: Store
  scope: ReadScope
  within: TimeRange | undefined
  spansMax: number
}

const whereTraces = ({ scope, within }: SpanReading, traceIds: readonly string[], more = sql.empty): Sql =>
  sql`PREWHERE ${isOfTraces(traceIds, within)} WHERE tenant = ${sql.string(scope.tenant)}${more}`

/** Undefined where all that comes is too large. */
const readWhole = async (
  reading: SpanReading,
  traceIds: readonly string[],
): Promise<Map<string, SpanRow[]> | undefined> => {
  const { store, scope, spansMax } = reading
  const isOne = traceIds.length === 1
  try {
    const rows = await store.query<SpanRow>(anySpans(whereTraces(reading, traceIds), { spansMax, isOne }), {
      ...limitedTo(scope, spanSeconds),
      resultBytesMax: spanBytesMax,
    })
    return Map.groupBy(rows, (row) => row.trace)
  } catch (error) {
    if (error instanceof QueryTooLarge) return undefined
    throw error
  }
}

interface CutTrace {
  rows: SpanRow[]
  isTruncated: boolean
}

const tracesPerCut = 50

/** The earliest spans of traces that have too many, or too large ones: where to cut is asked first, of narrow columns. */
const readCut = async (reading: SpanReading, traceIds: readonly string[]): Promise<Map<string, CutTrace>> => {
  const { store, scope } = reading
  const share = Math.ceil(spanBytesMax / traceIds.length)
  const cuts = new Map<string, CutTrace>()
  let bytes = 0
  for (let start = 0; start < traceIds.length && bytes < spanBytesMax; start += tracesPerCut) {
    const some = traceIds.slice(start, start + tracesPerCut)
    const ends = await store.query<CutRow>(cutStatement(reading, some, share), limitedTo(scope, spanSeconds))
    const given: CutRow[] = []
    for (const end of ends) {
      if (bytes >= spanBytesMax) break
      bytes += Number(end.bytes)
      given.push(end)
    }
    for (const [trace, cut] of await readUpTo(reading, given)) cuts.set(trace, cut)
  }
  return cuts
}

const readUpTo = async (reading: SpanReading, ends: readonly CutRow[]): Promise<Map<string, CutTrace>> => {
  const { store, scope } = reading
  if (ends.length === 0) return new Map()
  const isBefore = ends.map(
    ({ trace, last, last_ids }) => sql`(trace_id = ${sql.bytes(Buffer.from(trace, 'hex'))}
      AND start_time <= ${sql.dateTime64(BigInt(last))}
      AND (start_time < ${sql.dateTime64(BigInt(last))} OR span_ids <= ${sql.bytes(Buffer.from(last_ids, 'hex'))}))`,
  )
  const where = whereTraces(
    reading,
    ends.map(({ trace }) => trace),
    sql` AND (${sql.join(isBefore, sql` OR `)})`,
  )
  const rows = await store.query<SpanRow>(
    sql`SELECT ${columns} FROM spans ${where} ${pointRead}`,
    limitedTo(scope, spanSeconds),
  )
  const rowsByTrace = Map.groupBy(rows, (row) => row.trace)
  return new Map(
    ends.map(({ trace, is_cut }) => [
      trace,
      { rows: rowsByTrace.get(trace) ?? [], isTruncated: is_cut === 1 },
    ]),
  )
}

interface CutRow {
  trace: string
  /** The start of the last span that is given, and its ids. */
  last: string
  last_ids: string
  bytes: string
  is_cut: number
}

/** Each span once. How large one is is computed where it is read, so that nothing wide is ever sorted. */
const cutStatement = (reading: SpanReading, traceIds: readonly string[], share: number): Sql => sql`
  SELECT lower(hex(trace_id)) AS trace, toUnixTimestamp64Nano(max(tuple(start_time, span_ids)).1) AS last,
    lower(hex(max(tuple(start_time, span_ids)).2)) AS last_ids, sum(bytes) AS bytes, any(span_count) > count() AS is_cut
  FROM
  (
    SELECT trace_id, start_time, span_ids, bytes, count() OVER (PARTITION BY trace_id) AS span_count,
      row_number() OVER (PARTITION BY trace_id ORDER BY start_time, span_ids) AS place,
      sum(bytes) OVER (PARTITION BY trace_id ORDER BY start_time, span_ids ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - bytes AS bytes_before
    FROM
    (
      SELECT trace_id, span_ids, span_id, start_time, is_open, ingested_at,
        byteSize(name, status_message, trace_state, attributes, events.name, events.attributes, links.attributes) AS bytes
      FROM spans ${whereTraces(reading, traceIds)}
      ORDER BY trace_id, span_id, is_open, ingested_at DESC
      LIMIT 1 BY trace_id, span_id
    )
  )
  WHERE place <= ${sql.uint64(reading.spansMax)} AND bytes_before < ${sql.uint64(share)}
  GROUP BY trace_id
  SETTINGS use_skip_indexes_on_data_read = 0, query_plan_execute_functions_after_sorting = 0, query_plan_optimize_lazy_materialization = 0, max_block_size = 8192`

interface SpanRow {
  trace: string
  /** The span's id and its parent's. */
  ids: string
  trace_state: string
  flags: number
  start: string
  duration_nanos: string
  is_open: boolean
  name: string
  kind: number
  status_code: number
  status_message: string
  resource_id: string
  scope_name: string
  scope_version: string
  ingested_at: string
  entries: MapEntries
  attribute_types: string
  dropped_attributes_count: number
  times: string[]
  event_names: string[]
  event_entries: MapEntries[]
  event_attribute_types: string[]
  dropped_events_count: number
  has_links: number
  dropped_links_count: number
}

/** Of several rows of one span the one that counts. */
const onceEach = (rows: readonly SpanRow[]): SpanRow[] => {
  const rowBySpan = new Map<string, SpanRow>()
  for (const row of rows) {
    const id = row.ids.slice(0, 16)
    const known = rowBySpan.get(id)
    if (known === undefined || beats(row, known)) rowBySpan.set(id, row)
  }
  return [...rowBySpan.values()]
}

const byStart = (a: StoredSpan, b: StoredSpan): number =>
  a.startTimeUnixNano === b.startTimeUnixNano
    ? ascending(a.spanId, b.spanId)
    : ascending(BigInt(a.startTimeUnixNano), BigInt(b.startTimeUnixNano))

const ascending = <T extends bigint | string>(a: T, b: T): number => (a === b ? 0 : a < b ? -1 : 1)

const linksPerStatement = 1000

/** Of rows that have any, where they are known to lie. */
const readLinks = async (
  store: Store,
  scope: ReadScope,
  rows: readonly SpanRow[],
): Promise<Map<string, StoredSpan['links']>> => {
  const linking = rows.filter((row) => row.has_links === 1)
  const linksByRow = new Map<string, StoredSpan['links']>()
  for (let start = 0; start < linking.length; start += linksPerStatement) {
    const some = linking.slice(start, start + linksPerStatement)
    for (const row of await store.query<LinksRow>(links(scope, some), limitedTo(scope, spanSeconds)))
      linksByRow.set(rowKey(row), linksOf(row))
  }
  return linksByRow
}

const rowKey = (row: {
  trace: string
  ids: string
  start: string
  is_open: boolean
  ingested_at: string
}): string => `${row.trace}/${row.ids}/${row.start}/${row.is_open}/${row.ingested_at}`

const links = ({ tenant }: ReadScope, rows: readonly SpanRow[]): Sql => {
  const traces = [...new Set(rows.map((row) => row.trace))].map((id) => sql.bytes(Buffer.from(id, 'hex')))
  const starts = [...new Set(rows.map((row) => row.start))].map((start) => sql.dateTime64(BigInt(start)))
  return sql`
    SELECT lower(hex(trace_id)) AS trace, lower(hex(span_ids)) AS ids, toUnixTimestamp64Nano(start_time) AS start, is_open,
      ingested_at, arrayMap(id -> lower(hex(id)), links.trace_id) AS link_traces,
      arrayMap(id -> lower(hex(id)), links.span_id) AS link_spans,
      ${mapEntryLists(sql`links.attributes`)} AS link_entries, links.attribute_types AS link_attribute_types
    FROM spans
    WHERE tenant = ${sql.string(tenant)} AND trace_id IN (${sql.join(traces, sql`, `)})
      AND start_time IN (${sql.join(starts, sql`, `)}) AND notEmpty(links.trace_id)
    ${pointRead}`
}

interface LinksRow {
  trace: string
  ids: string
  start: string
  is_open: boolean
  ingested_at: string
  link_traces: string[]
  link_spans: string[]
  link_entries: MapEntries[]
  link_attribute_types: string[]
}

const linksOf = (row: LinksRow): StoredSpan['links'] =>
  row.link_traces.map((traceId, index) => ({
    traceId,
    spanId: row.link_spans[index] ?? '',
    attributes: attributeList(row.link_entries[index] ?? [], row.link_attribute_types[index] ?? ''),
  }))

const noParent = '0'.repeat(16)

const spanOf = (row: SpanRow, ownLinks: StoredSpan['links']): StoredSpan => {
  const parentSpanId = row.ids.slice(16)
  return {
    spanId: row.ids.slice(0, 16),
    parentSpanId: parentSpanId === noParent ? '' : parentSpanId,
    name: row.name,
    kind: row.kind,
    startTimeUnixNano: row.start,
    durationNanos: durationOf(row.duration_nanos),
    isOpen: row.is_open,
    statusCode: row.status_code,
    statusMessage: row.status_message,
    resourceId: row.resource_id,
    scope: { name: row.scope_name, version: row.scope_version },
    attributes: attributeList(row.entries, row.attribute_types),
    events: row.times.map((timeUnixNano, index) => ({
      timeUnixNano,
      name: row.event_names[index] ?? '',
      attributes: attributeList(row.event_entries[index] ?? [], row.event_attribute_types[index] ?? ''),
    })),
    links: ownLinks,
    traceState: row.trace_state,
    flags: row.flags,
    droppedCounts: {
      attributes: row.dropped_attributes_count,
      events: row.dropped_events_count,
      links: row.dropped_links_count,
    },
    isParentMissing: false,
  }
}
