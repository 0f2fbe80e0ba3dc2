import { sql } from '#storage/sql.ts'
import { exporterLogs, exporterMetrics, exporterTraces } from '../exporter-schema.ts'
import { type Setup, printHeading } from './measuring.ts'

const derivedFromSpans = [
  'span_search',
  ...['10s', '1m', '1h'].flatMap((tier) => [`operation_red_${tier}`, `service_red_${tier}`]),
]

/** Bytes of all active parts after merges, per item; resources and when they were seen are counted with the spans. */
export const printSizes = async ({ store }: Setup): Promise<void> => {
  const rows = await store.query<{
    name: string
    row_count: string
    byte_count: string
    part_count: string
  }>(sql`
    SELECT table AS name, toString(sum(rows)) AS row_count, toString(sum(bytes_on_disk)) AS byte_count, toString(count()) AS part_count
    FROM system.parts WHERE active AND database = currentDatabase() GROUP BY name`)
  const sizeOf = (name: string) => {
    const row = rows.find((size) => size.name === name)
    return {
      rows: Number(row?.row_count ?? 0),
      bytes: Number(row?.byte_count ?? 0),
      parts: Number(row?.part_count ?? 0),
    }
  }
  const print = (name: string, bytes: number, items: number, rest = ''): void =>
    void process.stdout.write(
      `${name.padEnd(64)} ${(bytes / Math.max(items, 1)).toFixed(1).padStart(8)} bytes${rest}\n`,
    )

  const spans = sizeOf('spans')
  const ours = ['spans', ...derivedFromSpans, 'resources', 'resource_sightings']
  printHeading(`bytes per span, ${spans.rows} spans`)
  for (const name of ours) {
    const { bytes, rows: count, parts } = sizeOf(name)
    print(name, bytes, spans.rows, `   ${count} rows, ${parts} parts`)
  }
  print(
    'all in',
    ours.reduce((sum, name) => sum + sizeOf(name).bytes, 0),
    spans.rows,
  )
  for (const indexes of ['none', 'bloom', 'text'] as const) {
    const { name } = exporterTraces(indexes)
    print(name, sizeOf(name).bytes, spans.rows)
  }
  printHeading('bytes per log record and per metric point')
  for (const { name, table } of [exporterLogs(), ...exporterMetrics()]) {
    const own = sizeOf(table)
    print(table, own.bytes, own.rows, `   ${own.rows} rows, ${own.parts} parts`)
    print(name, sizeOf(name).bytes, own.rows)
  }
}
