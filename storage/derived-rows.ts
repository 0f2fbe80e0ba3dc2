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

  const recountHours = async ({ day, rangePrefix }: RowChoice): Promise<void> => {
    const hours = await store.query<{ hour: number; row_count: string }>(sql`
      SELECT toUnixTimestamp(toStartOfHour(start_time)) AS hour, toString(count()) AS row_count
      FROM spans WHERE ${ofRange('spans', day, rangePrefix)} GROUP BY hour ORDER BY hour`)
    for (const { hour, row_count } of hours) await recountHour(hour, Number(row_count))
  }

  /**
   * Counts every bucket of an hour anew. Who else adds to the hour meanwhile (writers of other queue partitions) adds to the
   * rows and to the rollups, in two moments: a count that fell between them shows as a difference, and is made again.
   */
  const recountHour = async (hour: number, uncertainRows: number): Promise<void> => {
    const inHour = sql`toStartOfHour(start_time) = toDateTime(${sql.int64(hour)}, 'UTC')`
    for (let count = 1; count <= recountsMax; count++) {
      const { rows, counted } = await compare(hour)
      // Retention has taken rows of this hour; what they came to is known by the rollups only.
      if (count === 1 && counted > rows + uncertainRows) {
        logger.warn({ hour, rows, counted }, 'an hour that has lost rows to retention is not recounted')
        return
      }
      for (const table of rollups)
        await store.command(
          sql`DELETE FROM ${sql.identifier(table)} WHERE time >= toDateTime(${sql.int64(hour)}, 'UTC') AND time < toDateTime(${sql.int64(hour + 3600)}, 'UTC')`,
        )
      const select = await selectOf('red_additions_from_spans', 'spans', inHour)
      await insertInto('red_additions', select)
      const after = await compare(hour)
      if (after.rows === after.counted) return
    }
    throw new Error(`the rollups of the hour ${new Date(hour * 1000).toISOString()} do not come to rest`)
  }

  const compare = async (hour: number): Promise<{ rows: number; counted: number }> => {
    const [row] = await store.query<{ row_count: string; counted: string }>(
      sql`
        SELECT toString((SELECT count() FROM spans WHERE NOT is_open AND toStartOfHour(start_time) = toDateTime(${sql.int64(hour)}, 'UTC'))) AS row_count,
          toString((SELECT sum(span_count) FROM operation_red_1h WHERE time = toDateTime(${sql.int64(hour)}, 'UTC'))) AS counted`,
      { maxExecutionSeconds: recountSeconds },
    )
    return { rows: Number(row?.row_count ?? 0), counted: Number(row?.counted ?? 0) }
  }

  return {
    deriveAgain: async (rows) => {
      await deriveSightings(rows)
      if (rows.table !== 'spans') return
      await deriveSearchRows(rows)
      await recountHours(rows)
    },
  }
}

const timeColumn = (table: string): Sql => sql.identifier(table === 'spans' ? 'start_time' : 'time')

/** Rows of one range, as a condition that reads one day; `span_search` has the same columns as `spans` for this. */
export const ofRange = (table: string, day: number, rangePrefix: string): Sql =>
  sql`toDate(${timeColumn(table)}) = toDate(${sql.int64(day)}) AND startsWith(range, ${sql.string(rangePrefix)})`
