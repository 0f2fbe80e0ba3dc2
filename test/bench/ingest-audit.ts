import { openStore } from '#storage/connection.ts'
import { sql } from '#storage/sql.ts'
import type { StoredExports } from './ingest/audit.ts'

/**
 * Reads from a store that nobody has open what is there of each export. A process of its own, as the engine holds one folder a
 * process.
 */
const [dataDir = ''] = process.argv.slice(2)
/** Distinct spans are counted exactly, so many exports at once that memory stays small. */
const spansPerPass = 5_000_000
const timeout = { maxExecutionSeconds: 600 }

/** See payload-source.ts. */
const exportNumber = sql`bitXor(bitXor(reinterpretAsUInt32(substring(span_id, 1, 4)),
  reinterpretAsUInt32(substring(span_id, 5, 4))), reinterpretAsUInt32(substring(trace_id, 1, 4)))`

const store = await openStore({ dataDir, database: 'otel' })
try {
  const [total] = await store.query<{ row_count: string }>(sql`SELECT count() AS row_count FROM spans`)
  const passCount = Math.ceil(Number(total?.row_count ?? 0) / spansPerPass)
  const stored: StoredExports = []
  for (let pass = 0; pass < passCount; pass++) {
    const rows = await store.query<{ number: number; row_count: string; span_count: string; last: string }>(
      sql`
        SELECT ${exportNumber} AS number, count() AS row_count, uniqExact(trace_id, span_id) AS span_count,
          max(toUInt64OrZero(extract(range, '-([0-9]+)#'))) AS last
        FROM spans WHERE number % ${sql.uint64(passCount)} = ${sql.uint64(pass)} GROUP BY number`,
      timeout,
    )
    for (const row of rows)
      stored.push({
        exportNumber: row.number,
        rowCount: Number(row.row_count),
        spanCount: Number(row.span_count),
        lastOffset: Number(row.last),
      })
  }
  process.send?.(stored)
} finally {
  await store.close()
}
