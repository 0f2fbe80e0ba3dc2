import type { Store } from './connection.ts'
import { sql } from './sql.ts'

/** Rows and bytes of all active parts of the product's tables, of all tenants. */
export const readStoreSize = async (store: Store): Promise<{ rows: number; bytes: number }> => {
  const [row] = await store.query<{ row_count: string; byte_count: string }>(
    sql`
      SELECT toString(sum(rows)) AS row_count, toString(sum(bytes_on_disk)) AS byte_count
      FROM system.parts WHERE active AND database = ${sql.string(store.database)}`,
    { maxExecutionSeconds: 5 },
  )
  return { rows: Number(row?.row_count ?? 0), bytes: Number(row?.byte_count ?? 0) }
}
