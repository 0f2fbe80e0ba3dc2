/** What views show, in a form in which a lost, doubled or changed row is seen: before and after a migration it is equal. */
import type { Store } from '#storage/connection.ts'
import { sql } from '#storage/sql.ts'
import { columnsOf } from './read-view.ts'

/** Rows of each day of each view, with a checksum over every column. */
export interface ViewSums {
  [view: string]: { columns: string[]; days: { day: string; rows: string; checksum: string }[] }
}

/** The exporter's names for what a store holds. */
export const rowViews = [
  'otel_traces',
  'otel_logs',
  'otel_metrics_gauge',
  'otel_metrics_sum',
  'otel_metrics_histogram',
  'otel_metrics_exp_histogram',
  'otel_metrics_summary',
]

/**
 * Over all columns that each view has or, to be compared with an earlier answer, over those that it had then: a later
 * schema may show more.
 */
export const readViewSums = async (
  store: Store,
  views: readonly string[],
  earlier: ViewSums = {},
): Promise<ViewSums> => {
  const sums: ViewSums = {}
  for (const view of views) {
    const columns = earlier[view]?.columns ?? [...(await columnsOf(store, view)).keys()]
    const time = sql.identifier(timeColumns.find((name) => columns.includes(name)) ?? '')
    // Text, so that a change of type that shows the same value is none; the sum tells a doubled row.
    const row = sql`formatRow('TSV', ${sql.join(columns.map(quoted), sql`, `)})`
    const days = await store.query<ViewSums[string]['days'][number]>(
      sql`SELECT toString(toDate(${time})) AS day, toString(count()) AS rows, toString(sum(sipHash64(${row}))) AS checksum FROM ${sql.identifier(view)} GROUP BY day ORDER BY day`,
      { maxExecutionSeconds },
    )
    sums[view] = { columns, days }
  }
  return sums
}

/** Enough for some million rows, where a benchmark or a large test compares. */
const maxExecutionSeconds = 120

const timeColumns = ['Timestamp', 'TimeUnix', 'Start']

/** Names such as `Events.Name` are no plain identifiers. */
const quoted = (name: string) => sql.ownFile(`\`${name}\``)
