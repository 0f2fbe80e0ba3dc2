import type { Store } from './connection.ts'
import { sql } from './sql.ts'

/**
 * Drops the partitions of which every row has outlived its retention. The engine does that by itself, when it gets round to
 * it; on a disk that is full there is no time for that. Tells which.
 */
export const dropExpiredPartitions = async (
  store: Store,
): Promise<{ table: string; partition: string }[]> => {
  const expired = await store.query<{ table: string; partition: string }>(
    sql`
      SELECT table, partition_id AS partition FROM system.parts
      WHERE active AND database = ${sql.string(store.database)}
      GROUP BY table, partition_id
      HAVING min(delete_ttl_info_max) > toDateTime(0) AND max(delete_ttl_info_max) < now()
      ORDER BY table, partition_id`,
  )
  for (const { table, partition } of expired)
    await store.command(sql`ALTER TABLE ${sql.identifier(table)} DROP PARTITION ID ${sql.string(partition)}`)
  return expired
}
