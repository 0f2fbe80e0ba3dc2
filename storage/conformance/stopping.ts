import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Store, codeOf, sessionCounts } from '../connection.ts'
import { sql } from '../sql.ts'
import { type Case, killAll, newToken, outcomeMillisMax, own, slowly, untilRunning } from './cases.ts'

const stopped = { name: 'QueryStopped' }
/** A query that is not stopped in the engine runs into its limit or its end, and both are later. */
const soonMillisMax = 5000

/** How a statement ends that does not end well. */
export const stoppingCases = (store: () => Store, testCase: Case): void => {
  testCase('stops a query at its time limit, also below a second', async () => {
    const token = newToken()
    const startedAt = performance.now()
    await expect(store().query(slowly(token), { maxExecutionSeconds: 0.3 })).rejects.toMatchObject(stopped)
    expect(performance.now() - startedAt).toBeLessThan(soonMillisMax)
    await untilRunning(store(), token, 0)
  })

  testCase('does not begin a query for which no time is left', async () => {
    for (const maxExecutionSeconds of [0, -1, Number.NaN])
      await expect(
        store().query(sql`SELECT throwIf(1, 'it ran')`, { maxExecutionSeconds }),
      ).rejects.toMatchObject(stopped)
  })

  testCase('does not begin a query that was cancelled before', async () => {
    await expect(
      store().query(sql`SELECT throwIf(1, 'it ran')`, { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject(stopped)
  })

  testCase('stops a query in the engine when it is cancelled', async () => {
    const token = newToken()
    const abort = new AbortController()
    const slow = store()
      .query(slowly(token), { signal: abort.signal })
      .catch((error: unknown) => error)
    await untilRunning(store(), token, 1)
    abort.abort()
    expect(await slow).toMatchObject(stopped)
    await untilRunning(store(), token, 0)
  })

  testCase('stops a query that is cancelled while it is on its way to the engine', async () => {
    for (const turns of [0, 1, 2, 3, 5, 8, 13, 21]) {
      const token = newToken()
      const abort = new AbortController()
      const startedAt = performance.now()
      const slow = store()
        .query(slowly(token), { signal: abort.signal })
        .catch((error: unknown) => error)
      for (let turn = 0; turn < turns; turn++) await setImmediate()
      abort.abort()
      expect(await slow).toMatchObject(stopped)
      expect(performance.now() - startedAt).toBeLessThan(soonMillisMax)
      await untilRunning(store(), token, 0)
    }
  })

  testCase('takes a cancelled query out of the line at once', async () => {
    const token = newToken()
    const busy = Array.from({ length: sessionCounts.reads }, () => store().query(slowly(token)))
    const ends = Promise.allSettled(busy)
    await untilRunning(store(), token, sessionCounts.reads)
    const abort = new AbortController()
    const waiting = store()
      .query(sql`SELECT throwIf(1, 'it ran')`, { signal: abort.signal })
      .catch((error: unknown) => error)
    await setImmediate()
    abort.abort()
    // All that could free a session still runs.
    expect(await waiting).toMatchObject(stopped)
    await untilRunning(store(), token, sessionCounts.reads)
    await stopReads(store(), busy, token)
    await ends
  })

  testCase('leaves nothing behind at the signal of a query that has ended', async () => {
    const abort = new AbortController()
    const { signal } = abort
    await store().query(sql`SELECT 1`, { signal })
    await expect(store().query(sql`SELECT throwIf(1)`, { signal })).rejects.toThrow('throwIf')
    expect(getEventListeners(signal, 'abort')).toEqual([])
    const next = Array.from({ length: 8 }, () => store().query(sql`SELECT sleep(0.1) AS slept`))
    abort.abort()
    expect(await Promise.all(next)).toEqual(next.map(() => [{ slept: 0 }]))
  })

  testCase('goes on with its sessions after queries were stopped or failed', async () => {
    for (let round = 0; round < 2 * sessionCounts.reads; round++) {
      await expect(store().query(slowly(newToken()), { maxExecutionSeconds: 0.05 })).rejects.toMatchObject(
        stopped,
      )
      await expect(store().query(sql`SELECT no_such_column`)).rejects.toThrow('no_such_column')
    }
    const answers = Array.from({ length: 2 * sessionCounts.reads }, (_, n) =>
      store().query(sql`SELECT ${sql.uint64(n)} AS n`),
    )
    expect(await Promise.all(answers)).toEqual(answers.map((_, n) => [{ n: String(n) }]))
  })

  testCase('tells the code of what the engine refuses', async () => {
    const codes: [statement: string, code: string][] = [
      ['SELEKT 1', '62'],
      ['SELECT * FROM no_such_table', '60'],
      ['SELECT no_such_column', '47'],
      [`SELECT throwIf(1, 'as asked')`, '395'],
    ]
    for (const [statement, code] of codes) {
      const error = await store()
        .query(own(statement))
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(Error)
      expect([statement, codeOf(error)]).toEqual([statement, code])
    }
    await expect(store().query(sql`SELECT throwIf(1, 'as asked')`)).rejects.toThrow('as asked')
  })

  testCase('tells the code of an error after the first rows', async () => {
    const late = sql`SELECT number, throwIf(number = 900000, 'late') FROM numbers(1000000) SETTINGS max_block_size = 10000`
    expect(
      codeOf(
        await store()
          .query(late)
          .catch((thrown: unknown) => thrown),
      ),
    ).toBe('395')
    const endless = sql`SELECT number, sleepEachRow(0.00001) FROM numbers(100000000) SETTINGS max_block_size = 10000`
    await expect(store().query(endless, { maxExecutionSeconds: 0.2 })).rejects.toMatchObject(stopped)
  })

  testCase('tells the code of a statement that fails', async () => {
    const codes: [statement: string, code: string][] = [
      ['CREATE TABLE failing (n UInt8) ENGINE = Memory', '57'],
      ['DROP TABLE no_such_table', '60'],
      ['ALTER TABLE failing DROP COLUMN no_such_column', '10'],
      ['CREATE TABLE other (n NoSuchType) ENGINE = Memory', '50'],
      ['CREATE TABEL other (n UInt8)', '62'],
      [`INSERT INTO failing SELECT throwIf(number = 5) FROM numbers(10)`, '395'],
    ]
    await store().command(sql`CREATE TABLE failing (n UInt8) ENGINE = MergeTree ORDER BY n`)
    for (const [statement, code] of codes) {
      const error = await store()
        .command(own(statement))
        .catch((thrown: unknown) => thrown)
      expect([statement, codeOf(error)]).toEqual([statement, code])
    }
    await store().command(sql`DROP TABLE failing`)
  })

  testCase('tells the code of a statement that somebody killed', async () => {
    const token = newToken()
    const killed = store()
      .command(sql`INSERT INTO FUNCTION null('n UInt64') ${slowly(token)}`)
      .catch((thrown: unknown) => thrown)
    await untilRunning(store(), token, 1)
    await killAll(store(), token)
    expect(codeOf(await killed)).toBe('394')
  })
}

/** Where all sessions of reads are taken: asks as a write does. */
const stopReads = async (store: Store, reads: readonly Promise<unknown>[], token: string): Promise<void> => {
  const ended = Promise.allSettled(reads)
  await store.command(
    sql`KILL QUERY WHERE position(query, ${sql.string(token)}) > 0 AND position(query, 'KILL QUERY') = 0 ASYNC`,
  )
  await expect.poll(() => ended.then(() => true), { timeout: outcomeMillisMax }).toBe(true)
}
