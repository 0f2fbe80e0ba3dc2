/** A store as the first release left it: its schema and rows that its own writer made (test/fixtures/first-light). */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Store, openStore } from '#storage/connection.ts'
import { readMigrations } from '#storage/migrations/known-migrations.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { sql } from '#storage/sql.ts'

const folder = fileURLToPath(new URL('../fixtures/first-light/', import.meta.url))
const suffix = '.native.gz'
export const firstLightVersion = 2

/** The caller closes it. A backend started on the folder afterwards migrates it as it would an upgraded one. */
export const openFirstLightStore = async (dataDir: string): Promise<Store> => {
  const store = await openStore({ dataDir, database: 'otel' })
  const migrations = (await readMigrations()).filter(({ version }) => version <= firstLightVersion)
  await migrate(store, { migrations })
  const tables = readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
  for (const table of tables.filter((name) => name !== derived)) await load(store, table)
  // Loading the rows above derived it anew; what counts is what was recorded.
  await store.command(sql`TRUNCATE TABLE ${sql.identifier(derived)}`)
  await load(store, derived)
  return store
}

const derived = 'resource_sightings'

/** One part for each range and day, as the writer's inserts were. */
const load = async (store: Store, table: string): Promise<void> => {
  const file = sql`file(${sql.string(`${folder}${table}${suffix}`)}, 'Native')`
  const columns = await store.query<{ name: string }>(
    sql`SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ${sql.string(table)} AND default_kind = ''`,
  )
  const list = sql.join(
    columns.map(({ name }) => sql.identifier(name)),
    sql`, `,
  )
  const insert = sql`INSERT INTO ${sql.identifier(table)} (${list}) SELECT ${list} FROM ${file}`
  // Rows that the engine would merge into one come as they were recorded.
  const settings = sql`SETTINGS optimize_on_insert = 0`
  if (!columns.some(({ name }) => name === 'range')) return store.command(sql`${insert} ${settings}`)
  const ranges = await store.query<{ range: string }>(sql`SELECT DISTINCT range FROM ${file} ORDER BY range`)
  for (const { range } of ranges)
    await store.command(sql`${insert} WHERE range = ${sql.string(range)} ${settings}`)
}
