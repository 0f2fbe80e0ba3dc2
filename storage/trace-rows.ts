import type { Store } from './connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from './read-scope.ts'
import { type Sql, sql } from './sql.ts'
import type { SpanQuestion } from './trace-filters.ts'
import { type SlotsByKey, liesIn } from './trace-slots.ts'

/** What a span's row tells of its trace. */
export interface TraceRow {
  trace: string
  /** The span's id and its parent's. */
  ids: string
  start: string
  duration_nanos: string
  is_open: boolean
  name: string
  status_code: number
  resource_id: string
  ingested_at: string
  /** Whether it meets the conditions of the question, whatever its range; absent where that was not asked. */
  is_match?: number | boolean
}

export interface TraceRows {
  rowsByTrace: Map<string, TraceRow[]>
  /** Traces of which no rows are given, because one alone has too many. */
  tooLarge: readonly string[]
}

export interface RowReader {
  readonly store: Store
  readonly scope: ReadScope
  /** What matches; undefined where that need not be told. */
  readonly question: SpanQuestion | undefined
}

/** Traces that are asked for by id are looked for so far beyond the time in which they were found. */
export const traceReachNanos = 86_400_000_000_000n

/** More rows are not taken at once: they are read in parts, and what has too many by itself is left to the engine. */
const rowsMax = 20_000
const tracesPerStatement = 400
const slotsPerStatement = 4000
const readSeconds = 10

/**
 * All rows of these keys in these slots, whatever traces they belong to. The rows of a trace come together, a statement's at a
 * time: who keeps none of them never holds more than one statement gives.
 */
export const readRowsInSlots = async function* (
  reader: RowReader,
  slotsByKey: SlotsByKey,
): AsyncGenerator<TraceRows> {
  const place = (keys: readonly number[]): Sql =>
    liesIn(new Map(keys.map((key) => [key, slotsByKey.get(key) ?? new Set<number>()])))
  const parts = readInParts(keysInParts(slotsByKey), (keys) => readRows(reader, place(keys)))
  for await (const { rowsByTrace, tooLarge } of parts) {
    const ids = await Promise.all(tooLarge.map((key) => readTraceIds(reader, place([key]))))
    yield { rowsByTrace, tooLarge: ids.flat() }
  }
}

/** All rows of these traces within a time that may be long; they come as those in slots do. */
export const readRowsOfTraces = (
  reader: RowReader,
  traceIds: readonly string[],
  within: TimeRange,
): AsyncGenerator<TraceRows> => {
  const parts = []
  for (let start = 0; start < traceIds.length; start += tracesPerStatement)
    parts.push(traceIds.slice(start, start + tracesPerStatement))
  return readInParts(parts, (ids) => readRows(reader, isOfTraces(ids, within)))
}

/** Through the index on the id's text; what it leaves is compared as bytes, which is quicker and tells the key as well. */
export const isOfTraces = (traceIds: readonly string[], within: TimeRange | undefined): Sql => {
  const bytes = traceIds.map((id) => sql.bytes(Buffer.from(id, 'hex')))
  const texts = traceIds.map(sql.string)
  const [id, ...others] = bytes
  const conditions = [
    // A single id is compared quicker than a set of one.
    id !== undefined && others.length === 0
      ? sql`trace_id = ${id}`
      : sql`trace_id IN (${sql.join(bytes, sql`, `)})`,
    sql`indexHint(lower(hex(trace_id)) IN (${sql.join(texts, sql`, `)}))`,
  ]
  if (within)
    conditions.push(
      sql`start_time >= ${sql.dateTime64(within.fromNanos)}`,
      sql`start_time < ${sql.dateTime64(within.toNanos)}`,
    )
  return sql.join(conditions, sql` AND `)
}

const readRows = ({ store, scope, question }: RowReader, place: Sql): Promise<TraceRow[]> =>
  store.query<TraceRow>(
    sql`
      SELECT lower(hex(trace_id)) AS trace, hex(span_ids) AS ids, toUnixTimestamp64Nano(start_time) AS start, duration_nanos,
        is_open, name, status_code, resource_id, ingested_at${question ? isMatch(question) : sql.empty}
      FROM spans
      PREWHERE ${place}
      WHERE tenant = ${sql.string(scope.tenant)}
      LIMIT ${sql.uint64(rowsMax + 1)}
      ${pointReads}`,
    limitedTo(scope, readSeconds),
  )

/** A granule here, a granule there: found before reading begins, and shared among threads however few they are. */
const pointReads = sql`SETTINGS use_skip_indexes_on_data_read = 0, merge_tree_min_rows_for_concurrent_read = 1, merge_tree_min_bytes_for_concurrent_read = 1`

const isMatch = ({ conditions }: SpanQuestion): Sql =>
  conditions.length === 0 ? sql`, true AS is_match` : sql`, (${sql.join(conditions, sql` AND `)}) AS is_match`

const readTraceIds = async ({ store, scope }: RowReader, place: Sql): Promise<string[]> => {
  const rows = await store.query<{ trace: string }>(
    sql`SELECT DISTINCT lower(hex(trace_id)) AS trace FROM spans WHERE tenant = ${sql.string(scope.tenant)} AND ${place}`,
    limitedTo(scope, readSeconds),
  )
  return rows.map(({ trace }) => trace)
}

const readInParts = async function* <Item>(
  parts: readonly (readonly Item[])[],
  read: (items: readonly Item[]) => Promise<TraceRow[]>,
): AsyncGenerator<{ rowsByTrace: Map<string, TraceRow[]>; tooLarge: readonly Item[] }> {
  const waiting = parts.toReversed()
  for (let items = waiting.pop(); items !== undefined; items = waiting.pop()) {
    const rows = await read(items)
    if (rows.length <= rowsMax) yield { rowsByTrace: Map.groupBy(rows, (row) => row.trace), tooLarge: [] }
    else if (items.length === 1) yield { rowsByTrace: new Map(), tooLarge: items }
    else waiting.push(items.slice(items.length >> 1), items.slice(0, items.length >> 1))
  }
}

const keysInParts = (slotsByKey: SlotsByKey): number[][] => {
  const parts: number[][] = []
  let keys: number[] = []
  let slotCount = 0
  for (const [key, slots] of slotsByKey) {
    if (
      keys.length >= tracesPerStatement ||
      (keys.length > 0 && slotCount + slots.size > slotsPerStatement)
    ) {
      parts.push(keys)
      keys = []
      slotCount = 0
    }
    keys.push(key)
    slotCount += slots.size
  }
  return keys.length > 0 ? [...parts, keys] : parts
}
