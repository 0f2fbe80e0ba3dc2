import type { Store } from '../connection.ts'
import { type Journal, hasTable } from './migration.ts'
import { sql } from '../sql.ts'

/**
 * Which steps of a migration are done, and what steps under way remember: rows of `schema_progress`. The table is made when
 * first written to; a migration of statements only leaves nothing but its number in `schema_version`.
 */
export const createJournal = (store: Store, version: number, step: string): Journal => {
  const createTable = (): Promise<void> =>
    store.command(sql`
      CREATE TABLE IF NOT EXISTS schema_progress
        (version UInt32, step String, mark String, row_count UInt64, recorded_at DateTime64(3, 'UTC') DEFAULT now64(3))
      ENGINE = MergeTree ORDER BY (version, step, mark) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`)
  let created: Promise<void> | undefined
  return {
    read: async () => {
      if (!(await hasTable(store, 'schema_progress'))) return new Set()
      const rows = await store.query<{ mark: string }>(
        sql`SELECT mark FROM schema_progress WHERE version = ${sql.uint64(version)} AND step = ${sql.string(step)}`,
      )
      return new Set(rows.map(({ mark }) => mark))
    },
    write: async (mark, rowCount = 0) => {
      created ??= createTable()
      await created
      await store.command(
        sql`INSERT INTO schema_progress (version, step, mark, row_count) VALUES (${sql.uint64(version)}, ${sql.string(step)}, ${sql.string(mark)}, ${sql.uint64(rowCount)})`,
      )
    },
  }
}
