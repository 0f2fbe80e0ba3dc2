import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Store, openStore } from './connection.ts'
import { type Column, type TextMap, column, encodeBlock } from './native-block.ts'
import { sql } from './sql.ts'

let dataDir: string
let store: Store
let tableCount = 0

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-native-'))
  store = await openStore({ dataDir, database: 'otel' })
})
afterAll(async () => {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
})

/** Sends one column through the engine: what comes back, by row. */
const throughEngine = async <T>(values: Column<T>, rows: readonly T[]): Promise<unknown[]> => {
  const table = `column_${tableCount++}`
  const number = column.uint32()
  rows.forEach((row, index) => {
    number.push(index)
    values.push(row)
  })
  await store.command(
    sql.ownFile(
      `CREATE TABLE ${table} (number UInt32, value ${values.type}) ENGINE = MergeTree ORDER BY number`,
    ),
  )
  await store.insertNative(table, ['number', 'value'], [encodeBlock({ number, value: values })])
  const read = await store.query<{ value: unknown }>(
    sql`SELECT value FROM ${sql.identifier(table)} ORDER BY number`,
  )
  return read.map(({ value }) => value)
}

describe('a Native block', () => {
  it.each([
    ['uint8', column.uint8(), [0, 1, 255]],
    ['uint32', column.uint32(), [0, 4_294_967_295]],
    ['int32', column.int32(), [0, -2_147_483_648, 2_147_483_647]],
    ['float64', column.float64(), [0, -1.5, 1e300, 5e-324]],
    ['bool', column.bool(), [true, false]],
    ['text', column.text(), ['', 'plain', '한국어 🙂', 'x'.repeat(100_000), 'a\0b']],
  ] as [string, Column<unknown>, unknown[]][])('carries %s as it is', async (_name, values, rows) => {
    expect(await throughEngine(values, rows)).toEqual(rows)
  })

  it('carries 64-bit integers to their edges', async () => {
    const unsigned = [0n, 2n ** 53n + 1n, 2n ** 64n - 1n]
    expect(await throughEngine(column.uint64(), unsigned)).toEqual(unsigned.map(String))
    const signed = [-(2n ** 63n), 0n, 2n ** 63n - 1n]
    expect(await throughEngine(column.int64(), signed)).toEqual(signed.map(String))
  })

  it('carries what is no number, too', async () => {
    const rows = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    expect(await throughEngine(column.float64(), rows)).toEqual(['nan', 'inf', '-inf'])
  })

  it('carries times with all their digits', async () => {
    expect(await throughEngine(column.dateTimeNanos(), [1_732_000_000_123_456_789n])).toEqual([
      '2024-11-19 07:06:40.123456789',
    ])
    expect(await throughEngine(column.dateTimeMillis(), [1_732_000_000_123])).toEqual([
      '2024-11-19 07:06:40.123',
    ])
    expect(await throughEngine(column.dateTimeSeconds(), [1_732_000_000])).toEqual(['2024-11-19 07:06:40'])
  })

  it.each([1, 2, 256, 257, 65_536, 65_537])('carries a dictionary of %i texts', async (keyCount) => {
    const rows = Array.from({ length: keyCount + 3 }, (_, index) => `text ${index % keyCount}`)
    expect(await throughEngine(column.lowCardinality(), rows)).toEqual(rows)
  })

  it('carries arrays, empty ones and nested ones', async () => {
    expect(await throughEngine(column.array(column.uint32()), [[], [1, 2, 3], [], [4]])).toEqual([
      [],
      [1, 2, 3],
      [],
      [4],
    ])
    expect(await throughEngine(column.array(column.lowCardinality()), [[], [], []])).toEqual([[], [], []])
    const nested = [[['a'], []], [], [['b', 'c']]]
    expect(await throughEngine(column.array(column.array(column.text())), nested)).toEqual(nested)
  })

  it('carries maps, empty ones, and lists of maps', async () => {
    const rows: TextMap[] = [
      [],
      [
        ['k', 'v'],
        ['empty', ''],
      ],
      [],
    ]
    expect(await throughEngine(column.textMap(), rows)).toEqual([{}, { k: 'v', empty: '' }, {}])
    expect(await throughEngine(column.textMap(), [[], []])).toEqual([{}, {}])
    expect(await throughEngine(column.array(column.textMap()), [[], [[['a', '1']], []]])).toEqual([
      [],
      [{ a: '1' }, {}],
    ])
  })

  it('carries absent numbers', async () => {
    expect(await throughEngine(column.nullableFloat64(), [1.5, undefined, 0])).toEqual([1.5, null, 0])
  })

  it('refuses what a column cannot hold, and columns that do not fit together', () => {
    expect(() => column.fixed(8).push(new Uint8Array(7))).toThrow(RangeError)
    expect(() => column.uint64().push(-1n)).toThrow(RangeError)
    for (const value of [-1, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => column.uint8().push(value)).toThrow(`${value} does not fit UInt8`)
      expect(() => column.uint32().push(value)).toThrow(`${value} does not fit UInt32`)
      expect(() => column.dateTimeSeconds().push(value)).toThrow(`${value} does not fit DateTime`)
    }
    for (const value of [1.5, Number.NaN, 2 ** 31, -(2 ** 31) - 1])
      expect(() => column.int32().push(value)).toThrow(`${value} does not fit Int32`)
    expect(() => column.uint8().push(256)).toThrow('256 does not fit UInt8')
    const short = column.text()
    const long = column.text()
    long.push('row')
    expect(() => encodeBlock({ long, short })).toThrow('column short has 0 rows, the block has 1')
  })
})
