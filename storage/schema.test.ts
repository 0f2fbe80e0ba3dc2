import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Store, openStore } from './connection.ts'
import { migrate } from './migrations/migrate.ts'
import { constantColumn, encodeBlock } from './native-block.ts'
import { type PhysicalTable, physicalTables } from './physical-tables.ts'
import { sql } from './sql.ts'

let dataDir: string
let store: Store

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-schema-'))
  store = await openStore({ dataDir, database: 'otel' })
  await migrate(store)
})
afterAll(async () => {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
})

const columnsOf = async (table: string): Promise<Record<string, string>> => {
  const rows = await store.query<{ name: string; type: string }>(
    sql`SELECT name, type FROM system.columns WHERE database = 'otel' AND table = ${sql.string(table)} AND default_kind = ''`,
  )
  return Object.fromEntries(rows.map(({ name, type }) => [name, type]))
}

describe('the schema', () => {
  it.each(Object.keys(physicalTables) as PhysicalTable[])(
    'has for %s the columns that the writer fills',
    async (table) => {
      const built = physicalTables[table]()
      const withRange = table === 'resources' ? built : { ...built, range: constantColumn('', 0) }
      const types = Object.fromEntries(Object.entries(withRange).map(([name, column]) => [name, column.type]))
      expect(await columnsOf(table)).toEqual(types)
    },
  )

  it('lies where no other user of the machine can read', async () => {
    expect((await stat(join(dataDir, 'chdb'))).mode & 0o077).toBe(0)
  })

  it('is left alone by a second migration', async () => {
    expect(await migrate(store)).toEqual({ applied: [] })
  })

  it('of a newer program is refused', async () => {
    await store.command(sql`INSERT INTO schema_version (version, name) VALUES (999, 'from-the-future')`)
    await expect(migrate(store)).rejects.toThrow('schema 999')
    await store.command(
      sql`ALTER TABLE schema_version DELETE WHERE version = 999 SETTINGS mutations_sync = 1`,
    )
  })

  it('refuses a block that would become more than one part', async () => {
    const columns = physicalTables.log_records()
    for (const time of [1_700_000_000_000_000_000n, 1_800_000_000_000_000_000n]) {
      for (const [name, column] of Object.entries(columns)) {
        const value = name === 'time' ? time : emptyValues[column.type]
        ;(column.push as (value: unknown) => void).call(column, value)
      }
    }
    const block = encodeBlock(columns)
    await expect(store.insertNative('log_records', Object.keys(columns), [block])).rejects.toThrow(
      /partitions/,
    )
    expect(await store.query(sql`SELECT count() AS rows FROM log_records`)).toEqual([{ rows: '0' }])
  })
})

const emptyValues: Readonly<Record<string, unknown>> = {
  'LowCardinality(String)': '',
  'Map(LowCardinality(String), String)': [],
  String: '',
  UInt8: 0,
  UInt32: 0,
  Int32: 0,
  UInt64: 0n,
  "DateTime64(3, 'UTC')": 0,
  'FixedString(8)': new Uint8Array(8),
  'FixedString(16)': new Uint8Array(16),
}
