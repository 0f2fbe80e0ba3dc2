import type { Store } from './connection.ts'
import { type ReadScope, type TimeRange, durationOf, limitedTo } from './read-scope.ts'
import { readResources } from './resource-rows.ts'
import { tracesWhere } from './span-rows.ts'
import { type Sql, sql } from './sql.ts'
import type { FoundTrace, SpanFilters } from './trace-store.ts'

const summarySeconds = 10
const partsPerTraceMax = 1000

/** What was searched for: the conditions are those of one span, on the columns of `spans`. */
export interface SummaryQuestion {
  range: TimeRange
  conditions: readonly Sql[]
  filters: SpanFilters
}

/**
 * Summaries of whole traces, whatever of them lies outside of the searched range, newest first. Left out are traces
 * none of whose spans matches once of each span the finished row is taken.
 */
export const readSummaries = async (
  store: Store,
  scope: ReadScope,
  traceIds: readonly string[],
  question: SummaryQuestion,
): Promise<{ summary: FoundTrace; firstMatchNanos: bigint }[]> => {
  if (traceIds.length === 0) return []
  const rows = await store.query<SummaryRow>(
    summaries(scope, traceIds, question),
    limitedTo(scope, summarySeconds),
  )
  const kept = rows.filter(
    (row) => row.match_count !== '0' && !(question.filters.status === 'ok' && row.failed_match_count !== '0'),
  )
  const resourceIds = kept.flatMap((row) => [
    ...row.parts.map(([resource]) => resource),
    row.lead_resource,
    row.matched_resource,
  ])
  const resources = await readResources(store, scope, resourceIds)
  return kept.map((row) => ({
    firstMatchNanos: BigInt(row.first_match),
    summary: {
      traceId: row.trace,
      startTimeUnixNano: row.trace_start,
      durationNanos: durationOf(BigInt(row.trace_end) - BigInt(row.trace_start)),
      lead: { resource: resources.get(row.lead_resource), operation: row.lead[2] },
      hasRoot: row.lead[0] === 0,
      spanCount: Number(row.span_count),
      errorCount: Number(row.error_count),
      parts: row.parts.map(([resource, spanCount, errorCount]) => ({
        resource: resources.get(resource),
        spanCount: Number(spanCount),
        errorCount: Number(errorCount),
      })),
      matched: {
        resource: resources.get(row.matched_resource),
        operation: row.matched[2],
        durationNanos: durationOf(row.matched[3]),
        startTimeUnixNano: row.matched[1],
        isError: row.matched[4] === 1,
      },
    },
  }))
}

type SummaryRow = {
  trace: string
  trace_start: string
  trace_end: string
  span_count: string
  error_count: string
  match_count: string
  failed_match_count: string
  first_match: string
  lead_resource: string
  /** Whether it is not the root, its start, its name. */
  lead: [number, string, string]
  matched_resource: string
  /** As `lead`, then its duration and whether it failed. */
  matched: [number, string, string, string, number]
  parts: [resource: string, spanCount: string, errorCount: string][]
}

/**
 * Rows -> one per span (finished beats open, then the latest to arrive) -> one per trace and resource -> one per trace.
 * The root, or else the earliest span, leads; likewise among the spans that match.
 */
const summaries = (scope: ReadScope, traceIds: readonly string[], question: SummaryQuestion): Sql => {
  const { range, conditions } = question
  const isMatch = sql.join(
    [
      sql`start_time >= ${sql.dateTime64(range.fromNanos)}`,
      sql`start_time < ${sql.dateTime64(range.toNanos)}`,
      ...conditions,
    ],
    sql` AND `,
  )
  return sql`
    SELECT trace, toString(min(first_start)) AS trace_start, toString(max(last_end)) AS trace_end,
      toString(sum(part_spans)) AS span_count, toString(sum(part_errors)) AS error_count,
      toString(sum(part_matches)) AS match_count, toString(sum(part_failed_matches)) AS failed_match_count,
      toString(min(part_first_match)) AS first_match,
      toString(argMin(resource, part_lead)) AS lead_resource, min(part_lead) AS lead,
      toString(argMinIf(resource, part_matched, part_matches > 0)) AS matched_resource,
      minIf(part_matched, part_matches > 0) AS matched,
      groupArray(${sql.uint64(partsPerTraceMax)})(tuple(toString(resource), toString(part_spans), toString(part_errors))) AS parts
    FROM
    (
      SELECT trace, best.1 AS resource, count() AS part_spans, countIf(best.5 = 1) AS part_errors,
        min(best.3) AS first_start, max(best.3 + best.4) AS last_end,
        countIf(best.7) AS part_matches, countIf(best.7 AND best.5 = 1) AS part_failed_matches,
        min(first_match_of_span) AS part_first_match,
        min(tuple(best.6, best.3, best.2)) AS part_lead,
        minIf(tuple(best.6, best.3, best.2, best.4, best.5), best.7) AS part_matched
      FROM
      (
        SELECT trace, span_id, min(if(is_match, start_nanos, toInt64('9223372036854775807'))) AS first_match_of_span,
          argMin(
            tuple(resource_id, span_name, start_nanos, bounded_duration, is_error, is_not_root, is_match),
            tuple(is_open, -toUnixTimestamp64Milli(ingested_at))
          ) AS best
        FROM
        (
          SELECT lower(hex(trace_id)) AS trace, span_id, resource_id, toString(name) AS span_name,
            toUnixTimestamp64Nano(start_time) AS start_nanos,
            least(greatest(duration_nanos, 0), toInt64('2592000000000000')) AS bounded_duration,
            toUInt8(status_code = 2) AS is_error, toUInt8(parent_span_id != toFixedString('', 8)) AS is_not_root,
            (${isMatch}) AS is_match, is_open, ingested_at
          FROM spans
          WHERE ${tracesWhere(scope, traceIds, range)}
        )
        GROUP BY trace, span_id
      )
      GROUP BY trace, resource
    )
    GROUP BY trace
    ORDER BY min(part_first_match) DESC, trace DESC`
}
