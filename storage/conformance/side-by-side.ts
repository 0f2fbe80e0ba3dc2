import { expect } from 'vitest'
import { type Store, sessionCounts } from '../connection.ts'
import { sql } from '../sql.ts'
import {
  type Case,
  countRows,
  createTable,
  insertColumns,
  killAll,
  newToken,
  numbersBlock,
  numbersTable,
  own,
  slowly,
  untilRunning,
} from './cases.ts'

/** What holds up what, and what one statement leaves for the next. */
export const sideBySideCases = (store: () => Store, testCase: Case): void => {
  const startReads = (count: number, token: string) => {
    const aborts = Array.from({ length: count }, () => new AbortController())
    const ended = Promise.allSettled(aborts.map(({ signal }) => store().query(slowly(token), { signal })))
    const stop = async (): Promise<void> => {
      for (const abort of aborts) abort.abort()
      await ended
    }
    return { aborts, stop }
  }

  testCase('answers one read while all others are long', async () => {
    const token = newToken()
    const { stop } = startReads(sessionCounts.reads - 1, token)
    await untilRunning(store(), token, sessionCounts.reads - 1)
    expect(await store().query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
    await stop()
  })

  testCase('writes while every read is long', async () => {
    const token = newToken()
    const table = await createTable(store(), numbersTable)
    const { stop } = startReads(sessionCounts.reads, token)
    await untilRunning(store(), token, sessionCounts.reads)
    await insertColumns(store(), table, numbersBlock(0, 10))
    await store().command(sql`INSERT INTO ${sql.identifier(table)} SELECT 10, 0`)
    await stop()
    expect(await countRows(store(), table)).toBe(11)
  })

  testCase('reads while every write is long', async () => {
    const token = newToken()
    const writes = Array.from({ length: sessionCounts.writes }, () =>
      store().command(sql`INSERT INTO FUNCTION null('n UInt64') ${slowly(token)}`),
    )
    const ended = Promise.allSettled(writes)
    const running = sql`SELECT count() AS running FROM system.processes WHERE position(query, ${sql.string(token)}) > 0 AND position(query, 'system.processes') = 0`
    await expect
      .poll(() => store().query(running), { timeout: 5000 })
      .toEqual([{ running: String(sessionCounts.writes) }])
    await killAll(store(), token)
    expect((await ended).map(({ status }) => status)).toEqual(writes.map(() => 'rejected'))
  })

  testCase('lets who finds no session wait in line, first come, first served', async () => {
    const token = newToken()
    const { aborts, stop } = startReads(sessionCounts.reads, token)
    await untilRunning(store(), token, sessionCounts.reads)
    const served: number[] = []
    const waiting = [1, 2, 3].map((place) =>
      store()
        .query(sql`SELECT 1`)
        .then(() => served.push(place)),
    )
    // Whatever could have been answered meanwhile would have been.
    await untilRunning(store(), token, sessionCounts.reads)
    expect(served).toEqual([])
    aborts[0]?.abort()
    await Promise.all(waiting)
    expect(served).toEqual([1, 2, 3])
    await stop()
  })

  testCase('shows what one statement changed to the next, in whatever session', async () => {
    for (let round = 0; round < 10; round++) {
      const table = await createTable(store(), numbersTable)
      await insertColumns(store(), table, numbersBlock(0, 3))
      await store().command(sql`INSERT INTO ${sql.identifier(table)} SELECT 3, 0`)
      const counts = Array.from({ length: sessionCounts.reads }, () => countRows(store(), table))
      expect(await Promise.all(counts)).toEqual(counts.map(() => 4))
      await store().command(sql`DROP TABLE ${sql.identifier(table)}`)
    }
  })

  testCase('lets no setting of a query reach another', async () => {
    const everySession = Array.from({ length: 2 * sessionCounts.reads }, (_, index) => index)
    const read = async (): Promise<unknown[]> => {
      const answers = await Promise.all(
        everySession.map(() =>
          store().query(own(`SELECT getSetting('max_block_size') AS size, sleep(0.05) AS slept`)),
        ),
      )
      return answers.flat()
    }
    const before = await read()
    await Promise.all(
      everySession.map((index) =>
        store()
          .query(own(`SELECT throwIf(${index % 2}), sleep(0.05) SETTINGS max_block_size = 7`))
          .catch(() => undefined),
      ),
    )
    expect(await read()).toEqual(before)
    expect(JSON.stringify(before)).not.toContain('"7"')
  })

  testCase('lets no setting of an insert reach another statement', async () => {
    const table = await createTable(store(), numbersTable)
    const everySession = Array.from({ length: 2 * sessionCounts.writes }, (_, index) => index)
    await Promise.all(
      everySession.map((index) =>
        insertColumns(
          store(),
          table,
          numbersBlock(0, 4, (n) => (n * index) % 2),
        ).catch(() => undefined),
      ),
    )
    // Over two partitions, which an insert of a block refuses.
    const spread = everySession.map(() =>
      store().command(sql`INSERT INTO ${sql.identifier(table)} SELECT number, number % 2 FROM numbers(4)`),
    )
    await Promise.all(spread)
    await store().command(sql`DROP TABLE ${sql.identifier(table)}`)
  })
}
