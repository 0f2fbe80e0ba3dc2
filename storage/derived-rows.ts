import { type Logger, silentLogger } from '#runtime/logger.ts'
import type { Store } from './connection.ts'
import { type Sql, sql } from './sql.ts'

/**
 * What the engine derives from rows while inserting them, made again. An insert puts the rows and what its materialised
 * views make of them into their tables one after another, so a process that is killed in between, or an insert that fails
 * half-way, leaves rows without what is derived from them, or the reverse. Where the outcome of an insert was not
 * known this brings everything derived back to what the rows say; it may be repeated.
 *
 * The selects are those of the views themselves, read from the engine: there is no second text to keep alike.
 */
export interface DerivedRows {
  /** Of the rows that a condition on their table chooses, which lie in one day. */
  deriveAgain(rows: RowChoice): Promise<void>
  /**
   * After these rows of `spans` were taken out: nothing that was derived from them stays, but when their resources were seen.
   * `spanHours` says how many of them began in each hour (seconds since the epoch).
   */
  takeBack(rows: RowChoice, spanHours: ReadonlyMap<number, number>): Promise<void>
}

export interface RowChoice {
  table: string
  /** Days since the epoch. */
  day: number
  /** What `range` begins with, of all attempts to insert these rows. */
  rangePrefix: string
}

/** Rollups of spans; a bucket of each lies inside one hour, which is what is recounted. */
const rollups = [
  'operation_red_10s',
  'operation_red_1m',
  'operation_red_1h',
  'service_red_10s',
  'service_red_1m',
  'service_red_1h',
]
const recountsMax = 3
const secondsPerDay = 86_400
const recountSeconds = 600

export const createDerivedRows = (store: Store, logger: Logger = silentLogger): DerivedRows => {
  /** The select of a materialised view, over some rows of its table. */
  const selectOf = async (view: string, table: string, where: Sql): Promise<Sql> => {
    const [row] = await store.query<{ text: string }>(
      sql`SELECT as_select AS text FROM system.tables WHERE database = ${sql.string(store.database)} AND name = ${sql.string(view)}`,
    )
    const source = new RegExp(`FROM \`?${store.database}\`?\\.${table}\\b`)
    if (row === undefined || !source.test(row.text))
      throw new Error(`the materialized view ${view} is missing or does not read from ${table}`)
    const rows = sql`FROM (SELECT * FROM ${sql.identifier(table)} WHERE ${where}) AS ${sql.identifier(table)}`
    return sql.ownFile(row.text.replace(source, () => rows.text))
  }

  /** By names, as materialised views do. */
  const insertInto = async (table: string, select: Sql): Promise<void> => {
    const columns = await store.query<{ name: string }>(
      sql`SELECT name FROM system.columns WHERE database = ${sql.string(store.database)} AND table = ${sql.string(table)}`,
    )
    const names = columns.map(({ name }) => sql.identifier(name))
    const list = sql.join(names, sql`, `)
    await store.command(sql`INSERT INTO ${sql.identifier(table)} (${list}) SELECT ${list} FROM (${select})`)
  }

  const deriveSightings = async ({ table, day, rangePrefix }: RowChoice): Promise<void> => {
    const select = await selectOf(`resource_sightings_from_${table}`, table, ofRange(table, day, rangePrefix))
    // Minima and maxima: to add them twice does no harm.
    await insertInto('resource_sightings', select)
  }

  const deriveSearchRows = async ({ day, rangePrefix }: RowChoice): Promise<void> => {
    const where = ofRange('spans', day, rangePrefix)
    await store.command(sql`DELETE FROM span_search WHERE ${where}`)
    const select = await selectOf('span_search_from_spans', 'spans', where)
    await insertInto('span_search', select)
  }

  /** How many rows of each hour the choice has, in seconds since the epoch. */
  const readHours = async ({ day, rangePrefix }: RowChoice): Promise<Map<number, number>> => {
    const hours = await store.query<{ hour: number; row_count: string }>(sql`
      SELECT toUnixTimestamp(toStartOfHour(start_time)) AS hour, toString(count()) AS row_count
      FROM spans WHERE ${ofRange('spans', day, rangePrefix)} GROUP BY hour ORDER BY hour`)
    return new Map(hours.map(({ hour, row_count }) => [hour, Number(row_count)]))
  }

  /**
   * Counts every bucket of these hours anew; of so many rows of each it is not known whether they are counted. Who else adds to
   * an hour meanwhile (writers of other queue partitions) adds to the rows and to the rollups, in two moments: a count that
   * fell between them shows as a difference, and is made again.
   */
  const recountHours = async (uncertainRows: ReadonlyMap<number, number>): Promise<void> => {
    let hours = await recountable(uncertainRows)
    for (let count = 1; hours.length > 0; count++) {
      if (count > recountsMax)
        throw new Error(`the rollups of ${hours.map(nameOf).join(', ')} do not come to rest`)
      await dropCounts(hours)
      for (const hour of hours) {
        const select = await selectOf('red_additions_from_spans', 'spans', isInHour(hour))
        await insertInto('red_additions', select)
      }
      hours = await differing(hours)
    }
  }

  const recountable = async (uncertainRows: ReadonlyMap<number, number>): Promise<number[]> => {
    const hours: number[] = []
    for (const [hour, rowCount] of uncertainRows) {
      const { rows, counted } = await compare(hour)
      // Retention has taken rows of this hour; what they came to is known by the rollups only.
      if (counted > rows + rowCount)
        logger.warn({ hour, rows, counted }, 'an hour that has lost rows to retention is not recounted')
      else hours.push(hour)
    }
    return hours
  }

  /** All hours at once: the engine touches every part of a table, whatever is deleted from it. */
  const dropCounts = async (hours: readonly number[]): Promise<void> => {
    const starts = sql.join(hours.map(startOf), sql`, `)
    const [first, last] = [Math.min(...hours), Math.max(...hours)]
    const where = sql`time >= ${startOf(first)} AND time < ${startOf(last + 3600)} AND toStartOfHour(time) IN (${starts})`
    const dropFrom = (table: string) =>
      store.command(sql`DELETE FROM ${sql.identifier(table)} WHERE ${where}`)
    // Most of a deletion is waiting for the engine's background threads.
    await Promise.all(rollups.map(dropFrom))
  }

  const differing = async (hours: readonly number[]): Promise<number[]> => {
    const left: number[] = []
    for (const hour of hours) {
      const { rows, counted } = await compare(hour)
      if (rows !== counted) left.push(hour)
    }
    return left
  }

  const compare = async (hour: number): Promise<{ rows: number; counted: number }> => {
    const [row] = await store.query<{ row_count: string; counted: string }>(
      sql`
        SELECT toString((SELECT count() FROM spans WHERE NOT is_open AND ${isInHour(hour)})) AS row_count,
          toString((SELECT sum(span_count) FROM operation_red_1h WHERE time = ${startOf(hour)})) AS counted`,
      { maxExecutionSeconds: recountSeconds },
    )
    return { rows: Number(row?.row_count ?? 0), counted: Number(row?.counted ?? 0) }
  }

  return {
    deriveAgain: async (rows) => {
      await deriveSightings(rows)
      if (rows.table !== 'spans') return
      await deriveSearchRows(rows)
      await recountHours(await readHours(rows))
    },
    takeBack: async ({ day, rangePrefix }, spanHours) => {
      await deleteRows(store, 'span_search', ofRange('spans', day, rangePrefix))
      // Rollups come last: mostly the rows were refused before any of them was counted.
      const isOfDay = (hour: number): boolean => Math.floor(hour / secondsPerDay) === day
      const hours = await differing([...spanHours.keys()].filter(isOfDay))
      await recountHours(new Map(hours.map((hour) => [hour, spanHours.get(hour) ?? 0])))
    },
  }
}

const startOf = (hour: number): Sql => sql`toDateTime(${sql.int64(hour)}, 'UTC')`
const isInHour = (hour: number): Sql => sql`toStartOfHour(start_time) = ${startOf(hour)}`
const nameOf = (hour: number): string => new Date(hour * 1000).toISOString()

const timeColumn = (table: string): Sql => sql.identifier(table === 'spans' ? 'start_time' : 'time')

/** A deletion touches every part of the table, so it is asked for only where there is something to delete. */
export const deleteRows = async (store: Store, table: string, where: Sql): Promise<void> => {
  const [row] = await store.query<{ found: string }>(
    sql`SELECT count() AS found FROM ${sql.identifier(table)} WHERE ${where}`,
  )
  if (Number(row?.found) > 0) await store.command(sql`DELETE FROM ${sql.identifier(table)} WHERE ${where}`)
}

/** Rows of one range, as a condition that reads one day; `span_search` has the same columns as `spans` for this. */
export const ofRange = (table: string, day: number, rangePrefix: string): Sql =>
  sql`toDate(${timeColumn(table)}) = toDate(${sql.int64(day)}) AND startsWith(range, ${sql.string(rangePrefix)})`
