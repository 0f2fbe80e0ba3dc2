import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Logger, createLogger, silentLogger } from '#runtime/logger.ts'
import { type Store, openStore } from '../connection.ts'
import { type SchemaLock, SchemaLockLost, type SchemaLockTimes, acquireSchemaLock } from './schema-lock.ts'
import { sql } from '../sql.ts'

let dataDir: string
let store: Store

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-lock-'))
  store = await openStore({ dataDir, database: 'otel' })
})
beforeEach(async () => {
  for (const name of await tables()) await store.command(sql`DROP TABLE ${sql.identifier(name)} SYNC`)
})
afterAll(async () => {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
})

const tables = async (): Promise<string[]> => {
  const rows = await store.query<{ name: string }>(
    sql`SELECT name FROM system.tables WHERE database = 'otel' ORDER BY name`,
  )
  return rows.map(({ name }) => name)
}

interface Wanted {
  by?: Store
  logger?: Logger
  isWanted?: () => Promise<boolean>
  times?: Partial<SchemaLockTimes>
}

const acquire = async (wanted: Wanted = {}): Promise<SchemaLock> => {
  const { by = store, logger = silentLogger, isWanted = async () => true, times = {} } = wanted
  const lock = await acquireSchemaLock(by, { logger, isWanted, times: { pollMillis: 20, ...times } })
  if (lock === undefined) throw new Error('the lock was not wanted')
  return lock
}

/** A holder that never renews, as one that was frozen after it began. */
const frozen = { times: { heartbeatMillis: 3_600_000 } }
const impatient = { times: { staleMillis: 1500 } }

const recordingLogger = (): { logger: Logger; lines: Record<string, unknown>[] } => {
  const lines: Record<string, unknown>[] = []
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(JSON.parse(chunk.toString()) as Record<string, unknown>)
      done()
    },
  })
  return { logger: createLogger({ name: 'test', destination }), lines }
}

describe('the schema lock', () => {
  it('is held by one at a time, each under a higher term', async () => {
    let holders = 0
    const terms: number[] = []
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        const lock = await acquire()
        holders += 1
        expect(holders).toBe(1)
        terms.push(lock.term)
        await lock.store.command(
          sql`CREATE TABLE ${sql.identifier(`work_${lock.term}`)} (a UInt8) ENGINE = Memory`,
        )
        holders -= 1
        await lock.release()
      }),
    )
    expect(terms).toEqual([1, 2, 3, 4, 5, 6])
    expect((await tables()).filter((name) => name.startsWith('schema_lock_'))).toEqual(['schema_lock_6'])
  })

  it('is not had by one who waited until there was nothing to do, and who says for whom it waits', async () => {
    const held = await acquire()
    const { logger, lines } = recordingLogger()
    let asked = 0
    const isWanted = async (): Promise<boolean> => asked++ < 5
    expect(await acquireSchemaLock(store, { logger, isWanted, times: { pollMillis: 10 } })).toBeUndefined()
    expect(lines).toMatchObject([
      {
        level: 30,
        term: 1,
        holder: { pid: process.pid },
        msg: expect.stringContaining(`waiting for process ${process.pid} on `) as unknown,
      },
    ])
    await held.release()
  })

  it('stays with a holder that renews it, however long it takes', async () => {
    const held = await acquire({ times: { heartbeatMillis: 100 } })
    const endsAt = performance.now() + 3000
    const isWanted = async (): Promise<boolean> => performance.now() < endsAt
    const times = { pollMillis: 20, ...impatient.times }
    expect(await acquireSchemaLock(store, { logger: silentLogger, isWanted, times })).toBeUndefined()
    await held.store.command(sql`CREATE TABLE work (a UInt8) ENGINE = Memory`)
    await held.release()
  })

  it('is taken from a silent holder, which then makes no further statement', async () => {
    const silent = await acquire(frozen)
    await silent.store.command(sql`CREATE TABLE work (a UInt8) ENGINE = Memory`)
    const { logger, lines } = recordingLogger()
    const next = await acquire({ ...impatient, logger })
    expect(next.term).toBe(2)
    expect(lines.at(-1)).toMatchObject({ level: 40, term: 2, previous: { pid: process.pid } })
    await expect(silent.store.command(sql`DROP TABLE work`)).rejects.toThrow(SchemaLockLost)
    await expect(silent.store.insertNative('work', ['a'], [])).rejects.toThrow(SchemaLockLost)
    expect(await tables()).toEqual(['schema_lock_2', 'work'])
    // Its end does not end the other's.
    await silent.release()
    await next.store.command(sql`DROP TABLE work`)
    await next.release()
  })

  it('tells a silent holder that it was lost when a statement under way fails because the next one cleared up', async () => {
    await store.command(sql`CREATE TABLE work (a UInt8) ENGINE = Memory`)
    let next: SchemaLock | undefined
    // What a holder that is frozen between the check and the statement sees when it goes on.
    const overtaken = async (): Promise<never> => {
      next = await acquire(impatient)
      await next.store.command(sql`DROP TABLE work`)
      throw await store.command(sql`INSERT INTO work VALUES (1)`).catch((error: unknown) => error)
    }
    const silent = await acquire({
      ...frozen,
      by: {
        ...store,
        query: store.query,
        command: (statement) =>
          statement.text.includes('INSERT INTO work') ? overtaken() : store.command(statement),
      },
    })
    await expect(silent.store.command(sql`INSERT INTO work VALUES (1)`)).rejects.toThrow(SchemaLockLost)
    await expect(silent.store.query(sql`SELECT * FROM work`)).rejects.toThrow(SchemaLockLost)
    await next?.release()
    await silent.release()
  })

  it("leaves a failure that is the holder's own as it is", async () => {
    const lock = await acquire()
    await expect(lock.store.query(sql`SELECT * FROM nowhere`)).rejects.toThrow(/nowhere/)
    await expect(lock.store.command(sql`DROP TABLE nowhere`)).rejects.toThrow(/nowhere/)
    await lock.release()
  })

  it('begins only when the statement that a silent holder left has ended', async () => {
    const silent = await acquire(frozen)
    await silent.store.command(sql`CREATE TABLE work (a UInt8) ENGINE = MergeTree ORDER BY a`)
    let isRunning = true
    const left = silent.store
      .command(sql`INSERT INTO work SELECT sleepEachRow(0.2) FROM numbers(25) SETTINGS max_block_size = 1`)
      .finally(() => (isRunning = false))
    const next = await acquire(impatient)
    expect(isRunning).toBe(false)
    await left
    await next.release()
  })

  it('is not had under a term that ended while it was being taken', async () => {
    const first = await acquire()
    await first.release()
    // Between its look at term 1 and its creation of term 2, two others come and go.
    let isLate = false
    const seen: unknown[] = []
    const late: Store = {
      ...store,
      command: async (statement) => {
        if (!isLate && statement.text.includes('CREATE TABLE `schema_lock_2`')) {
          isLate = true
          await (await acquire()).release()
          const third = await acquire()
          seen.push(third.term, await tables())
          await third.release()
        }
        await store.command(statement)
      },
    }
    const lock = await acquire({ by: late })
    expect(seen).toEqual([3, ['schema_lock_3']])
    expect(lock.term).toBe(4)
    expect(await tables()).toEqual(['schema_lock_4'])
    await lock.release()
  })

  it('of another process on the embedded store is free at once, because that process has ended', async () => {
    const holder = JSON.stringify({ process: 'another', pid: 1, host: 'here' })
    await store.command(sql`
      CREATE TABLE schema_lock_7 (at DateTime64(3) DEFAULT now64(3), state LowCardinality(String))
      ENGINE = MergeTree ORDER BY at COMMENT ${sql.string(holder)}`)
    await store.command(sql`INSERT INTO schema_lock_7 (state) VALUES ('held')`)
    const lock = await acquire({ times: { staleMillis: 3_600_000 } })
    expect(lock.term).toBe(8)
    await lock.release()
  })
})
