import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CuttingRelay, startCuttingRelay } from '../test/harness/cutting-relay.ts'
import { startStoreProcess } from '../test/harness/store-process.ts'
import {
  createTable,
  insertColumns,
  newToken,
  numbersBlock,
  numbersTable,
  slowly,
  untilRunning,
} from './conformance/cases.ts'
import { describeStore } from './conformance/describe-store.ts'
import { describeTelemetry } from './conformance/describe-telemetry.ts'
import { type Store, type StoreSettings, openStore } from './connection.ts'
import { sql } from './sql.ts'

// Far from UTC, so that a time zone shows that is the machine's. Read by the engine when it is first used.
process.env['TZ'] = 'Asia/Seoul'

const database = `conformance_${randomUUID().replaceAll('-', '')}`
const telemetryDatabase = `${database}_telemetry`
const unavailable = { name: 'Unavailable' }
const givenUrl = process.env['CLICKHOUSE_URL']
/** Why a relay cannot stand between the store and the server, where it cannot. */
const noRelay = givenUrl?.startsWith('https:') ? 'a certificate is not valid for a relay' : ''

interface SilentServer {
  relay: CuttingRelay
  store: Store
  outcome: Promise<unknown>
}
/** Waited for long, so it is asked first and looked at last. */
let silent: SilentServer | undefined
const silenceMillisMax = 20_000

const askOneThatFallsSilent = async (settings: {
  clickhouseUrl: string
  database: string
}): Promise<SilentServer> => {
  const relay = await startCuttingRelay(settings.clickhouseUrl)
  const store = await openStore({ ...settings, clickhouseUrl: relay.url })
  relay.fallSilent()
  const outcome = store.query(sql`SELECT 1`, { maxExecutionSeconds: 0.5 }).catch((error: unknown) => error)
  return { relay, store, outcome }
}

describe('a store on a server', () => {
  let settings: { clickhouseUrl: string; database: string }
  let stop: () => Promise<void>

  beforeAll(async () => {
    const server = givenUrl === undefined ? await startStoreProcess() : undefined
    settings = { clickhouseUrl: givenUrl ?? server?.url ?? '', database }
    stop = async () => {
      const store = await openStore(settings)
      for (const name of [telemetryDatabase, database])
        await store.command(sql`DROP DATABASE IF EXISTS ${sql.identifier(name)}`)
      await store.close()
      await server?.stop()
    }
    if (noRelay === '') silent = await askOneThatFallsSilent(settings)
  })
  afterAll(() => stop())

  const through = async (
    act: (parts: { relay: CuttingRelay; relayed: Store; direct: Store }) => Promise<void>,
  ): Promise<void> => {
    const relay = await startCuttingRelay(settings.clickhouseUrl)
    const relayed = await openStore({ ...settings, clickhouseUrl: relay.url })
    const direct = await openStore(settings)
    try {
      await act({ relay, relayed, direct })
    } finally {
      await relayed.close()
      await direct.close()
      await relay.stop()
    }
  }

  describeStore('a server', () => openStore(settings))
  describeTelemetry('a server', () => openStore({ ...settings, database: telemetryDatabase }))

  it('is unavailable while the server cannot be reached', async ({ skip }) => {
    skip(noRelay !== '', noRelay)
    const nobody = await startCuttingRelay(settings.clickhouseUrl)
    await nobody.stop()
    const unreachable: StoreSettings = { ...settings, clickhouseUrl: nobody.url }
    await expect(openStore(unreachable)).rejects.toMatchObject(unavailable)

    await through(async ({ relay, relayed }) => {
      await relay.stop()
      await expect(relayed.query(sql`SELECT 1`)).rejects.toThrow('no answer from ClickHouse: ')
      await expect(relayed.query(sql`SELECT 1`)).rejects.toMatchObject(unavailable)
      await expect(relayed.command(sql`SELECT 1`)).rejects.toMatchObject(unavailable)
      await expect(insertColumns(relayed, 'any', numbersBlock(0, 1))).rejects.toMatchObject(unavailable)
    })
  })

  it('goes on when the server can be reached again', async ({ skip }) => {
    skip(noRelay !== '', noRelay)
    await through(async ({ relay, relayed, direct }) => {
      const token = newToken()
      const lost = relayed.query(slowly(token)).catch((error: unknown) => error)
      await untilRunning(direct, token, 1)
      relay.cut()
      expect(await lost).toMatchObject(unavailable)
      expect(await relayed.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
      await direct.query(sql`KILL QUERY WHERE position(query, ${sql.string(token)}) > 0 ASYNC`)
    })
  })

  it('has stopped an insert whose answer is lost by the time that it says so', async ({ skip }) => {
    skip(noRelay !== '', noRelay)
    await through(async ({ relay, relayed, direct }) => {
      const table = await createTable(direct, numbersTable)
      const view = sql.identifier(`${table}_view`)
      const derived = await createTable(direct, '(n UInt32) ENGINE = Memory')
      // Three seconds, which is as long as the engine lets a block sleep.
      await direct.command(
        sql`CREATE MATERIALIZED VIEW ${view} TO ${sql.identifier(derived)} AS SELECT n FROM ${sql.identifier(table)} WHERE NOT ignore(sleepEachRow(0.001))`,
      )
      const insert = insertColumns(relayed, table, numbersBlock(0, 2900)).catch((error: unknown) => error)
      await untilRunning(direct, table, 1)
      relay.cut()
      expect(await insert).toMatchObject(unavailable)
      expect(
        await direct.query(
          sql`SELECT query FROM system.processes WHERE position(query, ${sql.string(table)}) > 0 AND position(query, 'system.processes') = 0`,
        ),
      ).toEqual([])
      await direct.command(sql`DROP VIEW ${view}`)
    })
  })
})

describe('an embedded store', () => {
  let dataDir: string
  beforeAll(async () => void (dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-connection-'))))
  afterAll(() => rm(dataDir, { recursive: true, force: true }))

  describeStore('chDB', () => openStore({ dataDir, database }))
  describeTelemetry('chDB', () => openStore({ dataDir, database: telemetryDatabase }))

  it('leaves nothing of the engine open when it closes, so that another folder can be opened', async () => {
    const opening = await openStore({ dataDir, database })
    const asked = Array.from({ length: 8 }, () => opening.query(sql`SELECT 1`).catch(() => undefined))
    await opening.close()
    await Promise.all(asked)

    const other = await mkdtemp(join(tmpdir(), 'aftertrace-connection-'))
    const store = await openStore({ dataDir: other, database })
    expect(await store.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
    await store.close()
    await rm(other, { recursive: true, force: true })
  })

  it('clears blocks that a killed process left, and its own', async () => {
    const left = join(dataDir, 'blocks', '0.native')
    await mkdir(join(dataDir, 'blocks'), { recursive: true })
    await writeFile(left, 'torn')
    const store = await openStore({ dataDir, database })
    expect(existsSync(left)).toBe(false)
    await store.close()
    expect(existsSync(join(dataDir, 'blocks'))).toBe(false)
  })

  it('is refused to a second process, which leaves the blocks of the first alone', async () => {
    const store = await openStore({ dataDir, database })
    const waiting = join(dataDir, 'blocks', 'waiting.native')
    await writeFile(waiting, 'rows')
    const connection = JSON.stringify(fileURLToPath(new URL('connection.ts', import.meta.url)))
    const settings = JSON.stringify({ dataDir, database })
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--eval',
      `import(${connection}).then(({ openStore }) => openStore(${settings}))
        .then(() => 'opened', ({ name, message }) => name + ': ' + message)
        .then((outcome) => { process.stdout.write(outcome); process.exit() })`,
    ])
    expect(stdout).toBe(
      `Unavailable: the data folder ${dataDir} is in use by process ${process.pid}: one process can have its store open`,
    )
    expect(existsSync(waiting)).toBe(true)
    await store.close()
  })
})

describe('a server that falls silent', () => {
  it(
    'is given up some time after the limit of what it was asked',
    async ({ skip }) => {
      skip(noRelay !== '', noRelay)
      expect(await silent?.outcome).toMatchObject({
        ...unavailable,
        message: 'no answer from ClickHouse: no answer within 15.5 s',
      })
      await silent?.store.close()
      await silent?.relay.stop()
    },
    silenceMillisMax,
  )
})
