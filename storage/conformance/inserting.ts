import { expect } from 'vitest'
import { type Store, codeOf } from '../connection.ts'
import { column, encodeBlock } from '../native-block.ts'
import { sql } from '../sql.ts'
import {
  type Case,
  countRows,
  createTable,
  insertColumns,
  insertedParts,
  numbersBlock,
  numbersTable,
  own,
} from './cases.ts'

const manyRows = 1_000_000

/** A block is one part or nothing. */
export const insertingCases = (store: () => Store, testCase: Case): void => {
  const codeOfInsert = (insert: Promise<void>): Promise<string> =>
    insert.then(
      () => 'inserted',
      (error: unknown) => codeOf(error),
    )

  testCase('inserts a block of no rows as nothing', async () => {
    const table = await createTable(store(), numbersTable)
    await insertColumns(store(), table, numbersBlock(0, 0))
    expect(await insertedParts(store(), table)).toEqual([])
  })

  testCase('inserts a block of one row as one part', async () => {
    const table = await createTable(store(), numbersTable)
    await insertColumns(store(), table, numbersBlock(0, 1))
    expect(await insertedParts(store(), table)).toEqual([{ rows: '1' }])
  })

  testCase('inserts a block of a million rows as one part, of which readers see all or nothing', async () => {
    const table = await createTable(store(), numbersTable)
    const seen = new Set<number>()
    let isInserted = false
    const insert = insertColumns(store(), table, numbersBlock(0, manyRows)).finally(() => (isInserted = true))
    while (!isInserted) seen.add(await countRows(store(), table))
    await insert
    seen.add(await countRows(store(), table))
    expect([...seen].filter((count) => count !== 0)).toEqual([manyRows])
    expect(await insertedParts(store(), table)).toEqual([{ rows: String(manyRows) }])
    expect(
      await store().query(
        sql`SELECT sum(n) AS total, max(n) AS top, uniqExact(n) AS different FROM ${sql.identifier(table)}`,
      ),
    ).toEqual([{ total: '499999500000', top: manyRows - 1, different: String(manyRows) }])
  })

  testCase('takes the pieces of a block as one', async () => {
    const table = await createTable(store(), numbersTable)
    const block = encodeBlock(numbersBlock(0, 1000))
    const pieces = [block.subarray(0, 3), block.subarray(3, 100), block.subarray(100)]
    await store().insertNative(table, ['n', 'day'], pieces)
    expect(await insertedParts(store(), table)).toEqual([{ rows: '1000' }])
  })

  testCase('fills columns that a block does not have with their defaults', async () => {
    const table = await createTable(
      store(),
      `(n UInt32, twice UInt32 DEFAULT n * 2, word String DEFAULT 'none') ENGINE = MergeTree ORDER BY n`,
    )
    const n = column.uint32()
    n.push(21)
    await insertColumns(store(), table, { n })
    expect(await store().query(sql`SELECT * FROM ${sql.identifier(table)}`)).toEqual([
      { n: 21, twice: 42, word: 'none' },
    ])
  })

  testCase('inserts blocks of many callers at once, each as one part', async () => {
    const table = await createTable(store(), numbersTable)
    const callers = Array.from({ length: 24 }, (_, index) => index)
    await Promise.all(
      callers.map((index) =>
        insertColumns(store(), table, numbersBlock(index * 1000, index * 1000 + 500 + index)),
      ),
    )
    expect(await insertedParts(store(), table)).toEqual(
      callers.map((index) => ({ rows: String(500 + index) })),
    )
    expect(await countRows(store(), table)).toBe(24 * 500 + (23 * 24) / 2)
  })

  testCase('inserts a block twice when it is given twice', async () => {
    const table = await createTable(
      store(),
      `${numbersTable} SETTINGS non_replicated_deduplication_window = 100`,
    )
    await insertColumns(store(), table, numbersBlock(0, 10))
    await insertColumns(store(), table, numbersBlock(0, 10))
    expect(await countRows(store(), table)).toBe(20)
  })

  testCase('refuses a block over several partitions, whole', async () => {
    const table = await createTable(store(), numbersTable)
    const insert = insertColumns(
      store(),
      table,
      numbersBlock(0, 10, (n) => n % 2),
    )
    expect(await codeOfInsert(insert)).toBe('252')
    expect(await insertedParts(store(), table)).toEqual([])
  })

  testCase('refuses a block with a column that the table does not have', async () => {
    const table = await createTable(store(), '(n UInt32) ENGINE = MergeTree ORDER BY n')
    expect(await codeOfInsert(insertColumns(store(), table, numbersBlock(0, 10)))).toBe('16')
    const unlisted = store().insertNative(table, ['n'], [encodeBlock(numbersBlock(0, 10))])
    expect(await codeOfInsert(unlisted)).toBe('117')
    expect(await insertedParts(store(), table)).toEqual([])
  })

  testCase('refuses a block with a column of another type, and converts nothing', async () => {
    const table = await createTable(store(), '(n UInt32, day UInt8) ENGINE = MergeTree ORDER BY n')
    const wide = column.uint64()
    wide.push(2n ** 40n + 5n)
    const words = column.text()
    words.push('7')
    for (const n of [wide, words]) {
      const day = column.uint8()
      day.push(0)
      expect(await codeOfInsert(insertColumns(store(), table, { n, day }))).toBe('53')
    }
    expect(await insertedParts(store(), table)).toEqual([])
  })

  testCase('refuses a block that is torn', async () => {
    const table = await createTable(store(), numbersTable)
    const block = encodeBlock(numbersBlock(0, 1000))
    const insert = store().insertNative(table, ['n', 'day'], [block.subarray(0, block.length - 5)])
    await expect(insert).rejects.toThrow('Cannot read all data')
    expect(await insertedParts(store(), table)).toEqual([])
  })

  testCase('tells the code where there is no such table', async () => {
    expect(await codeOfInsert(insertColumns(store(), 'no_such_table', numbersBlock(0, 1)))).toBe('60')
  })

  testCase('fails when what is derived from a block fails', async () => {
    const table = await createTable(store(), numbersTable)
    const view = sql.identifier(`${table}_view`)
    const target = await createTable(store(), '(n UInt32) ENGINE = Memory')
    await store().command(
      sql`CREATE MATERIALIZED VIEW ${view} TO ${sql.identifier(target)} AS SELECT n + throwIf(n = 5) AS n FROM ${sql.identifier(table)}`,
    )
    expect(await codeOfInsert(insertColumns(store(), table, numbersBlock(0, 10)))).toBe('395')
    await insertColumns(store(), table, numbersBlock(10, 20))
    expect(await store().query(sql`SELECT n FROM ${sql.identifier(target)} ORDER BY n`)).toHaveLength(10)
    await store().command(sql`DROP VIEW ${view}`)
  })

  testCase('lays rows out as the table says, whatever their order in the block', async () => {
    const table = await createTable(store(), '(n UInt32) ENGINE = MergeTree ORDER BY n')
    const n = column.uint32()
    for (const value of [5, 1, 4, 1, 3]) n.push(value)
    await insertColumns(store(), table, { n })
    const rows = await store().query<{ n: number }>(
      sql`SELECT n FROM ${sql.identifier(table)} SETTINGS max_threads = 1`,
    )
    expect(rows.map((row) => row.n)).toEqual([1, 1, 3, 4, 5])
    expect(await store().query(own(`SELECT count() AS found FROM ${table} WHERE n = 1`))).toEqual([
      { found: '2' },
    ])
  })
}
