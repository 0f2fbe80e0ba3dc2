import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from 'vitest'
import { startClickHouseProcess } from '../test/harness/clickhouse-process.ts'
import { describeStore } from './conformance/describe-store.ts'
import { type StoreSettings, openStore } from './connection.ts'
import { sql } from './sql.ts'

// Far from UTC, so that a time zone shows that is the machine's. Read by the engine when it is first used.
process.env['TZ'] = 'Asia/Seoul'

const database = `conformance_${randomUUID().replaceAll('-', '')}`

describe('chDB', () => {
  let dataDir: string
  beforeAll(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-connection-'))))
  afterAll(() => rm(dataDir, { recursive: true, force: true }))
  describeStore('chDB', () => openStore({ dataDir, database }))
})

describe('a server', () => {
  let settings: StoreSettings
  let stop: () => Promise<void>
  beforeAll(async () => {
    const given = process.env['CLICKHOUSE_URL']
    const server = given === undefined ? await startClickHouseProcess() : undefined
    settings = { clickhouseUrl: given ?? server?.url ?? '', database }
    stop = async () => {
      const store = await openStore(settings)
      await store.command(sql`DROP DATABASE ${sql.identifier(database)}`)
      await store.close()
      await server?.stop()
    }
  })
  afterAll(() => stop())
  describeStore('a server', () => openStore(settings))
})
