import { expect } from 'vitest'
import { type Store, sessionCounts } from '../connection.ts'
import { sql } from '../sql.ts'
import {
  type Case,
  countRows,
  createTable,
  insertColumns,
  newToken,
  numbersBlock,
  numbersTable,
  slowly,
  untilRunning,
} from './cases.ts'

const unavailable = { name: 'Unavailable' }

/** The end of a store. Each case opens its own. */
export const closingCases = (open: () => Promise<Store>, testCase: Case): void => {
  testCase('waits when it closes for all that runs', async () => {
    const store = await open()
    const token = newToken()
    const table = await createTable(store, numbersTable)
    const events: string[] = []
    const ends = [
      store.query(slowly(token, 0.5)).then(() => events.push('query')),
      store
        .command(sql`INSERT INTO FUNCTION null('n UInt64') ${slowly(token, 0.5)}`)
        .then(() => events.push('command')),
    ]
    await untilRunning(store, token, 2)
    ends.push(insertColumns(store, table, numbersBlock(0, 100_000)).then(() => events.push('insert')))
    await store.close().then(() => events.push('closed'))
    await Promise.all(ends)
    expect(events.at(-1)).toBe('closed')
    expect(events.toSorted()).toEqual(['closed', 'command', 'insert', 'query'])

    const again = await open()
    expect(await countRows(again, table)).toBe(100_000)
    await again.close()
  })

  testCase('waits for a query that began in the same moment', async () => {
    const store = await open()
    let endedCount = 0
    const begun = [
      ...Array.from({ length: sessionCounts.reads }, () => store.query(sql`SELECT 1`)),
      store.command(sql`INSERT INTO FUNCTION null('n UInt8') SELECT 1`),
    ]
    const ends = begun.map((statement) => statement.then(() => (endedCount += 1)))
    await store.close()
    expect(endedCount).toBe(begun.length)
    await Promise.all(ends)
  })

  testCase('refuses once it closes what comes, and what still waits in line', async () => {
    const store = await open()
    const token = newToken()
    const stop = new AbortController()
    const busy = Array.from({ length: sessionCounts.reads }, () =>
      store.query(slowly(token), { signal: stop.signal }).catch((error: unknown) => error),
    )
    await untilRunning(store, token, sessionCounts.reads)
    const waiting = store.query(sql`SELECT 1`).catch((error: unknown) => error)
    const closing = store.close()
    expect(await waiting).toMatchObject(unavailable)
    await expect(store.query(sql`SELECT 1`)).rejects.toMatchObject(unavailable)
    await expect(store.command(sql`SELECT 1`)).rejects.toMatchObject(unavailable)
    await expect(insertColumns(store, 'any', numbersBlock(0, 1))).rejects.toMatchObject(unavailable)
    // What still runs can still be cancelled.
    stop.abort()
    await closing
    expect(await Promise.all(busy)).toEqual(busy.map(() => expect.objectContaining({ name: 'QueryStopped' })))
    await expect(store.query(sql`SELECT 1`)).rejects.toMatchObject(unavailable)
  })

  testCase('may be closed again', async () => {
    const store = await open()
    const slow = store.query(slowly(newToken(), 0.3))
    let isAnswered = false
    const answered = slow.then(() => (isAnswered = true))
    await Promise.all([store.close(), store.close()])
    expect(isAnswered).toBe(true)
    await answered
    await store.close()
  })

  testCase('works without its object, and can be opened again and again', async () => {
    for (let round = 0; round < 3; round++) {
      const { query, command, insertNative, close, kind, database } = await open()
      expect([typeof insertNative, kind.length > 0, database.length > 0]).toEqual(['function', true, true])
      await command(sql`INSERT INTO FUNCTION null('n UInt8') SELECT 1`)
      expect(await query(sql`SELECT currentDatabase() AS name`)).toEqual([{ name: database }])
      await close()
    }
  })
}
