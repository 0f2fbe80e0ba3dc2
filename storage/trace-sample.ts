import { type Store, QueryStopped } from './connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from './read-scope.ts'
import { type Sql, sql } from './sql.ts'
import { spanConditions } from './trace-filters.ts'
import type { SpanFilters, TraceSample, TraceSamplePage } from './trace-store.ts'
import { readSummaries } from './trace-summaries.ts'

const intervalsMax = 60
const pickSeconds = 6
/** Where all traces are too many, those with a hash in the lowest sixteenth are looked at: they come first anyway. */
const thinnedHashMax = 2n ** 60n - 1n

/** One query picks the traces, one summarises them; a range too large for the first is thinned once. */
export const sampleTraces = async (
  store: Store,
  scope: ReadScope,
  { range, filters, count }: TraceSample,
): Promise<TraceSamplePage> => {
  const conditions = spanConditions(scope, filters)
  const question = { range, conditions, filters }
  const pick = (hashMax?: bigint): Promise<string[] | undefined> =>
    pickTraces(store, scope, { ...question, count, hashMax }).catch((error: unknown) => {
      if (error instanceof QueryStopped && !scope.signal?.aborted) return undefined
      throw error
    })
  const all = await pick()
  const ids = all ?? (await pick(thinnedHashMax)) ?? []
  const summaries = await readSummaries(store, scope, ids, question)
  return { traces: summaries.map(({ summary }) => summary), isComplete: all !== undefined }
}

interface Picking {
  range: TimeRange
  conditions: readonly Sql[]
  filters: SpanFilters
  count: number
  hashMax: bigint | undefined
}

const pickTraces = async (
  store: Store,
  scope: ReadScope,
  { range, conditions, filters, count, hashMax }: Picking,
): Promise<string[]> => {
  const perInterval = Math.ceil(count / intervalsMax)
  const intervals = BigInt(Math.floor(count / perInterval))
  const intervalNanos = (range.toNanos - range.fromNanos + intervals - 1n) / intervals
  const where = sql.join(
    [
      sql`tenant = ${sql.string(scope.tenant)}`,
      sql`start_time >= ${sql.dateTime64(range.fromNanos)}`,
      sql`start_time < ${sql.dateTime64(range.toNanos)}`,
      ...(hashMax === undefined ? [] : [sql`cityHash64(trace_id) <= ${sql.uint64(hashMax)}`]),
      ...conditions,
    ],
    sql` AND `,
  )
  const rows = await store.query<{ trace: string }>(
    sql`
      SELECT lower(hex(trace_id)) AS trace,
        intDiv(toUnixTimestamp64Nano(first) - ${sql.int64(range.fromNanos)}, ${sql.int64(intervalNanos)}) AS interval_number
      FROM
      (
        SELECT trace_id, min(start_time) AS first
        FROM spans
        WHERE ${where}
        GROUP BY trace_id
        ${filters.status === 'ok' ? sql`HAVING countIf(status_code = 2) = 0` : sql.empty}
      )
      ORDER BY interval_number, cityHash64(trace_id), trace_id
      LIMIT ${sql.uint64(perInterval)} BY interval_number`,
    limitedTo(scope, pickSeconds),
  )
  return rows.map(({ trace }) => trace)
}
