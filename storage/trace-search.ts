import { type Store, QueryStopped } from './connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from './read-scope.ts'
import { type Sql, sql } from './sql.ts'
import { spanConditions } from './trace-filters.ts'
import type { FoundTrace, SpanFilters, TracePosition, TraceSearch, TraceSearchPage } from './trace-store.ts'
import { readSummaries } from './trace-summaries.ts'

const nanosPerSecond = 1_000_000_000n
const sliceNanosFirst = 15n * nanosPerSecond
const sliceNanosMin = nanosPerSecond
const sliceNanosMax = 7n * 86_400n * nanosPerSecond
/** A busy store finds enough in seconds; a quiet one is crossed in a few long slices. */
const sliceGrowth = 4n
const sliceShrink = 16n
const sliceSeconds = 5
const pageMillis = 12_000

/**
 * A trace's place in the order is the start of its first matching span inside the range. A slice finds traces by the
 * first matching span inside the slice; those whose first one is older are passed over here and found again there.
 */
export const searchTraces = async (
  store: Store,
  scope: ReadScope,
  { range, filters, limit, after }: TraceSearch,
): Promise<TraceSearchPage> => {
  const deadline = performance.now() + pageMillis
  const conditions = spanConditions(scope, filters)
  const traces: FoundTrace[] = []
  let position: TracePosition = after ?? { startNanos: range.toNanos, traceId: '' }
  if (position.startNanos > range.toNanos) position = { startNanos: range.toNanos, traceId: '' }
  let sliceNanos = sliceNanosFirst

  while (traces.length < limit && !isPast(position, range)) {
    if (performance.now() > deadline) return { traces, next: position, isComplete: false }
    const from = bigMax(range.fromNanos, position.startNanos - sliceNanos)
    const wanted = limit - traces.length
    const slice = { from, before: position, conditions, filters, wanted }
    const candidates = await findCandidates(store, scope, slice).catch((error: unknown) => {
      if (error instanceof QueryStopped && !scope.signal?.aborted) return undefined
      throw error
    })
    if (candidates === undefined) {
      if (sliceNanos <= sliceNanosMin) return { traces, next: position, isComplete: false }
      sliceNanos = bigMax(sliceNanosMin, sliceNanos / sliceShrink)
      continue
    }
    const ids = candidates.map((candidate) => candidate.traceId)
    const summaries = await readSummaries(store, scope, ids, { range, conditions, filters })
    for (const { summary, firstMatchNanos } of summaries) if (firstMatchNanos >= from) traces.push(summary)
    const last = candidates.at(-1)
    if (candidates.length === wanted && last) position = last
    else {
      position = { startNanos: from, traceId: '' }
      sliceNanos = bigMin(sliceNanosMax, sliceNanos * sliceGrowth)
    }
  }
  return { traces, next: isPast(position, range) ? undefined : position, isComplete: true }
}

/** Nothing of the range is left behind this position. */
const isPast = ({ startNanos, traceId }: TracePosition, { fromNanos }: TimeRange): boolean =>
  startNanos < fromNanos || (startNanos === fromNanos && traceId === '')

const bigMax = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const bigMin = (a: bigint, b: bigint): bigint => (a < b ? a : b)

interface Slice {
  from: bigint
  before: TracePosition
  conditions: readonly Sql[]
  filters: SpanFilters
  wanted: number
}

/** The newest traces with a matching span in the slice, by the first such span in it. */
const findCandidates = async (
  store: Store,
  scope: ReadScope,
  { from, before, conditions, filters, wanted }: Slice,
): Promise<TracePosition[]> => {
  const end = sql.dateTime64(before.startNanos)
  const where = sql.join(
    [
      sql`tenant = ${sql.string(scope.tenant)}`,
      sql`start_time >= ${sql.dateTime64(from)}`,
      before.traceId === '' ? sql`start_time < ${end}` : sql`start_time <= ${end}`,
      ...conditions,
    ],
    sql` AND `,
  )
  const beforeId = sql.bytes(Buffer.from(before.traceId, 'hex'))
  const rows = await store.query<{ trace: string; first: string }>(
    sql`
      SELECT lower(hex(trace_id)) AS trace, toString(toUnixTimestamp64Nano(min(start_time))) AS first
      FROM spans
      WHERE ${where}
      GROUP BY trace_id
      HAVING (min(start_time) < ${end} OR trace_id < toFixedString(${beforeId}, 16))
        ${filters.status === 'ok' ? sql`AND countIf(status_code = 2) = 0` : sql.empty}
      ORDER BY min(start_time) DESC, trace_id DESC
      LIMIT ${sql.uint64(wanted)}`,
    limitedTo(scope, sliceSeconds),
  )
  return rows.map(({ trace, first }) => ({ startNanos: BigInt(first), traceId: trace }))
}
