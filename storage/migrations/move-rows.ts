import { setTimeout as delay } from 'node:timers/promises'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import { type Store, codeOf } from '../connection.ts'
import { anySize, copyPartition, expectRows, partitionsOf, prepareCopy, rowsOf } from './copy-partition.ts'
import { type MigrationContext, type MigrationStep, type MoveSize, hasTable } from './migration.ts'
import { type Sql, sql } from '../sql.ts'

/** A table whose rows are to lie in another way: another order, other columns, other indexes. */
export interface RowMove {
  table: string
  /** `CREATE TABLE ${name} (...) ENGINE = ...`, partitioned as the table is now. */
  create: (name: Sql) => Sql
  /**
   * What fills a column of the new table, over the columns of the old. Without an entry it is the old column of that
   * name; a column that is new and has a DEFAULT may be left to it.
   */
  columns?: Readonly<Record<string, Sql>>
  /** How many times as large the rows may become; for the check of disk space only. */
  growth?: number
}

const growthDefault = 1.5
const insertsEndMillisMax = 60_000
const pollMillis = 100
const accessDenied = '497'

/**
 * Moves a table's rows into a new table, partition by partition, newest first, so that a kill at any instant neither loses
 * nor doubles a row:
 *
 *     spans -> spans_before_3          set aside; from here on nothing can write to it
 *     spans_after_3                    created as it is to be
 *     for each partition               copied into spans_staging_3_TERM, put into spans_after_3 by REPLACE PARTITION,
 *                                      recorded, dropped from spans_before_3
 *     spans_after_3 -> spans           once spans_before_3 is empty and dropped
 *
 * REPLACE PARTITION comes to the same end however often it is repeated, also after a kill between two of its parts. Dropping
 * a partition is not atomic on disk: what is left of one that is recorded as moved is dropped, not copied. While
 * rows move there is no table of the name, so a writer of another version fails and keeps its records, instead of
 * adding to a day that is about to be replaced or asking half a table for its range.
 *
 * A materialised view follows the table that is set aside and is not run by moved partitions: it is dropped in a step
 * before and created in a step after.
 */
export const moveRows = (move: RowMove): MigrationStep => ({
  name: `move the rows of ${move.table}`,
  run: async (context) => {
    const names = namesOf(move.table, context)
    const marks = await context.journal.read()
    await dropStaging(context, names)
    if (!marks.has(emptied)) {
      await setAside(context, move.table, names)
      await createAfter(context, move, { name: names.after, hasRows: marks.size > 0 })
      await movePartitions(context, move, names, marks)
      await refuseRowsLeft(context.store, names.before)
      await context.journal.write(emptied)
    }
    await context.store.command(sql`DROP TABLE IF EXISTS ${sql.identifier(names.before)}`)
    if (await hasTable(context.store, names.after)) await rename(context.store, names.after, move.table)
  },
  size: (context) => sizeOf(move, context),
})

/** The mark after which the old table holds nothing and only names are left to change. */
const emptied = 'emptied'

interface Names {
  before: string
  after: string
  stagingPrefix: string
  staging: string
}

const namesOf = (table: string, { version, term }: { version: number; term: number }): Names => ({
  before: `${table}_before_${version}`,
  after: `${table}_after_${version}`,
  stagingPrefix: `${table}_staging_${version}_`,
  staging: `${table}_staging_${version}_${term}`,
})

/** What another attempt left. SYNC waits for statements that still use it. */
const dropStaging = async ({ store }: MigrationContext, { stagingPrefix }: Names): Promise<void> => {
  const tables = await store.query<{ name: string }>(
    sql`SELECT name FROM system.tables WHERE database = ${sql.string(store.database)} AND startsWith(name, ${sql.string(stagingPrefix)})`,
  )
  for (const { name } of tables)
    await store.command(sql`DROP TABLE IF EXISTS ${sql.identifier(name)} SYNC ${anySize}`)
}

const setAside = async ({ store }: MigrationContext, table: string, { before }: Names): Promise<void> => {
  if (!(await hasTable(store, before))) {
    await refuseMaterializedViews(store, table)
    await rename(store, table, before)
  }
  await untilInsertsEnd(store, table)
}

const refuseMaterializedViews = async (store: Store, table: string): Promise<void> => {
  const [row] = await store.query<{ views: string[] }>(
    sql`SELECT dependencies_table AS views FROM system.tables WHERE database = ${sql.string(store.database)} AND name = ${sql.string(table)}`,
  )
  if (row !== undefined && row.views.length > 0)
    throw new Error(
      `materialized views read from ${table} (${row.views.join(', ')}); a step before has to drop them`,
    )
}

/** An insert that began before the table was set aside still ends in it. */
const untilInsertsEnd = async (store: Store, table: string): Promise<void> => {
  const deadline = performance.now() + insertsEndMillisMax
  for (;;) {
    const running = await store.query<{ query: string }>(sql`
      SELECT query FROM system.processes WHERE query_kind = 'Insert' AND current_database = ${sql.string(store.database)}
        AND position(query, ${sql.string(table)}) > 0`)
    if (running.length === 0) return
    if (performance.now() > deadline)
      throw new Unavailable(`an insert into ${table} does not end: ${running[0]?.query.slice(0, 200)}`)
    await delay(pollMillis)
  }
}

/** Unless it has rows that count, it is made anew: an earlier attempt may have failed because of how it was made. */
const createAfter = async (
  { store }: MigrationContext,
  move: RowMove,
  { name, hasRows }: { name: string; hasRows: boolean },
): Promise<void> => {
  if (hasRows) return
  await store.command(sql`DROP TABLE IF EXISTS ${sql.identifier(name)} SYNC ${anySize}`)
  await store.command(move.create(sql.identifier(name)))
}

const movePartitions = async (
  context: MigrationContext,
  move: RowMove,
  names: Names,
  marks: ReadonlySet<string>,
): Promise<void> => {
  const { store, journal } = context
  const partitions = await partitionsOf(store, names.before)
  if (partitions.length === 0) return
  await stopMerges(context, names.before)
  const staging = sql.identifier(names.staging)
  await store.command(sql`CREATE TABLE ${staging} AS ${sql.identifier(names.after)}`)
  const values = move.columns ?? {}
  const copy = await prepareCopy(store, { from: names.before, to: names.staging, values })
  const progress = {
    table: move.table,
    partitionsDone: 0,
    partitionsTotal: partitions.length,
    rowsDone: 0,
    rowsTotal: rowsOf(partitions),
  }
  for (const { id } of partitions) {
    const partition = sql`PARTITION ID ${sql.string(id)}`
    const mark = `partition ${id}`
    if (!marks.has(mark)) {
      const rowsBefore = progress.rowsDone
      const rowCount = await copyPartition(context, copy, id, (rowsCopied) =>
        context.report({ ...progress, rowsDone: rowsBefore + rowsCopied }),
      )
      const after = sql.identifier(names.after)
      await store.command(sql`ALTER TABLE ${after} REPLACE ${partition} FROM ${staging}`)
      await expectRows(store, names.after, id, rowCount)
      await journal.write(mark, rowCount)
      progress.rowsDone += rowCount
    }
    await store.command(
      sql`ALTER TABLE ${sql.identifier(names.before)} DROP ${partition} SETTINGS max_partition_size_to_drop = 0`,
    )
    progress.partitionsDone += 1
    context.report(progress)
  }
  await store.command(sql`DROP TABLE ${staging} SYNC ${anySize}`)
}

/** Rows are read part by part, so parts had better stay. Where this is not allowed, a copy under which they were merged is made again. */
const stopMerges = async ({ store, logger }: MigrationContext, table: string): Promise<void> => {
  try {
    await store.command(sql`SYSTEM STOP MERGES ${sql.identifier(table)}`)
  } catch (error) {
    if (codeOf(error) !== accessDenied) throw error
    logger.warn(`merges of ${table} go on: ${messageOf(error)}`)
  }
}

const refuseRowsLeft = async (store: Store, table: string): Promise<void> => {
  const left = await partitionsOf(store, table)
  if (left.length > 0)
    throw new Error(
      `${table} still has rows in ${left.map(({ id }) => id).join(', ')}; start again to move them`,
    )
}

const rename = (store: Store, from: string, to: string): Promise<void> =>
  store.command(sql`RENAME TABLE ${sql.identifier(from)} TO ${sql.identifier(to)}`)

const sizeOf = async (
  move: RowMove,
  { store, version }: Pick<MigrationContext, 'store' | 'version'>,
): Promise<MoveSize> => {
  const { before } = namesOf(move.table, { version, term: 0 })
  const source = (await hasTable(store, before)) ? before : move.table
  const [row] = await store.query<
    Record<'partition_count' | 'row_count' | 'byte_count' | 'largest', string>
  >(sql`
    SELECT toString(count()) AS partition_count, toString(sum(partition_rows)) AS row_count,
      toString(sum(partition_bytes)) AS byte_count, toString(max(partition_bytes)) AS largest
    FROM (SELECT sum(rows) AS partition_rows, sum(bytes_on_disk) AS partition_bytes FROM system.parts
      WHERE active AND rows > 0 AND database = ${sql.string(store.database)} AND table = ${sql.string(source)}
      GROUP BY partition_id)`)
  const [disk] = await store.query<{ free: string }>(sql`
    SELECT toString(sum(unreserved_space)) AS free FROM system.disks WHERE name IN
      (SELECT disk_name FROM system.parts WHERE active AND database = ${sql.string(store.database)} AND table = ${sql.string(source)})`)
  const growth = move.growth ?? growthDefault
  const byteCount = Number(row?.byte_count ?? 0)
  return {
    table: move.table,
    partitionCount: Number(row?.partition_count ?? 0),
    rowCount: Number(row?.row_count ?? 0),
    byteCount,
    // One partition lies twice while it moves, and the copy once more while it merges.
    bytesForCopy: Math.ceil(2 * growth * Number(row?.largest ?? 0)),
    bytesForGrowth: Math.ceil(Math.max(0, growth - 1) * byteCount),
    bytesFree: Number(disk?.free ?? 0),
  }
}
