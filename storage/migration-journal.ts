import type { Store } from './connection.ts'
import { type Journal, hasTable } from './migration.ts'
import { sql } from './sql.ts'

/**
 * Which steps of a migration are done, and what steps under way remember: rows of `schema_progress`, each durable before the
 * statement after it. Only migrations of several steps write it; the numbers in `schema_version` say what a database has.
 */
export const createJournal = (store: Store, version: number, step: string): Journal => {
  const isOfStep = sql`version = ${sql.uint64(version)} AND step = ${sql.string(step)}`
  return {
    has: async (mark) => {
      if (!(await hasTable(store, 'schema_progress'))) return false
      const [row] = await store.query<{ found: string }>(
        sql`SELECT count() AS found FROM schema_progress WHERE ${isOfStep} AND mark = ${sql.string(mark)}`,
      )
      return row !== undefined && row.found !== '0'
    },
    write: async (mark, rowCount = 0) => {
      await store.command(sql`
        CREATE TABLE IF NOT EXISTS schema_progress
          (version UInt32, step String, mark String, row_count UInt64, recorded_at DateTime64(3, 'UTC') DEFAULT now64(3))
        ENGINE = MergeTree ORDER BY (version, step, mark) SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`)
      await store.command(
        sql`INSERT INTO schema_progress (version, step, mark, row_count) VALUES (${sql.uint64(version)}, ${sql.string(step)}, ${sql.string(mark)}, ${sql.uint64(rowCount)})`,
      )
    },
  }
}
