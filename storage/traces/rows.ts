import { QueryTooLarge, type Store } from '../connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import type { SpanQuestion } from './filters.ts'
import { type SlotsByKey, liesIn, traceKeyColumn } from './slots.ts'

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

export interface TraceRows<Item> {
  /** What these rows are all of: keys, or ids. */
  items: readonly Item[]
  rowsByTrace: Map<string, TraceRow[]>
  /** Traces of which no rows are given, because they have many. */
  tooLarge: readonly string[]
}

export interface RowReader {
  readonly store: Store
  readonly scope: ReadScope
  /** What matches; undefined where that need not be told. */
  readonly question: SpanQuestion | undefined
  /** As `performance.now()` tells time: nothing is read after that. */
  readonly deadlineMillis: number
}

/** Traces that are asked for by id are looked for so far beyond the time in which they were found. */
export const traceReachNanos = 86_400_000_000_000n

/** More rows are not taken at once. Where there are more, traces of many are left to the engine, and others read in parts. */
const rowsMax = 20_000
const rowsPerTraceMax = 500
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
): AsyncGenerator<TraceRows<number>> {
  const place = (keys: readonly number[]): Sql =>
    liesIn(new Map(keys.map((key) => [key, slotsByKey.get(key) ?? new Set<number>()])))
  for await (const { items, rowsByTrace, large } of readInParts(reader, keysInParts(slotsByKey), {
    place,
    column: traceKeyColumn,
  }))
    yield { items, rowsByTrace, tooLarge: large.length > 0 ? await readTraceIds(reader, place(large)) : [] }
}

/** All rows of these traces within a time that may be long; they come as those in slots do. */
export const readRowsOfTraces = async function* (
  reader: RowReader,
  traceIds: readonly string[],
  within: TimeRange,
): AsyncGenerator<TraceRows<string>> {
  const parts = []
  for (let start = 0; start < traceIds.length; start += tracesPerStatement)
    parts.push(traceIds.slice(start, start + tracesPerStatement))
  const place = (ids: readonly string[]): Sql => isOfTraces(ids, within)
  for await (const { items, rowsByTrace, large } of readInParts(reader, parts, {
    place,
    column: sql`lower(hex(trace_id))`,
  }))
    yield { items, rowsByTrace, tooLarge: large }
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

const readRows = ({ store, scope, question, deadlineMillis }: RowReader, place: Sql): Promise<TraceRow[]> =>
  store.query<TraceRow>(
    sql`
      SELECT lower(hex(trace_id)) AS trace, hex(span_ids) AS ids, toUnixTimestamp64Nano(start_time) AS start, duration_nanos,
        is_open, name, status_code, resource_id, ingested_at${question ? isMatch(question) : sql.empty}
      FROM spans
      PREWHERE ${place}
      WHERE tenant = ${sql.string(scope.tenant)}
      LIMIT ${sql.uint64(rowsMax + 1)}
      ${pointReads}`,
    limitedTo(scope, secondsUntil(deadlineMillis)),
  )

/** For one statement. */
export const secondsUntil = (deadlineMillis: number): number =>
  Math.min(readSeconds, (deadlineMillis - performance.now()) / 1000)

/** A granule here, a granule there: found before reading begins, and shared among threads however few they are. */
const pointReads = sql`SETTINGS use_skip_indexes_on_data_read = 0, merge_tree_min_rows_for_concurrent_read = 1, merge_tree_min_bytes_for_concurrent_read = 1`

const isMatch = ({ conditions }: SpanQuestion): Sql =>
  conditions.length === 0 ? sql`, true AS is_match` : sql`, (${sql.join(conditions, sql` AND `)}) AS is_match`

const readTraceIds = async ({ store, scope, deadlineMillis }: RowReader, place: Sql): Promise<string[]> => {
  const rows = await store.query<{ trace: string }>(
    sql`SELECT DISTINCT lower(hex(trace_id)) AS trace FROM spans PREWHERE ${place} WHERE tenant = ${sql.string(scope.tenant)}`,
    limitedTo(scope, secondsUntil(deadlineMillis)),
  )
  return rows.map(({ trace }) => trace)
}

/** Where rows of items lie, and the column that tells which item a row is of. */
interface ItemRows<Item> {
  place: (items: readonly Item[]) => Sql
  column: Sql
}

const readInParts = async function* <Item extends string | number>(
  reader: RowReader,
  parts: readonly (readonly Item[])[],
  { place, column }: ItemRows<Item>,
): AsyncGenerator<{ items: readonly Item[]; rowsByTrace: Map<string, TraceRow[]>; large: readonly Item[] }> {
  const waiting = parts.toReversed()
  for (let items = waiting.pop(); items !== undefined; items = waiting.pop()) {
    const rows = await readRows(reader, place(items)).catch(undefinedIfTooLarge)
    if (rows !== undefined && rows.length <= rowsMax) {
      yield { items, rowsByTrace: Map.groupBy(rows, (row) => row.trace), large: [] }
      continue
    }
    if (items.length === 1) {
      yield { items, rowsByTrace: new Map(), large: items }
      continue
    }
    const counts = await countRows<Item>(reader, place(items), column)
    const large = items.filter((item) => (counts.get(item) ?? 0) > rowsPerTraceMax)
    if (large.length > 0) yield { items: large, rowsByTrace: new Map(), large }
    const others = items.filter((item) => (counts.get(item) ?? 0) <= rowsPerTraceMax)
    const isFew = large.length > 0 && sumOf(others, counts) <= rowsMax / 2
    const half = isFew ? 0 : others.length >> 1
    waiting.push(...[others.slice(half), others.slice(0, half)].filter((some) => some.length > 0))
  }
}

const undefinedIfTooLarge = (error: unknown): undefined => {
  if (!(error instanceof QueryTooLarge)) throw error
}

const countRows = async <Item>(
  { store, scope, deadlineMillis }: RowReader,
  place: Sql,
  column: Sql,
): Promise<Map<Item, number>> => {
  const rows = await store.query<{ item: Item; row_count: string }>(
    sql`
      SELECT ${column} AS item, count() AS row_count FROM spans
      PREWHERE ${place} WHERE tenant = ${sql.string(scope.tenant)}
      GROUP BY item ${pointReads}`,
    limitedTo(scope, secondsUntil(deadlineMillis)),
  )
  return new Map(rows.map(({ item, row_count }) => [item, Number(row_count)]))
}

const sumOf = <Item>(items: readonly Item[], counts: ReadonlyMap<Item, number>): number =>
  items.reduce((sum, item) => sum + (counts.get(item) ?? 0), 0)

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
