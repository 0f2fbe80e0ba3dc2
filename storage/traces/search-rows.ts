import { durationBucket, durationBucketCount } from '#telemetry/duration-buckets.ts'
import { limitedTo } from '../read-scope.ts'
import { serviceConditions } from '../resource-rows.ts'
import { type Sql, sql } from '../sql.ts'
import { unlessTooSlow } from '../time-slices.ts'
import type { Candidates, TraceSearching, Wanted } from './candidates.ts'
import { readMatches } from './matches.ts'
import { isPast } from './order.ts'
import { idSet, keySet, slotsAround, traceKeyColumn, traceKeyOf } from './slots.ts'
import type { SpanFilters, TracePosition } from './trace-store.ts'

const nanosPerMilli = 1_000_000n
const nanosPerMinute = 60_000n * nanosPerMilli
const sliceSeconds = 5
const sliceGrowth = 8n
/** A trace has several spans in a service, and what costs is the statement, not the row. */
const rowsPerTrace = 16
const rowsSpare = 64
/** Where few traces have many spans. */
const rowsGrowth = 4
const rowsMaxMax = 65_536

/** A service's rows lie by time, and one column each says what may be filtered by; attributes and pods are not among them. */
export const isFoundBySearchRows = ({ service, attributes = [], pod }: SpanFilters): boolean =>
  service !== undefined && attributes.length === 0 && pod === undefined

/**
 * Candidates from the search table, slice by slice, until there are as many as wanted. Rows come newest first and only so
 * many, so a slice is known down to the oldest row that came.
 */
export const gatherFromSearchRows = async (
  searching: TraceSearching,
  wanted: Wanted,
): Promise<Candidates> => {
  const gathered = await gatherByKey(searching, wanted)
  const { before, passed } = wanted
  if (passed.size === 0 || gathered.reached === before) return gathered
  const strangers = await unlessTooSlow(
    searching.scope,
    readStrangers(searching, passed, { fromNanos: gathered.reached.startNanos, before }),
  )
  if (strangers === undefined)
    return { ...gathered, slotsByKey: new Map(), newestByKey: new Map(), reached: before, isOutOfTime: true }
  for (const { trace, oldest, newest } of strangers) {
    const key = traceKeyOf(trace)
    const slots = new Set<number>()
    for (let nanos = BigInt(oldest); nanos < BigInt(newest); nanos += nanosPerMinute)
      for (const slot of slotsAround(nanos)) slots.add(slot)
    for (const slot of slotsAround(BigInt(newest))) slots.add(slot)
    gathered.slotsByKey.set(key, slots.union(gathered.slotsByKey.get(key) ?? new Set()))
    gathered.newestByKey.set(key, BigInt(newest))
  }
  return gathered
}

const gatherByKey = async (
  searching: TraceSearching,
  { before, count: wanted, passed }: Wanted,
): Promise<Candidates> => {
  const { scope, question, slices, deadlineMillis } = searching
  const { range, filters } = question
  const tracesMax = isExact(filters) ? wanted : wanted + Math.ceil(wanted / 4) + 2
  const passedKeys = new Set([...passed].map(traceKeyOf))
  const millisByKey = new Map<number, number[]>()
  let rowsMax = wanted * rowsPerTrace + rowsSpare
  let reached = before
  let isOutOfTime = false

  while (millisByKey.size < tracesMax && !isPast(reached, range)) {
    isOutOfTime = performance.now() > deadlineMillis
    if (isOutOfTime) break
    const slice = {
      fromNanos: slices.startOf(reached.startNanos, range),
      before: reached,
      rowsMax,
      passedKeys,
    }
    const rows = await unlessTooSlow(scope, readSearchRows(searching, slice))
    if (rows === undefined) {
      if (slices.shrink()) continue
      isOutOfTime = true
      break
    }
    const oldest = rows.length < rowsMax ? undefined : rows.at(-1)
    // More rows of the oldest millisecond may have been left behind.
    const knownFromNanos = oldest ? (BigInt(oldest.at) + 1n) * nanosPerMilli : slice.fromNanos
    if (knownFromNanos >= reached.startNanos) {
      if (millisByKey.size > 0) break
      const crowd = { before: reached, wanted, passed, milli: BigInt(oldest?.at ?? 0) }
      const read = await unlessTooSlow(scope, readCrowdedMilli(searching, crowd))
      if (read !== undefined) return read
      isOutOfTime = true
      break
    }
    for (const { trace_key, at } of rows) {
      if (oldest !== undefined && at === oldest.at) continue
      const millis = millisByKey.get(trace_key)
      if (millis) millis.push(Number(at))
      else millisByKey.set(trace_key, [Number(at)])
    }
    reached = { startNanos: knownFromNanos, traceId: '' }
    if (oldest) rowsMax = Math.min(rowsMaxMax, rowsMax * rowsGrowth)
    else slices.grow(sliceGrowth)
  }
  return { ...newestOf(millisByKey, reached, tracesMax), matches: undefined, isOutOfTime }
}

/** More spans than anybody wants rows of began within one millisecond: there they are looked at themselves. */
const readCrowdedMilli = (
  searching: TraceSearching,
  { milli, ...crowd }: { before: TracePosition; wanted: number; passed: ReadonlySet<string>; milli: bigint },
): Promise<Candidates> => {
  const { fromNanos } = searching.question.range
  const milliNanos = milli * nanosPerMilli
  return readMatches(searching, {
    fromNanos: milliNanos > fromNanos ? milliNanos : fromNanos,
    ...crowd,
  })
}

/**
 * As many traces as wanted, and all others with a span in the same time: one whose rows go on behind it may turn out to
 * begin later than its oldest row.
 */
const newestOf = (
  millisByKey: ReadonlyMap<number, readonly number[]>,
  reached: TracePosition,
  tracesMax: number,
): Pick<Candidates, 'slotsByKey' | 'newestByKey' | 'reached'> => {
  const begins = [...millisByKey.values()].map((millis) => millis.at(-1) ?? 0).toSorted((a, b) => b - a)
  const cutMilli = begins.length > tracesMax ? begins[tracesMax - 1] : undefined
  const slotsByKey = new Map<number, Set<number>>()
  const newestByKey = new Map<number, bigint>()
  for (const [key, millis] of millisByKey) {
    const newest = millis[0] ?? 0
    if (cutMilli !== undefined && newest < cutMilli) continue
    slotsByKey.set(key, new Set(millis.flatMap((milli) => slotsAround(BigInt(milli) * nanosPerMilli))))
    newestByKey.set(key, (BigInt(newest) + 1n) * nanosPerMilli - 1n)
  }
  const cutNanos = cutMilli === undefined ? reached.startNanos : BigInt(cutMilli) * nanosPerMilli
  return {
    slotsByKey,
    newestByKey,
    reached: cutNanos > reached.startNanos ? { startNanos: cutNanos, traceId: '' } : reached,
  }
}

interface Slice {
  fromNanos: bigint
  before: TracePosition
  rowsMax: number
  passedKeys: ReadonlySet<number>
}

/**
 * Read in order, so one thread has all to do. Neither top-k filtering nor late columns: both read the time of every row
 * before they look at the conditions.
 */
const readSearchRows = (
  { store, scope, question }: TraceSearching,
  { fromNanos, before, rowsMax, passedKeys }: Slice,
): Promise<SearchRow[]> => {
  const newestNanos = before.traceId === '' ? before.startNanos - 1n : before.startNanos
  const where = sql.join(
    [
      sql`tenant = ${sql.string(scope.tenant)}`,
      sql`start_time >= ${milliTime(fromNanos)}`,
      sql`start_time <= ${milliTime(newestNanos)}`,
      ...searchRowConditions(question.filters),
      ...(passedKeys.size > 0 ? [sql`trace_key NOT IN ${keySet(passedKeys)}`] : []),
    ],
    sql` AND `,
  )
  return store.query<SearchRow>(
    sql`
      SELECT trace_key, toUnixTimestamp64Milli(start_time) AS at FROM span_search WHERE ${where}
      ORDER BY start_time DESC
      LIMIT ${sql.uint64(rowsMax)}
      SETTINGS max_threads = 1, use_top_k_dynamic_filtering = 0, query_plan_optimize_lazy_materialization = 0`,
    limitedTo(scope, sliceSeconds),
  )
}

/** Traces with a span in this time whose key is that of one that is passed over: rows of the search table do not tell them apart. */
const readStrangers = (
  { store, scope }: TraceSearching,
  passed: ReadonlySet<string>,
  { fromNanos, before }: { fromNanos: bigint; before: TracePosition },
): Promise<Stranger[]> =>
  store.query<Stranger>(
    sql`
      SELECT lower(hex(trace_id)) AS trace, toUnixTimestamp64Nano(min(start_time)) AS oldest,
        toUnixTimestamp64Nano(max(start_time)) AS newest
      FROM spans
      PREWHERE ${traceKeyColumn} IN ${keySet(new Set([...passed].map(traceKeyOf)))}
        AND start_time >= ${sql.dateTime64(fromNanos)} AND start_time <= ${sql.dateTime64(before.startNanos)}
      WHERE tenant = ${sql.string(scope.tenant)} AND trace_id NOT IN ${idSet(passed)}
      GROUP BY trace_id`,
    limitedTo(scope, sliceSeconds),
  )

interface Stranger {
  trace: string
  oldest: string
  newest: string
}

interface SearchRow {
  trace_key: number
  at: string
}

const milliTime = (unixNano: bigint): Sql =>
  sql`fromUnixTimestamp64Milli(${sql.int64(unixNano / nanosPerMilli)}, 'UTC')`

/** Whether every row that meets the conditions below is of a span that matches, and of a trace that does. */
const isExact = ({ minDurationNanos, maxDurationNanos, kind, status }: SpanFilters): boolean =>
  minDurationNanos === undefined &&
  maxDurationNanos === undefined &&
  (kind === undefined || isKnownKind(kind)) &&
  status !== 'ok'

/** At least what matches: durations are known to a few per cent. */
const searchRowConditions = (filters: SpanFilters): Sql[] => {
  const { operation, kind, minDurationNanos, maxDurationNanos, status, root } = filters
  const conditions = serviceConditions(filters)
  if (operation !== undefined) conditions.push(sql`operation = ${sql.string(operation)}`)
  if (kind !== undefined) conditions.push(sql`kind = ${sql.int64(isKnownKind(kind) ? kind : -1)}`)
  if (status !== undefined) conditions.push(status === 'error' ? sql`is_error` : sql`NOT is_error`)
  if (root === true) conditions.push(sql`is_root`)
  // The engine's logarithm may differ from ours in the last bit, so a neighbouring bucket counts too.
  const shortest = minDurationNanos === undefined ? 0 : durationBucket(Number(minDurationNanos)) - 1
  const longest =
    maxDurationNanos === undefined ? durationBucketCount : durationBucket(Number(maxDurationNanos)) + 1
  if (shortest > 0) conditions.push(sql`duration_bucket >= ${sql.uint64(shortest)}`)
  if (longest < durationBucketCount - 1) conditions.push(sql`duration_bucket <= ${sql.uint64(longest)}`)
  return conditions
}

const isKnownKind = (kind: number): boolean => kind >= 0 && kind <= 5
