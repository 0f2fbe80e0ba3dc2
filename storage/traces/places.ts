import { limitedTo, type TimeRange } from '../read-scope.ts'
import { sql } from '../sql.ts'
import type { TraceFigures } from './figures.ts'
import { countFigures, isMatch } from './figures-by-engine.ts'
import type { SpanQuestion } from './filters.ts'
import { type RowReader, isOfTraces, secondsUntil } from './rows.ts'
import type { TracePosition } from './trace-store.ts'

/** A trace that matches, and where it stands in the order. */
export interface PlacedTrace<Figures = TraceFigures | UncountedRows> {
  position: TracePosition
  figures: Figures
}

/** A trace of many rows, which are counted once it is shown. */
export interface UncountedRows {
  rowCount: number
  within: TimeRange
}

const tracesPerStatement = 100

export const placeOfFigures = (
  figures: TraceFigures,
  { filters }: SpanQuestion,
): PlacedTrace<TraceFigures>[] => {
  const { traceId, matched } = figures
  return matched === undefined || (filters.status === 'ok' && matched.hasFailed)
    ? []
    : [{ position: { traceId, startNanos: matched.firstStartNanos }, figures }]
}

/**
 * Where traces of many rows stand, which is cheaper to tell than all that a summary says of them. It takes each row for a
 * span, so where there are several rows of one the trace is counted at once.
 */
export const placeTraces = async (
  reader: RowReader & { question: SpanQuestion },
  traceIds: readonly string[],
  within: TimeRange,
): Promise<PlacedTrace[]> => {
  const placed: PlacedTrace[] = []
  for (let start = 0; start < traceIds.length; start += tracesPerStatement)
    placed.push(...(await placeSome(reader, traceIds.slice(start, start + tracesPerStatement), within)))
  return placed
}

const placeSome = async (
  reader: RowReader & { question: SpanQuestion },
  traceIds: readonly string[],
  within: TimeRange,
): Promise<PlacedTrace[]> => {
  const { store, scope, question, deadlineMillis } = reader
  const rows = await store.query<PlaceRow>(
    sql`
      SELECT lower(hex(trace_id)) AS trace, count() AS row_count,
        uniqExact(reinterpretAsUInt64(substring(span_ids, 1, 8))) AS span_count,
        countIf(is_matching) AS match_count, countIf(is_matching AND status_code = 2) AS failed_match_count,
        toUnixTimestamp64Nano(minIf(start_time, is_matching)) AS first_match
      FROM (SELECT trace_id, span_ids, start_time, status_code, (${isMatch(question)}) AS is_matching FROM spans
        PREWHERE ${isOfTraces(traceIds, within)} WHERE tenant = ${sql.string(scope.tenant)})
      GROUP BY trace_id`,
    limitedTo(scope, secondsUntil(deadlineMillis)),
  )
  const placed = rows
    .filter((row) => row.row_count === row.span_count && row.match_count !== '0')
    .filter((row) => question.filters.status !== 'ok' || row.failed_match_count === '0')
    .map((row) => ({
      position: { traceId: row.trace, startNanos: BigInt(row.first_match) },
      figures: { rowCount: Number(row.row_count), within },
    }))
  const repeated = rows.filter((row) => row.row_count !== row.span_count).map((row) => row.trace)
  if (repeated.length === 0) return placed
  const figures = await countFigures(
    store,
    scope,
    {
      traceIds: repeated,
      placeOf: (ids) => isOfTraces(ids, within),
      seconds: secondsUntil(deadlineMillis),
    },
    question,
  )
  return [...placed, ...figures.flatMap((each) => placeOfFigures(each, question))]
}

interface PlaceRow {
  trace: string
  row_count: string
  span_count: string
  match_count: string
  failed_match_count: string
  first_match: string
}
