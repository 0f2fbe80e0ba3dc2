import { readFile, readdir } from 'node:fs/promises'
import type { Store } from './connection.ts'
import { sql } from './sql.ts'

const schemaFolder = new URL('schema/', import.meta.url)

/**
 * Applies the numbered files of schema/ that this database has not had yet, in order, forward only. A file is a list of
 * statements that end with a semicolon at the end of a line, each of which may run again: the number is recorded after the
 * last one, so a start that was killed half-way repeats the file.
 *
 * @throws Error when the database has a newer schema than this program knows.
 */
export const migrate = async (store: Store): Promise<{ applied: string[] }> => {
  await store.command(sql`
    CREATE TABLE IF NOT EXISTS schema_version (version UInt32, name String, applied_at DateTime('UTC') DEFAULT now())
    ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`)
  const known = await migrationFiles()
  const [row] = await store.query<{ version: number }>(
    sql`SELECT max(version) AS version FROM schema_version`,
  )
  const current = row?.version ?? 0
  const newest = known.at(-1)?.version ?? 0
  if (current > newest)
    throw new Error(
      `the database ${store.database} has schema ${current}, but this program knows only ${newest}: use the program that wrote it or a newer one`,
    )
  const applied: string[] = []
  for (const { version, name } of known) {
    if (version <= current) continue
    for (const statement of await statementsOf(name)) await store.command(sql.ownFile(statement))
    await store.command(
      sql`INSERT INTO schema_version (version, name) VALUES (${sql.uint64(version)}, ${sql.string(name)})`,
    )
    applied.push(name)
  }
  return { applied }
}

const migrationFiles = async (): Promise<{ version: number; name: string }[]> => {
  const names = (await readdir(schemaFolder)).filter((name) => name.endsWith('.sql')).toSorted()
  return names.map((name) => ({ version: Number(name.slice(0, 3)), name }))
}

const statementsOf = async (name: string): Promise<string[]> => {
  const text = await readFile(new URL(name, schemaFolder), 'utf8')
  return text
    .split(/;\s*$/m)
    .map((statement) => statement.replaceAll(/^\s*--.*$/gm, '').trim())
    .filter((statement) => statement !== '')
}
