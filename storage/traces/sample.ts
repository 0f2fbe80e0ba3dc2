import type { Store } from '../connection.ts'
import { type ReadScope, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import { unlessTooSlow } from '../time-slices.ts'
import { countFigures } from './figures-by-engine.ts'
import { type SpanQuestion, askOfSpans, whereSpans } from './filters.ts'
import { newestFirst } from './order.ts'
import { placeOfFigures } from './places.ts'
import { traceReachNanos } from './rows.ts'
import { traceKeyColumn, traceKeyOf } from './slots.ts'
import type { TraceSample, TraceSamplePage } from './trace-store.ts'
import { summariesOf } from './summaries.ts'

const intervalsMax = 60
const pickSeconds = 6
/** The lowest sixteenth of all keys is looked at first: rows lie by key, and where there are many traces it is enough. */
const keysMax = [2 ** 28 - 1, 2 ** 32 - 1]

/**
 * Traces are picked by their keys: of each interval the lowest. Those lie side by side, so that few granules are read
 * where there are many traces; an interval is settled once it has as many as it may give.
 */
export const sampleTraces = async (
  store: Store,
  scope: ReadScope,
  { range, filters, count }: TraceSample,
): Promise<TraceSamplePage> => {
  const question = await askOfSpans(store, scope, { range, filters })
  const intervals = intervalsOf(question, count)
  let picked: string[] = []
  let isComplete = false
  for (const keyMax of keysMax) {
    const picks = await unlessTooSlow(scope, pickTraces(store, scope, { question, intervals, keyMax }))
    if (picks === undefined) break
    picked = picks
    isComplete = keyMax === keysMax.at(-1) || picks.length === intervals.count * intervals.perInterval
    if (isComplete) break
  }
  if (picked.length === 0) return { traces: [], isComplete }
  const figures = await countFigures(
    store,
    scope,
    { traceIds: picked, placeOf: (ids) => placeOf(ids, question) },
    question,
  )
  const placed = figures.flatMap((each) => placeOfFigures(each, question))
  const newest = placed.toSorted((a, b) => newestFirst(a.position, b.position))
  return {
    traces: await summariesOf(
      store,
      scope,
      newest.map((each) => each.figures),
    ),
    isComplete,
  }
}

interface Intervals {
  count: number
  nanos: bigint
  perInterval: number
}

const intervalsOf = ({ range }: SpanQuestion, count: number): Intervals => {
  const perInterval = Math.ceil(count / intervalsMax)
  const intervalCount = Math.floor(count / perInterval)
  const nanos = (range.toNanos - range.fromNanos + BigInt(intervalCount) - 1n) / BigInt(intervalCount)
  return { count: intervalCount, nanos, perInterval }
}

interface Picking {
  question: SpanQuestion
  intervals: Intervals
  keyMax: number
}

const pickTraces = async (
  store: Store,
  scope: ReadScope,
  { question, intervals, keyMax }: Picking,
): Promise<string[]> => {
  const place = [
    sql`tenant = ${sql.string(scope.tenant)}`,
    sql`${traceKeyColumn} <= ${sql.uint64(keyMax)}`,
    sql`start_time >= ${sql.dateTime64(question.range.fromNanos)}`,
    sql`start_time < ${sql.dateTime64(question.range.toNanos)}`,
  ]
  const rows = await store.query<{ trace: string }>(
    sql`
      SELECT lower(hex(trace_id)) AS trace,
        intDiv(toUnixTimestamp64Nano(first) - ${sql.int64(question.range.fromNanos)}, ${sql.int64(intervals.nanos)}) AS interval_number
      FROM
      (
        SELECT trace_id, min(start_time) AS first
        FROM spans
        ${whereSpans(question, place)}
        GROUP BY trace_id
        ${question.filters.status === 'ok' ? sql`HAVING countIf(status_code = 2) = 0` : sql.empty}
      )
      ORDER BY interval_number, ${traceKeyColumn}, trace_id
      LIMIT ${sql.uint64(intervals.perInterval)} BY interval_number
      SETTINGS use_skip_indexes_on_data_read = 0, optimize_functions_to_subcolumns = 0`,
    limitedTo(scope, pickSeconds),
  )
  return rows.map(({ trace }) => trace)
}

/** They are too many for the index on their ids: where their keys are low, the sorting key tells where they lie. */
const placeOf = (traceIds: readonly string[], { range }: SpanQuestion): Sql => {
  const ids = traceIds.map((id) => sql.bytes(Buffer.from(id, 'hex')))
  const keyMax = traceIds.reduce((max, id) => Math.max(max, traceKeyOf(id)), 0)
  return sql`${traceKeyColumn} <= ${sql.uint64(keyMax)} AND trace_id IN (${sql.join(ids, sql`, `)})
    AND start_time >= ${sql.dateTime64(range.fromNanos - traceReachNanos)}
    AND start_time < ${sql.dateTime64(range.toNanos + traceReachNanos)}`
}
