import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../test/harness/seeded-random.ts'
import { type Store, openStore } from './connection.ts'
import { type Sql, sql } from './sql.ts'

let dataDir: string
let store: Store

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-sql-'))
  store = await openStore({ dataDir, database: 'otel' })
})
afterAll(async () => {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
})

const hostilePieces = [
  "'",
  '"',
  '\\',
  '`',
  ';',
  '--',
  '/*',
  '*/',
  '\n',
  '\0',
  '{',
  '}',
  '\\x27',
  "''",
  '%',
  '한',
  '🙂',
  '\u2028',
  ' OR 1=1',
  "') FORMAT CSV; DROP DATABASE otel; --",
  '\ud800',
  '\x7f',
  '\t',
  'SETTINGS readonly = 0',
]

describe('the SQL template', () => {
  it('carries hostile texts into the engine as they are', async () => {
    const random = seededRandom(20_261_121)
    const texts = Array.from({ length: 400 }, () =>
      Array.from(
        { length: 1 + Math.floor(random() * 8) },
        () => hostilePieces[Math.floor(random() * hostilePieces.length)],
      ).join(''),
    )
    const rows = await store.query<{ number: string; text: string }>(
      sql`SELECT toString(row.1) AS number, hex(row.2) AS text FROM (SELECT arrayJoin(arrayZip(range(${sql.uint64(texts.length)}), ${sql.strings(texts)})) AS row)`,
    )
    expect(rows.map((row) => Buffer.from(row.text, 'hex').toString('utf8'))).toEqual(
      texts.map((text) => Buffer.from(text, 'utf8').toString('utf8')),
    )
  })

  it('carries every byte as it is', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index)
    const [row] = await store.query<{ text: string }>(sql`SELECT hex(${sql.bytes(bytes)}) AS text`)
    expect(row?.text).toBe(Buffer.from(bytes).toString('hex').toUpperCase())
  })

  it('keeps numbers exact at the edges of their types', async () => {
    const [row] = await store.query(sql`SELECT
      ${sql.uint64(2n ** 64n - 1n)} AS u, ${sql.int64(-(2n ** 63n))} AS i, ${sql.float64(0.1)} AS f, ${sql.float64(1e300)} AS g,
      ${sql.dateTime64(1_732_000_000_123_456_789n)} AS t, ${sql.bool(true)} AS b, toTypeName(${sql.uint64(1)}) AS type`)
    expect(row).toEqual({
      u: '18446744073709551615',
      i: '-9223372036854775808',
      f: 0.1,
      g: 1e300,
      t: '2024-11-19 07:06:40.123456789',
      b: true,
      type: 'UInt64',
    })
  })

  it('refuses what does not fit its type, and texts that it did not make', () => {
    expect(() => sql.uint64(-1)).toThrow(RangeError)
    expect(() => sql.uint64(2n ** 64n)).toThrow(RangeError)
    expect(() => sql.int64(1.5)).toThrow(RangeError)
    expect(() => sql.float64(Number.NaN)).toThrow(RangeError)
    expect(() => sql.identifier('spans; DROP TABLE spans')).toThrow(RangeError)
    expect(() => sql`SELECT ${{ text: '1' } as unknown as Sql}`).toThrow(TypeError)
    expect(() => sql.join([{ text: '1' } as unknown as Sql], sql`,`)).toThrow(TypeError)
  })
})

describe('a query', () => {
  it('that is cancelled stops in the engine', async () => {
    const abort = new AbortController()
    const slow = store.query(sql`SELECT sum(sipHash64(number)) FROM numbers(100000000000)`, {
      signal: abort.signal,
    })
    await expect.poll(() => running(), { timeout: 5000 }).toBe(1)
    abort.abort()
    await expect(slow).rejects.toMatchObject({ name: 'QueryStopped' })
    await expect.poll(() => running(), { timeout: 5000 }).toBe(0)
  })

  it('that is cancelled while it waits for a session never runs', async () => {
    const stops = Array.from({ length: 8 }, () => new AbortController())
    const slow = stops.map(({ signal }) =>
      store
        .query(sql`SELECT sum(sipHash64(number)) FROM numbers(100000000000)`, { signal })
        .catch(() => undefined),
    )
    const waiting = new AbortController()
    const late = store.query(sql`SELECT throwIf(1, 'it ran')`, { signal: waiting.signal })
    waiting.abort()
    for (const stop of stops) stop.abort()
    await expect(late).rejects.toMatchObject({ name: 'QueryStopped' })
    await Promise.all(slow)
  })

  it('stops at its time limit', async () => {
    await expect(
      store.query(sql`SELECT sum(sipHash64(number)) FROM numbers(100000000000)`, { maxExecutionSeconds: 1 }),
    ).rejects.toMatchObject({ name: 'QueryStopped' })
  })

  it('does not wait behind a long one', async () => {
    const abort = new AbortController()
    const slow = store
      .query(sql`SELECT sum(sipHash64(number)) FROM numbers(100000000000)`, { signal: abort.signal })
      .catch(() => undefined)
    expect(await store.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
    abort.abort()
    await slow
  })
})

const running = async (): Promise<number> => {
  const rows = await store.query(
    sql`SELECT 1 FROM system.processes WHERE query LIKE '%sipHash64%' AND query NOT LIKE '%system.processes%'`,
  )
  return rows.length
}
