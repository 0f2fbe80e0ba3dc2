import { messageOf } from '#runtime/errors.ts'
import { type Logger, silentLogger } from '#runtime/logger.ts'
import type { Store } from './connection.ts'
import { type Columns, constantColumn, encodeBlock } from './native-block.ts'
import type { PhysicalTable } from './physical-tables.ts'
import { type Sql, sql } from './sql.ts'

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
  /** @throws when the outcome is not known: the caller asks `hasBlock` before it tries again under the next attempt. */
  insertBlock(identity: RangeIdentity, attempt: number, block: RangeBlock): Promise<void>
  /**
   * Whether the block is in the store under any attempt. A block is there whole or not at all, so any row of it will do;
   * another number of rows than the range makes now (its log was damaged meanwhile) is logged. What the engine derives
   * from rows while inserting may be missing after a crash even where the rows are there, so it is derived again.
   */
  hasBlock(identity: RangeIdentity, block: RangeBlock): Promise<boolean>
  /** Resource rows may be written again without harm: the last one counts. */
  insertResources(columns: Columns): Promise<void>
}

export const createRangeStore = (store: Store, logger: Logger = silentLogger): RangeStore => {
  const hasBlock = async (identity: RangeIdentity, block: RangeBlock): Promise<boolean> => {
    const where = rowsOf(identity, block)
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
    await store.command(
      sql`INSERT INTO resource_sightings ${sightings(block.table)} WHERE ${where} GROUP BY tenant, resource_id, day`,
    )
    return true
  }

  return {
    hasBlock,
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
    await store.insertNative(table, Object.keys(columns), [encodeBlock(columns)])
  } catch (error) {
    throw new Error(`cannot insert into ${table}: ${messageOf(error)}`, { cause: error })
  }
}

/** What the `range` column of a range's rows begins with; the attempt follows. */
const prefixOf = (identity: RangeIdentity): string =>
  `${identity.partition}:${identity.firstOffset}-${identity.lastOffset}#`

const timeColumn = (table: RangeTable): Sql => sql.identifier(table === 'spans' ? 'start_time' : 'time')

const rowsOf = (identity: RangeIdentity, block: RangeBlock): Sql => {
  const day = sql`toDate(${sql.int64(block.day)})`
  return sql`toDate(${timeColumn(block.table)}) = ${day} AND startsWith(range, ${sql.string(prefixOf(identity))})`
}

/** The same as the materialised views of schema/ compute. */
const sightings = (table: RangeTable): Sql => {
  const seen = sql`toDateTime64(ingested_at, 9, 'UTC')`
  const start = timeColumn(table)
  const end =
    table === 'spans'
      ? sql`addNanoseconds(start_time, least(greatest(duration_nanos, 0), 2592000000000000))`
      : sql`time`
  return sql`SELECT tenant, resource_id, toDate(${start}) AS day, min(least(${start}, ${seen})) AS first_seen, max(least(${end}, ${seen})) AS last_seen FROM ${sql.identifier(table)}`
}
