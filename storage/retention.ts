import type { Store } from './connection.ts'
import { type Sql, sql } from './sql.ts'

/** How long rows are kept, in seconds. */
export interface Retention {
  tracesSeconds: number
  logsSeconds: number
  metricsSeconds: number
  /** Rollups by the hour, and which instances were seen; finer rollups are kept as `rollupSeconds` says. */
  rollupsSeconds: number
}

const secondsPerDay = 86_400
/** Finer rollups cost more; they live as long as the spans that they count, or as long as people look at such detail. */
const tenSecondsKeptMin = 3 * secondsPerDay
const minutesKeptMin = 30 * secondsPerDay

/** A coarser tier is never kept shorter than a finer one. */
const rollupSeconds = ({
  tracesSeconds,
  rollupsSeconds,
}: Retention): Record<'10s' | '1m' | '1h', number> => ({
  '10s': Math.min(rollupsSeconds, Math.max(tenSecondsKeptMin, tracesSeconds)),
  '1m': Math.min(rollupsSeconds, Math.max(minutesKeptMin, tracesSeconds)),
  '1h': rollupsSeconds,
})

/**
 * Brings the TTL of every table to what the settings say. All rows of a day (UTC) expire together, once the last moment
 * of that day is over by the time they are kept, so that a day is there whole or not at all and parts are dropped
 * without being read; rollups by the hour lie by the month, and go when the month's last day does. Resources and their
 * sightings are few and not dropped by parts: what is over is left out when they are merged.
 *
 * A changed TTL is worked into the parts that exist by a mutation in the background. It reads and writes times only, and
 * parts that are over vanish with it; their files follow within ten minutes.
 */
export const applyRetention = async (store: Store, retention: Retention): Promise<void> => {
  const expiries = expiriesOf(retention)
  const current = await readTtls(
    store,
    expiries.map(({ table }) => table),
  )
  for (const { table, day, seconds } of expiries) {
    // As the engine writes it, parentheses included.
    const ttl = sql`(${day} + toIntervalDay(1)) + toIntervalSecond(${sql.int64(seconds)})`
    if (current.get(table) === ttl.text) continue
    await store.command(
      sql`ALTER TABLE ${sql.identifier(table)} MODIFY TTL ${ttl} SETTINGS alter_sync = 0, mutations_sync = 0`,
    )
  }
}

/** How many seconds after the end of their day the rows of these tables expire, as it was applied; of those with a TTL. */
export const readRetentionSeconds = async (
  store: Store,
  tables: readonly string[],
): Promise<Map<string, number>> => {
  const ttls = await readTtls(store, tables)
  return new Map(
    [...ttls].flatMap(([table, ttl]) => {
      const seconds = /toIntervalSecond\(toInt64\('(\d+)'\)\)$/.exec(ttl)?.[1]
      return seconds === undefined ? [] : [[table, Number(seconds)]]
    }),
  )
}

/** Of the tables named only: the engine writes out every definition that it is asked for. */
const readTtls = async (store: Store, tables: readonly string[]): Promise<Map<string, string>> => {
  const rows = await store.query<{ name: string; definition: string }>(
    sql`SELECT name, create_table_query AS definition FROM system.tables WHERE database = ${sql.string(store.database)} AND name IN (${sql.join(tables.map(sql.string), sql`, `)})`,
  )
  return new Map(
    rows.map(({ name, definition }) => [name, / TTL (.*?)(?: SETTINGS |$)/.exec(definition)?.[1] ?? '']),
  )
}

interface Expiry {
  table: string
  /** The start of the day that a row belongs to. */
  day: Sql
  seconds: number
}

const expiriesOf = (retention: Retention): Expiry[] => {
  const { tracesSeconds, logsSeconds, metricsSeconds, rollupsSeconds } = retention
  const longest = Math.max(tracesSeconds, logsSeconds, metricsSeconds, rollupsSeconds)
  const rollups = Object.entries(rollupSeconds(retention)).flatMap(([tier, seconds]) =>
    ['operation_red', 'service_red'].map((name) => ({ table: `${name}_${tier}`, day: dayOfTime, seconds })),
  )
  return [
    { table: 'spans', day: dayOfStart, seconds: tracesSeconds },
    { table: 'span_search', day: dayOfStart, seconds: tracesSeconds },
    { table: 'log_records', day: dayOfTime, seconds: logsSeconds },
    ...metricTables.map((table) => ({ table, day: dayOfTime, seconds: metricsSeconds })),
    ...rollups,
    { table: 'resource_sightings', day: sql`toDateTime(day, 'UTC')`, seconds: longest },
    // A resource is written again on every day on which it is seen, and outlives the rows that point at it.
    { table: 'resources', day: sql`toStartOfDay(seen_at)`, seconds: longest + 2 * secondsPerDay },
  ]
}

const dayOfStart = sql`toStartOfDay(start_time)`
const dayOfTime = sql`toStartOfDay(time)`

const metricTables = [
  'metric_gauge_points',
  'metric_sum_points',
  'metric_histogram_points',
  'metric_exp_histogram_points',
  'metric_summary_points',
]
