import { type QueryOptions, QueryTooLarge, type Store } from '../connection.ts'
import { type ReadScope, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import { type TraceFigures, durationNanosMax, partsPerTraceMax } from './figures.ts'
import type { SpanQuestion } from './filters.ts'

const countSeconds = 10

/** Traces whose figures the engine counts. */
export interface CountedTraces {
  traceIds: readonly string[]
  /** Where the spans of these lie. */
  placeOf: (traceIds: readonly string[]) => Sql
  seconds?: number
}

/**
 * As figuresOf, for traces with more rows than are worth carrying out of the engine. What is too much for one statement is
 * counted in two.
 */
export const countFigures = async (
  store: Store,
  scope: ReadScope,
  { traceIds, placeOf, seconds = countSeconds }: CountedTraces,
  question: SpanQuestion,
): Promise<TraceFigures[]> => {
  try {
    return await countAtOnce(store, figures(scope, placeOf(traceIds), question), limitedTo(scope, seconds))
  } catch (error) {
    if (!(error instanceof QueryTooLarge) || traceIds.length === 1) throw error
    const half = traceIds.length >> 1
    const count = (some: readonly string[]): Promise<TraceFigures[]> =>
      countFigures(store, scope, { traceIds: some, placeOf, seconds }, question)
    return [...(await count(traceIds.slice(0, half))), ...(await count(traceIds.slice(half)))]
  }
}

const countAtOnce = async (store: Store, statement: Sql, options: QueryOptions): Promise<TraceFigures[]> => {
  const rows = await store.query<FiguresRow>(statement, options)
  return rows.map((row) => ({
    traceId: row.trace,
    startNanos: BigInt(row.trace_start),
    endNanos: BigInt(row.trace_end),
    spanCount: Number(row.span_count),
    errorCount: Number(row.error_count),
    lead: { resourceId: row.lead_resource, operation: row.lead[3], isRoot: row.lead[0] === 0 },
    parts: row.parts.map(([resourceId, spanCount, errorCount]) => ({
      resourceId,
      spanCount: Number(spanCount),
      errorCount: Number(errorCount),
    })),
    matched:
      row.match_count === '0'
        ? undefined
        : {
            firstStartNanos: BigInt(row.first_match),
            hasFailed: row.failed_match_count !== '0',
            resourceId: row.matched_resource,
            operation: row.matched[3],
            startNanos: BigInt(row.matched[1]),
            durationNanos: BigInt(row.matched[4]),
            isError: row.matched[5] === 1,
          },
  }))
}

interface FiguresRow {
  trace: string
  trace_start: string
  trace_end: string
  span_count: string
  error_count: string
  match_count: string
  failed_match_count: string
  first_match: string
  lead_resource: string
  /** Whether it is not the root, its start, its id, its name. */
  lead: [number, string, string, string]
  matched_resource: string
  /** As `lead`, then its duration and whether it failed. */
  matched: [number, string, string, string, string, number]
  parts: [resource: string, spanCount: string, errorCount: string][]
}

/** That a row is of a span in the range that meets what is asked. */
export const isMatch = ({ range, conditions }: SpanQuestion): Sql =>
  sql.join(
    [
      sql`start_time >= ${sql.dateTime64(range.fromNanos)}`,
      sql`start_time < ${sql.dateTime64(range.toNanos)}`,
      ...conditions,
    ],
    sql` AND `,
  )

/** Rows -> one per span (finished beats open, then the latest to arrive) -> one per trace and resource -> one per trace. */
const figures = ({ tenant }: ReadScope, place: Sql, question: SpanQuestion): Sql => sql`
  SELECT trace, min(first_start) AS trace_start, max(last_end) AS trace_end,
    sum(part_spans) AS span_count, sum(part_errors) AS error_count,
    sum(part_matches) AS match_count, sum(part_failed_matches) AS failed_match_count,
    minIf(part_first_match, part_matches > 0) AS first_match,
    argMin(resource, part_lead) AS lead_resource, min(part_lead) AS lead,
    argMinIf(resource, part_matched, part_matches > 0) AS matched_resource,
    minIf(part_matched, part_matches > 0) AS matched,
    groupArray(${sql.uint64(partsPerTraceMax)})(tuple(resource, part_spans, part_errors)) AS parts
  FROM
  (
    SELECT trace, best.1 AS resource, count() AS part_spans, countIf(best.5 = 1) AS part_errors,
      min(best.3) AS first_start, max(best.3 + best.4) AS last_end,
      countIf(best.7) AS part_matches, countIf(best.7 AND best.5 = 1) AS part_failed_matches,
      minIf(best.3, best.7) AS part_first_match,
      min(tuple(best.6, best.3, span_hex, best.2)) AS part_lead,
      minIf(tuple(best.6, best.3, span_hex, best.2, best.4, best.5), best.7) AS part_matched
    FROM
    (
      SELECT trace, hex(span_id) AS span_hex,
        argMin(
          tuple(resource_id, span_name, start_nanos, believed_duration, is_error, is_not_root, is_match),
          tuple(is_open, -toUnixTimestamp64Milli(ingested_at))
        ) AS best
      FROM
      (
        SELECT lower(hex(trace_id)) AS trace, span_id, resource_id, toString(name) AS span_name,
          toUnixTimestamp64Nano(start_time) AS start_nanos,
          least(greatest(duration_nanos, 0), ${sql.int64(durationNanosMax)}) AS believed_duration,
          toUInt8(status_code = 2) AS is_error, toUInt8(parent_span_id != toFixedString('', 8)) AS is_not_root,
          (${isMatch(question)}) AS is_match, is_open, ingested_at
        FROM spans
        WHERE tenant = ${sql.string(tenant)} AND ${place}
      )
      GROUP BY trace, span_id
    )
    GROUP BY trace, resource
  )
  GROUP BY trace`
