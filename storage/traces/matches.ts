import { limitedTo } from '../read-scope.ts'
import { sql } from '../sql.ts'
import { unlessTooSlow } from '../time-slices.ts'
import type { Candidates, TraceMatches, TraceSearching, Wanted } from './candidates.ts'
import { isCostly, whereSpans } from './filters.ts'
import { isPast } from './order.ts'
import { idSet, slotsAround, traceKeyOf } from './slots.ts'
import type { TracePosition } from './trace-store.ts'

const sliceSeconds = 5
const sliceGrowthMin = 4n
const sliceGrowthMax = 24n
/** Some of those found turn out to begin before what was searched. */
const tracesSpare = 4
const spanIdsPerTraceMax = 1000

/** Candidates from the spans themselves, slice by slice, until there are as many as wanted. */
export const gatherMatches = async (
  searching: TraceSearching,
  { before, count: wanted, passed }: Wanted,
): Promise<Candidates> => {
  const { scope, question, slices, deadlineMillis } = searching
  const gathered: Found = {
    slotsByKey: new Map(),
    newestByKey: new Map(),
    matches: new Map(),
    reached: before,
    isOutOfTime: false,
  }
  while (gathered.matches.size < wanted && !isPast(gathered.reached, question.range)) {
    gathered.isOutOfTime = performance.now() > deadlineMillis
    if (gathered.isOutOfTime) break
    const fromNanos = slices.startOf(gathered.reached.startNanos, question.range)
    const slice = { fromNanos, before: gathered.reached, wanted: wanted - gathered.matches.size, passed }
    const read = await unlessTooSlow(scope, readMatches(searching, slice))
    if (read === undefined) {
      if (slices.shrink()) continue
      gathered.isOutOfTime = true
      break
    }
    add(gathered, read)
    slices.grow(growthFor(slice.wanted, read.matches.size))
  }
  return gathered
}

/** So much longer that the next slice should find the rest and as much again. */
const growthFor = (wanted: number, foundCount: number): bigint => {
  const factor = foundCount === 0 ? sliceGrowthMax : BigInt(Math.ceil((2 * wanted) / foundCount))
  return factor < sliceGrowthMin ? sliceGrowthMin : factor > sliceGrowthMax ? sliceGrowthMax : factor
}

interface Slice {
  fromNanos: bigint
  before: TracePosition
  wanted: number
  passed: ReadonlySet<string>
}

type Found = Candidates & { matches: Map<string, TraceMatches> }

/**
 * The traces with the newest matching spans of a slice. They go by their newest such span, because that is known of all
 * of them when the last one is given: what is older lies in older spans.
 */
export const readMatches = async (
  { store, scope, question }: TraceSearching,
  { fromNanos, before, wanted, passed }: Slice,
): Promise<Found> => {
  const tracesMax = wanted + Math.max(tracesSpare, wanted >> 3)
  const end = sql.dateTime64(before.startNanos)
  const beforeId = sql`toFixedString(${sql.bytes(Buffer.from(before.traceId, 'hex'))}, 16)`
  const place = [
    sql`tenant = ${sql.string(scope.tenant)}`,
    sql`start_time >= ${sql.dateTime64(fromNanos)}`,
    before.traceId === ''
      ? sql`start_time < ${end}`
      : sql`start_time <= ${end} AND (start_time < ${end} OR trace_id < ${beforeId})`,
    // A trace none of whose matching spans failed is found by one that did not.
    ...(question.filters.status === 'ok' ? [sql`status_code != 2`] : []),
    ...(passed.size > 0 ? [sql`trace_id NOT IN ${idSet(passed)}`] : []),
  ]
  const rows = await store.query<MatchRow>(
    sql`
      SELECT lower(hex(trace_id)) AS trace, toUnixTimestamp64Nano(max(start_time)) AS newest,
        toUnixTimestamp64Nano(min(start_time)) AS oldest${isCostly(question) ? noteSpans : sql.empty}
      FROM spans
      ${whereSpans(question, place)}
      GROUP BY trace_id
      ORDER BY max(start_time) DESC, trace_id DESC
      LIMIT ${sql.uint64(tracesMax)}
      SETTINGS use_skip_indexes_on_data_read = 0, optimize_functions_to_subcolumns = 0`,
    limitedTo(scope, sliceSeconds),
  )
  const last = rows.length === tracesMax ? rows.at(-1) : undefined
  const found: Found = {
    slotsByKey: new Map(),
    newestByKey: new Map(),
    matches: new Map(),
    reached: last
      ? { startNanos: BigInt(last.newest), traceId: last.trace }
      : { startNanos: fromNanos, traceId: '' },
    isOutOfTime: false,
  }
  for (const { trace, newest, oldest, spans = [] } of rows) {
    const slots = new Set([...slotsAround(BigInt(oldest)), ...slotsAround(BigInt(newest))])
    const key = traceKeyOf(trace)
    addSlots(found.slotsByKey, key, slots)
    if (!found.newestByKey.has(key)) found.newestByKey.set(key, BigInt(newest))
    found.matches.set(trace, {
      spanIds: new Set(spans),
      notedFrom: { startNanos: fromNanos, traceId: '' },
      isTruncated: spans.length >= spanIdsPerTraceMax,
    })
  }
  return found
}

interface MatchRow {
  trace: string
  newest: string
  oldest: string
  spans?: string[]
}

const noteSpans = sql`, groupUniqArray(${sql.uint64(spanIdsPerTraceMax)})(hex(substring(span_ids, 1, 8))) AS spans`

const add = (gathered: Found, { slotsByKey, newestByKey, matches, reached }: Found): void => {
  for (const [key, newest] of newestByKey)
    if (!gathered.newestByKey.has(key)) gathered.newestByKey.set(key, newest)
  for (const [key, slots] of slotsByKey) addSlots(gathered.slotsByKey, key, slots)
  // Had they more of them down to here, they would be among those that were found now.
  for (const known of gathered.matches.values()) known.notedFrom = reached
  for (const [trace, found] of matches) {
    const known = gathered.matches.get(trace)
    if (known) {
      found.spanIds = found.spanIds.union(known.spanIds)
      found.isTruncated ||= known.isTruncated
    }
    gathered.matches.set(trace, found)
  }
  gathered.reached = reached
}

const addSlots = (slotsByKey: Map<number, Set<number>>, key: number, slots: Set<number>): void => {
  slotsByKey.set(key, slotsByKey.get(key)?.union(slots) ?? slots)
}
