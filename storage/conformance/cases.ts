import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Store } from '../connection.ts'
import { type Columns, column, encodeBlock } from '../native-block.ts'
import { type Sql, sql } from '../sql.ts'

/** A case that one connection cannot be held to, and why. */
export interface Skip {
  case: string
  reason: string
}

export type Case = (name: string, run: () => Promise<void>) => void

/** Cases of a suite, by names that skips may name. `end` throws where a skip names none: it would skip nothing, silently. */
export const createCases = (skips: readonly Skip[]): { testCase: Case; end: () => void } => {
  const unused = new Set(skips)
  return {
    testCase: (name, run) => {
      const skipped = skips.find((skip) => skip.case === name)
      if (skipped) unused.delete(skipped)
      // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- the case brings both
      it(name, async ({ skip }) => {
        if (skipped) skip(skipped.reason)
        await run()
      })
    },
    end: () => {
      const [skip] = unused
      if (skip) throw new Error(`there is no case '${skip.case}' to skip`)
    },
  }
}

/** Text of a test's own, which nobody sent. */
export const own = (text: string): Sql => sql.ownFile(text)

export const outcomeMillisMax = 10_000

/** Creates a table under a name of its own, with rows for `definition`, such as `(n UInt32) ENGINE = Memory`. */
export const createTable = async (store: Store, definition: string): Promise<string> => {
  const table = `probe_${randomUUID().replaceAll('-', '')}`
  await store.command(sql`CREATE TABLE ${sql.identifier(table)} ${own(definition)}`)
  return table
}

export const countRows = async (store: Store, table: string): Promise<number> => {
  const [row] = await store.query<{ found: string }>(
    sql`SELECT count() AS found FROM ${sql.identifier(table)}`,
  )
  return Number(row?.found)
}

/** The parts that inserts made, merged since or not. */
export const insertedParts = (store: Store, table: string): Promise<{ rows: string }[]> =>
  store.query(sql`
    SELECT rows FROM system.parts
    WHERE database = ${sql.string(store.database)} AND table = ${sql.string(table)} AND level = 0 ORDER BY rows`)

export const numbersTable = '(n UInt32, day UInt8) ENGINE = MergeTree PARTITION BY day ORDER BY n'

/** Rows for `numbersTable`. */
export const numbersBlock = (from: number, to: number, dayOf = (_n: number): number => 0): Columns => {
  const n = column.uint32()
  const day = column.uint8()
  for (let value = from; value < to; value++) {
    n.push(value)
    day.push(dayOf(value))
  }
  return { n, day }
}

export const insertColumns = (store: Store, table: string, columns: Columns): Promise<void> =>
  store.insertNative(table, Object.keys(columns), [encodeBlock(columns)])

/** Marks a statement, to find it again among those that the engine is at. */
export const newToken = (): string => `token-${randomUUID()}`

/** Seconds that a statement of `slowly` takes when nobody stops it, at little cost. */
export const slowSeconds = 60

/** A statement that takes long, and can be stopped at any of its rows. */
export const slowly = (token: string, seconds = slowSeconds): Sql =>
  sql`SELECT count() AS slept FROM numbers(${sql.int64(seconds * 50)}) WHERE NOT ignore(sleepEachRow(0.02), ${sql.string(token)}) SETTINGS max_block_size = 1`

/**
 * Resolves once the engine is at so many statements of this token. Asks as a write does, so that it needs none of the
 * sessions of reads.
 */
export const untilRunning = (store: Store, token: string, count: number): Promise<void> =>
  expect
    .poll(() => store.command(requireRunning(token, count)).then(() => count, String), {
      timeout: outcomeMillisMax,
    })
    .toBe(count)

const requireRunning = (token: string, count: number): Sql => sql`
  INSERT INTO FUNCTION null('n UInt8') SELECT throwIf(count() != ${sql.int64(count)}, 'not so many')
  FROM system.processes WHERE position(query, ${sql.string(token)}) > 0 AND position(query, 'system.processes') = 0`

/** Stops what runs under this token, as an operator would. */
export const killAll = async (store: Store, token: string): Promise<void> => {
  await store.query(
    sql`KILL QUERY WHERE position(query, ${sql.string(token)}) > 0 AND position(query, 'KILL QUERY') = 0 ASYNC`,
  )
}
