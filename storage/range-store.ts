import { type Logger, silentLogger } from '#runtime/logger.ts'
import type { Store } from './connection.ts'
import { createDerivedRows, deleteRows, ofRange } from './derived-rows.ts'
import { type Columns, blockParts, constantColumn } from './native-block.ts'
import type { PhysicalTable } from './physical-tables.ts'
import { insertError } from './rows-refused.ts'
import { sql } from './sql.ts'

/**
 * Brings ranges of queued records into the store exactly once. A range becomes one block per table and day; a block is
 * inserted as one part, so all of its rows are there or none, and every row carries the identity of its range. When an
 * insert's outcome is not known, the table is asked; nothing rests on the engine's own deduplication, which loses rows
 * when a process is killed between its record and the part.
 */
export interface RangeIdentity {
  /** The queue partition and its log, such as `otlp_spans/0@5ea1c0ffee00`. */
  partition: string
  firstOffset: number
  lastOffset: number
}

/** The rows of one range that belong to one table and one day (UTC). */
export interface RangeBlock {
  table: RangeTable
  /** Days since the epoch. */
  day: number
  rowCount: number
  columns: Columns
}

export type RangeTable = Exclude<PhysicalTable, 'resources'>

export interface RangeStore {
  /**
   * @throws RowsRefused when the engine will not have these rows: the caller takes the range back and tries parts of it.
   * @throws when the outcome is not known: the caller asks `hasBlock` before it tries again under the next attempt.
   */
  insertBlock(identity: RangeIdentity, attempt: number, block: RangeBlock): Promise<void>
  /**
   * Whether the block is in the store under any attempt. A block is there whole or not at all, so any row of it will do;
   * another number of rows than the range makes now (its log was damaged meanwhile) is logged.
   */
  hasBlock(identity: RangeIdentity, block: RangeBlock): Promise<boolean>
  /**
   * To be called for a block whose rows are in, after any attempt at it whose outcome was not known: what the engine derives
   * while inserting may then be missing, or there for an attempt that came to nothing. May be repeated.
   *
   * @throws RowsRefused when the engine will not derive what it should from these rows.
   */
  deriveAgain(identity: RangeIdentity, block: RangeBlock): Promise<void>
  /**
   * Takes back what is in of a range that was refused: its rows of this table and day under any attempt, and what is
   * derived from them. When its resources were seen stays, as they were. May be repeated, and is after a crash.
   */
  takeBack(identity: RangeIdentity, block: RangeBlock): Promise<void>
  /** Resource rows may be written again without harm: the last one counts. */
  insertResources(columns: Columns): Promise<void>
}

export const createRangeStore = (store: Store, logger: Logger = silentLogger): RangeStore => {
  const derived = createDerivedRows(store, logger)
  const hasBlock = async (identity: RangeIdentity, block: RangeBlock): Promise<boolean> => {
    const where = ofRange(block.table, block.day, prefixOf(identity))
    const attempts = await store.query<{ found: string }>(
      sql`SELECT count() AS found FROM ${sql.identifier(block.table)} WHERE ${where} GROUP BY range`,
    )
    if (attempts.length === 0) return false
    // More than one attempt is there when an insert that was given up arrived after all.
    if (!attempts.some(({ found }) => Number(found) === block.rowCount)) {
      const found = attempts.map((attempt) => Number(attempt.found))
      logger.error(
        { ...identity, table: block.table, day: block.day, found, expected: block.rowCount },
        'a range is in the store with another number of rows than its records make; it is left as it is',
      )
    }
    return true
  }

  return {
    hasBlock,
    deriveAgain: async (identity, { table, day }) => {
      try {
        await derived.deriveAgain({ table, day, rangePrefix: prefixOf(identity) })
      } catch (error) {
        throw insertError(`cannot derive from rows of ${table}`, error)
      }
    },
    takeBack: async (identity, block) => {
      const { table, day } = block
      const rangePrefix = prefixOf(identity)
      await deleteRows(store, table, ofRange(table, day, rangePrefix))
      if (table === 'spans') await derived.takeBack({ table, day, rangePrefix }, spanHoursOf(block))
    },
    insertBlock: (identity, attempt, block) => {
      const range = constantColumn(`${prefixOf(identity)}${attempt}`, block.rowCount)
      const columns: Columns = { ...block.columns, range }
      return insert(store, block.table, columns)
    },
    insertResources: (columns) => insert(store, 'resources', columns),
  }
}

const insert = async (store: Store, table: PhysicalTable, columns: Columns): Promise<void> => {
  try {
    await store.insertNative(table, Object.keys(columns), piecesOf(columns))
  } catch (error) {
    throw insertError(`cannot insert into ${table}`, error)
  }
}

/** What is smaller would cost a write of its own; what is larger, a copy. */
const pieceBytesMin = 64 << 10

/** A block as it travels: its large parts as they lie in memory, the many small ones between them joined. */
const piecesOf = (columns: Columns): Uint8Array[] => {
  const pieces: Uint8Array[] = []
  let small: Uint8Array[] = []
  const join = (): void => {
    const joined = Buffer.concat(small)
    if (joined.length > 0) pieces.push(joined)
    small = []
  }
  for (const part of blockParts(columns)) {
    if (part.length < pieceBytesMin) small.push(part)
    else {
      join()
      pieces.push(part)
    }
  }
  join()
  return pieces
}

const nanosPerHour = 3_600_000_000_000n

/**
 * How many spans of a block begin in each hour (seconds since the epoch). Once its rows are gone, the store cannot tell any
 * more which hours to count again.
 */
const spanHoursOf = ({ columns }: RangeBlock): Map<number, number> => {
  const counts = new Map<number, number>()
  const startTimes = Buffer.concat(columns['start_time']?.data() ?? [])
  for (let at = 0; at < startTimes.length; at += 8) {
    const hour = Number(startTimes.readBigInt64LE(at) / nanosPerHour) * 3600
    counts.set(hour, (counts.get(hour) ?? 0) + 1)
  }
  return counts
}

/** What the `range` column of a range's rows begins with; the attempt follows. */
const prefixOf = (identity: RangeIdentity): string =>
  `${identity.partition}:${identity.firstOffset}-${identity.lastOffset}#`
