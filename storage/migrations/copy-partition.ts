import { messageOf } from '#runtime/errors.ts'
import type { Store } from '../connection.ts'
import type { MigrationContext } from './migration.ts'
import { type Sql, sql } from '../sql.ts'

/** A statement copies at most so many rows: short enough for any time limit on its way, and between two the lock is checked. */
const rowsPerStatementMax = 1_000_000
/**
 * The engine gathers so much before it writes a part, and takes many times this while it sorts and indexes: 0.7 GB for this
 * and 1 GB for twice as much. Smaller parts are more to merge.
 */
const blockBytesMin = 32 << 20
/** A copy that does not hold the rows it should (parts were merged away under it) is made again so many times. */
const copyAttemptsMax = 3

/** A server refuses to drop what is large, unless it is told that this is meant. */
export const anySize = sql`SETTINGS max_table_size_to_drop = 0`

/** What is copied: rows of one table into another of other columns. */
export interface Copy {
  from: string
  to: string
  /** INSERT ... SELECT of the rows that a condition chooses. */
  statement: (rows: Sql) => Sql
}

/** Fills the table `to`, which holds nothing else afterwards, with one partition of `from` and gives its number of rows. */
export const copyPartition = async (
  { store, logger }: MigrationContext,
  { from, to, statement }: Copy,
  id: string,
  report: (rowsCopied: number) => void,
): Promise<number> => {
  for (let attempt = 1; ; attempt++) {
    await store.command(sql`TRUNCATE TABLE ${sql.identifier(to)} ${anySize}`)
    const rowCount = await countRows(store, from, id)
    const parts = await partsOf(store, from, id)
    let rowsCopied = 0
    for (const piece of piecesOf(parts)) {
      await store.command(statement(piece.rows))
      rowsCopied += piece.rowCount
      report(rowsCopied)
    }
    await expectOnly(store, to, id)
    try {
      await expectParts(store, from, id, parts)
      await expectRows(store, to, id, rowCount)
      return rowCount
    } catch (error) {
      if (attempt === copyAttemptsMax) throw error
      logger.warn(`copying partition ${id} again: ${messageOf(error)}`)
    }
  }
}

interface Part {
  name: string
  rowCount: number
}

const partsOf = async (store: Store, table: string, partitionId: string): Promise<Part[]> => {
  const parts = await store.query<{ name: string; row_count: string }>(sql`
    SELECT name, toString(rows) AS row_count FROM system.parts
    WHERE active AND rows > 0 AND database = ${sql.string(store.database)} AND table = ${sql.string(table)}
      AND partition_id = ${sql.string(partitionId)} ORDER BY name`)
  return parts.map(({ name, row_count }) => ({ name, rowCount: Number(row_count) }))
}

/** The rows of one statement each: several small parts together, a large one by and by. */
const piecesOf = (parts: readonly Part[]): { rows: Sql; rowCount: number }[] => {
  const pieces: { rows: Sql; rowCount: number }[] = []
  let gathered: Part[] = []
  const finish = (): void => {
    if (gathered.length === 0) return
    const names = sql.strings(gathered.map(({ name }) => name))
    pieces.push({ rows: sql`_part IN ${names}`, rowCount: rowsOf(gathered) })
    gathered = []
  }
  for (const part of parts) {
    if (rowsOf(gathered) + part.rowCount > rowsPerStatementMax) finish()
    if (part.rowCount <= rowsPerStatementMax) gathered.push(part)
    else pieces.push(...piecesOfLarge(part))
  }
  finish()
  return pieces
}

export const rowsOf = (parts: readonly { rowCount: number }[]): number =>
  parts.reduce((sum, { rowCount }) => sum + rowCount, 0)

const piecesOfLarge = ({ name, rowCount }: Part): { rows: Sql; rowCount: number }[] => {
  const starts = Array.from(
    { length: Math.ceil(rowCount / rowsPerStatementMax) },
    (_, index) => index * rowsPerStatementMax,
  )
  return starts.map((start) => {
    const end = Math.min(start + rowsPerStatementMax, rowCount)
    return {
      rows: sql`_part = ${sql.string(name)} AND _part_offset >= ${sql.uint64(start)} AND _part_offset < ${sql.uint64(end)}`,
      rowCount: end - start,
    }
  })
}

/** A part that was merged away before it was read gave no rows. Where rows are merged into one, their number does not tell. */
const expectParts = async (
  store: Store,
  table: string,
  partitionId: string,
  parts: readonly Part[],
): Promise<void> => {
  const names = new Set((await partsOf(store, table, partitionId)).map(({ name }) => name))
  const missing = parts.filter(({ name }) => !names.has(name))
  if (missing.length > 0)
    throw new Error(
      `${missing.length} of ${parts.length} parts of partition ${partitionId} of ${table} were merged while it was copied: stop its merges, or start again once they are done`,
    )
}

const countRows = async (store: Store, table: string, partitionId: string): Promise<number> => {
  const [row] = await store.query<{ row_count: string }>(
    sql`SELECT toString(count()) AS row_count FROM ${sql.identifier(table)} WHERE _partition_id = ${sql.string(partitionId)}`,
  )
  return Number(row?.row_count ?? 0)
}

/** An engine that merges rows into one (Replacing, Aggregating) may have done so already: it can only have fewer. */
export const expectRows = async (
  store: Store,
  table: string,
  partitionId: string,
  rowCount: number,
): Promise<void> => {
  const [row] = await store.query<{ engine: string }>(
    sql`SELECT engine FROM system.tables WHERE database = ${sql.string(store.database)} AND name = ${sql.string(table)}`,
  )
  const found = await countRows(store, table, partitionId)
  const isWhole = row?.engine === 'MergeTree' ? found === rowCount : found <= rowCount && found > 0
  if (!isWhole) throw new Error(`${table} has ${found} rows of partition ${partitionId}, not ${rowCount}`)
}

const expectOnly = async (store: Store, table: string, partitionId: string): Promise<void> => {
  const others = (await partitionsOf(store, table)).filter(({ id }) => id !== partitionId)
  if (others.length > 0)
    throw new Error(
      `rows of partition ${partitionId} went to ${others[0]?.id}: partition the new table as the old`,
    )
}

/** A column without an entry in `values` is filled by the one of its name, or by its own DEFAULT. */
export const prepareCopy = async (
  store: Store,
  { from, to, values: own }: { from: string; to: string; values: Readonly<Record<string, Sql>> },
): Promise<Copy> => {
  const [oldColumns, newColumns] = [await columnsOf(store, from), await columnsOf(store, to)]
  const oldNames = new Set(oldColumns.map(({ name }) => name))
  const filled = newColumns
    .filter(({ kind }) => kind === '' || kind === 'DEFAULT')
    .flatMap(({ name, kind }) => {
      const value = own[name]
      if (value !== undefined) return [{ name, value }]
      if (oldNames.has(name)) return [{ name, value: sql.identifier(name) }]
      if (kind === 'DEFAULT') return []
      throw new Error(`nothing says what fills the new column ${name} from ${from}`)
    })
  const unknown = Object.keys(own).filter((name) => !filled.some((column) => column.name === name))
  if (unknown.length > 0)
    throw new Error(`columns are to be filled that are not there: ${unknown.join(', ')}`)
  const list = (parts: readonly Sql[]): Sql => sql.join(parts, sql`, `)
  const columns = list(filled.map(({ name }) => sql.identifier(name)))
  const values = list(filled.map(({ value }) => value))
  // Rows are only brought over: no engine may merge them on the way, and a repeated insert is not a duplicate.
  const settings = sql`optimize_on_insert = 0, insert_deduplicate = 0, max_execution_time = 0, min_insert_block_size_rows = 0, min_insert_block_size_bytes = ${sql.ownFile(String(blockBytesMin))}`
  const statement = (rows: Sql): Sql =>
    sql`INSERT INTO ${sql.identifier(to)} (${columns}) SELECT ${values} FROM ${sql.identifier(from)} WHERE ${rows} SETTINGS ${settings}`
  return { from, to, statement }
}

const columnsOf = (store: Store, table: string): Promise<{ name: string; kind: string }[]> =>
  store.query(
    sql`SELECT name, default_kind AS kind FROM system.columns WHERE database = ${sql.string(store.database)} AND table = ${sql.string(table)} ORDER BY position`,
  )

export interface Partition {
  id: string
  rowCount: number
}

/** Newest first: the ids of days sort as the days do. */
export const partitionsOf = async (store: Store, table: string): Promise<Partition[]> => {
  const rows = await store.query<{ id: string; row_count: string }>(sql`
    SELECT partition_id AS id, toString(sum(rows)) AS row_count FROM system.parts
    WHERE active AND rows > 0 AND database = ${sql.string(store.database)} AND table = ${sql.string(table)}
    GROUP BY id ORDER BY id DESC`)
  return rows.map(({ id, row_count }) => ({ id, rowCount: Number(row_count) }))
}
