import type { Store } from './connection.ts'
import { type Sql, sql } from './sql.ts'

/** How long rows are kept, in seconds. */
export interface Retention {
  tracesSeconds: number
  logsSeconds: number
  metricsSeconds: number
}

const secondsPerDay = 86_400

/**
 * Brings the TTL of every table to what the settings say. Parts are dropped whole, so rows live up to a day longer. A
 * resource row outlives the longest-kept of the rows that point at it.
 */
export const applyRetention = async (store: Store, retention: Retention): Promise<void> => {
  const longest =
    Math.max(retention.tracesSeconds, retention.logsSeconds, retention.metricsSeconds) + 2 * secondsPerDay
  const expiries: { table: string; time: Sql; seconds: number }[] = [
    { table: 'spans', time: sql`toDateTime(start_time)`, seconds: retention.tracesSeconds },
    { table: 'log_records', time: sql`toDateTime(time)`, seconds: retention.logsSeconds },
    ...metricTables.map((table) => ({
      table,
      time: sql`toDateTime(time)`,
      seconds: retention.metricsSeconds,
    })),
    { table: 'resources', time: sql`seen_at`, seconds: longest },
    { table: 'resource_sightings', time: sql`day`, seconds: longest },
  ]
  const tables = await store.query<{ name: string; definition: string }>(
    sql`SELECT name, create_table_query AS definition FROM system.tables WHERE database = ${sql.string(store.database)}`,
  )
  for (const { table, time, seconds } of expiries) {
    const definition = tables.find(({ name }) => name === table)?.definition ?? ''
    const expiry = sql`${time} + toIntervalSecond(${sql.int64(seconds)})`
    if (definition.includes(` TTL ${expiry.text}`)) continue
    await store.command(sql`ALTER TABLE ${sql.identifier(table)} MODIFY TTL ${expiry}`)
  }
}

const metricTables = [
  'metric_gauge_points',
  'metric_sum_points',
  'metric_histogram_points',
  'metric_exp_histogram_points',
  'metric_summary_points',
]
