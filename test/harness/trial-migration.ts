/**
 * A migration from First light that moves rows: other keys and a new column for spans and log records. What the program's own
 * migrations of this kind have to withstand is tested on it.
 */
import { readFileSync } from 'node:fs'
import { readMigrations } from '#storage/migrations/known-migrations.ts'
import { type Migration, statements } from '#storage/migrations/migration.ts'
import { moveRows } from '#storage/migrations/move-rows.ts'
import { type Sql, sql } from '#storage/sql.ts'
import { firstLightVersion } from './first-light.ts'

export const trialVersion = firstLightVersion + 1

/** First light's migrations and the trial. */
export const trialMigrations = async (): Promise<Migration[]> => {
  const released = (await readMigrations()).filter(({ version }) => version <= firstLightVersion)
  return [...released, trialMigration()]
}

const views = ['resource_sightings_from_spans', 'resource_sightings_from_log_records']

const trialMigration = (): Migration => ({
  version: trialVersion,
  name: '003-trial.ts',
  steps: [
    statements(
      'drop what reads the tables',
      ...views.map((view) => sql`DROP VIEW IF EXISTS ${sql.identifier(view)}`),
    ),
    moveRows({
      table: 'spans',
      create: (name) =>
        createAs(name, 'spans', {
          'range LowCardinality(String)': 'trace_key UInt64, range LowCardinality(String)',
          'ORDER BY (tenant, toStartOfHour(start_time), lower(hex(trace_id)), span_id)':
            'ORDER BY (tenant, name, toStartOfHour(start_time), trace_key)',
        }),
      columns: { trace_key: sql`cityHash64(trace_id)` },
    }),
    moveRows({
      table: 'log_records',
      create: (name) =>
        createAs(name, 'log_records', {
          'ORDER BY (tenant, toStartOfFiveMinutes(time), resource_id, time)':
            'ORDER BY (tenant, resource_id, time)',
          'range LowCardinality(String)':
            "shard String DEFAULT concat('s', toString(severity_number)), range LowCardinality(String)",
        }),
    }),
    statements(
      'create what reads the tables',
      ...views.map((view) => sql.ownFile(firstLightStatement(view))),
    ),
  ],
})

/** First light's own statement with some of its text exchanged. */
const createAs = (name: Sql, table: string, exchanges: Readonly<Record<string, string>>): Sql => {
  let text = firstLightStatement(table).replace(`IF NOT EXISTS ${table}`, name.text)
  for (const [from, to] of Object.entries(exchanges)) {
    if (!text.includes(from)) throw new Error(`the table ${table} of First light has no '${from}'`)
    text = text.replace(from, to)
  }
  return sql.ownFile(text)
}

const firstLightStatement = (name: string): string => {
  const file = readFileSync(new URL('../../storage/schema/001-first-light.sql', import.meta.url), 'utf8')
  const statement = file.split(/;\s*$/m).find((text) => new RegExp(`IF NOT EXISTS ${name}\\b`).test(text))
  if (statement === undefined) throw new Error(`First light has no ${name}`)
  return statement.replaceAll(/^\s*--.*$/gm, '').trim()
}
