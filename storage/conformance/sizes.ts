import { expect } from 'vitest'
import { QueryTooLarge, type Store } from '../connection.ts'
import { type Sql, sql } from '../sql.ts'
import type { Case } from './cases.ts'

/** What is too large is refused by name, and what is long is not. */
export const sizeCases = (store: () => Store, testCase: Case): void => {
  testCase('refuses what needs more memory than a query may have', async () => {
    const hoard = store().query(sql`SELECT length(groupArray(number)) AS held FROM numbers(1000000000)`)
    await expect(hoard).rejects.toThrow(QueryTooLarge)
    expect(await store().query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
  })

  testCase('refuses rows that have more bytes than they may', async () => {
    const wide = (count: number): Sql =>
      sql`SELECT repeat('x', 900000) || '결' || toString(number) AS x FROM numbers(${sql.uint64(count)}) ORDER BY number`
    await expect(store().query(wide(400))).rejects.toThrow(QueryTooLarge)
    await expect(store().query(wide(20), { resultBytesMax: 10_000_000 })).rejects.toThrow(QueryTooLarge)
    const rows = await store().query<{ x: string }>(wide(20))
    expect(rows.map(({ x }) => x.slice(900_000))).toEqual(Array.from({ length: 20 }, (_, n) => `결${n}`))
  })

  testCase('takes statements of some megabytes', async () => {
    const texts = Array.from({ length: 5000 }, (_, n) => `${n}-`.padEnd(100, '결'))
    expect(
      await store().query(
        sql`SELECT length(${sql.strings(texts)}) AS found, has(${sql.strings(texts)}, 'x') AS hasX`,
      ),
    ).toEqual([{ found: '5000', hasX: 0 }])
  })
}
