import type { Store } from '../connection.ts'
import type { RangeTable } from '../range-store.ts'
import { type ReadScope, type TimeRange, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import type { StoredColumn } from './stored-columns.ts'

export interface PageLimits {
  /** Rows of one page. */
  rowsMax: number
  /** Bytes of one page's rows in the engine; a row that is larger by itself is a page of its own. */
  bytesMax: number
}

export interface StoredRows<Row> {
  table: RangeTable
  row: StoredColumn<Row>
  /** Absent: of all times. */
  range?: TimeRange | undefined
  /** Such as leave few rows, found by an index. */
  conditions?: readonly Sql[] | undefined
}

const placeSeconds = 30
const pageSeconds = 30
/** A quiet store is crossed in a few long slices; where a page is full, the next slice is as long as a few pages. */
const sliceNanosFirst = 3_600_000_000_000n
const sliceGrowth = 16n
const pagesPerSlice = 4n

/**
 * Every row once, by time, in pages. Rows that are inserted while this goes on come along where they are newer than the
 * place that has been reached. A range is gone through in slices, so that no page has to look at all that lies behind it;
 * with conditions, which say better where to look, it is one slice.
 */
export const readPages = async function* <Row>(
  store: Store,
  scope: ReadScope,
  rows: StoredRows<Row>,
  limits: PageLimits,
): AsyncGenerator<Row[]> {
  const { range } = rows
  let place: Place = { fromNanos: range?.fromNanos ?? 0n, skip: 0 }
  let sliceNanos = sliceNanosFirst
  while (range === undefined || place.fromNanos < range.toNanos) {
    const toNanos =
      rows.conditions === undefined && range
        ? smaller(place.fromNanos + sliceNanos, range.toNanos)
        : range?.toNanos
    const page = await readPage(store, scope, rows, { ...place, toNanos, ...limits })
    if (page.rows.length > 0) yield page.rows
    if (page.next !== undefined) {
      sliceNanos = (page.next.fromNanos - place.fromNanos + 1n) * pagesPerSlice
      place = page.next
    } else {
      if (toNanos === undefined) return
      sliceNanos *= sliceGrowth
      place = { fromNanos: toNanos, skip: 0 }
    }
  }
}

const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** Where a page begins: at a time, of whose rows some were read before. */
interface Place {
  fromNanos: bigint
  skip: number
}

interface PageBounds extends Place, PageLimits {
  toNanos: bigint | undefined
}

interface Page<Row> {
  rows: Row[]
  /** Absent when the slice has no further rows. */
  next: Place | undefined
}

const readPage = async <Row>(
  store: Store,
  scope: ReadScope,
  { table, row, conditions = [] }: StoredRows<Row>,
  bounds: PageBounds,
): Promise<Page<Row>> => {
  const time = table === 'spans' ? sql`start_time` : sql`time`
  const where = [
    sql`tenant = ${sql.string(scope.tenant)}`,
    ...conditions,
    sql`${time} >= ${sql.dateTime64(bounds.fromNanos)}`,
    ...(bounds.toNanos === undefined ? [] : [sql`${time} < ${sql.dateTime64(bounds.toNanos)}`]),
  ]
  const from: From = { table: sql.identifier(table), time, where: sql.join(where, sql` AND `) }
  const [end] = await store.query<{ nanos: string; rows: string }>(
    endStatement(from, bounds),
    limitedTo(scope, placeSeconds),
  )
  const expected = Number(end?.rows ?? 0) - bounds.skip
  if (end === undefined || expected <= 0) return { rows: [], next: undefined }
  const names = row.parts.map((_, index) => `c${index}`)
  const found = await store.query<FoundRow>(
    pageStatement(from, row.parts, names, { ...bounds, lastNanos: BigInt(end.nanos) }),
    limitedTo(scope, pageSeconds),
  )
  return {
    rows: found.map((each) => row.read(names.map((name) => each[name]))),
    // Fewer than expected are there where the page was cut to its bytes.
    next: found.length < expected || found.length === bounds.rowsMax ? placeAfter(found, bounds) : undefined,
  }
}

const placeAfter = (found: readonly FoundRow[], { fromNanos, skip }: Place): Place | undefined => {
  const last = found.at(-1)
  if (last === undefined) return undefined
  const sameTimeCount = found.filter((each) => each.row_nanos === last.row_nanos).length
  const lastNanos = BigInt(last.row_nanos)
  return { fromNanos: lastNanos, skip: sameTimeCount + (lastNanos === fromNanos ? skip : 0) }
}

interface FoundRow {
  row_nanos: string
  [part: string]: unknown
}

interface From {
  table: Sql
  time: Sql
  where: Sql
}

/** The time of the last row that a full page could have, from the column of times alone. */
const endStatement = ({ table, time, where }: From, { skip, rowsMax }: PageBounds): Sql => sql`
  SELECT toUnixTimestamp64Nano(max(row_time)) AS nanos, count() AS rows
  FROM (SELECT ${time} AS row_time FROM ${table} WHERE ${where} ORDER BY row_time LIMIT ${sql.uint64(skip + rowsMax)})`

/**
 * The rows of one time have no order of their own, so they go by a hash of all that is read of them. Rows that are equal
 * in it are alike: whichever of them comes first, none is lost or doubled between two pages.
 */
const pageStatement = (
  { table, time, where }: From,
  parts: readonly Sql[],
  names: readonly string[],
  { skip, rowsMax, bytesMax, lastNanos }: PageBounds & { lastNanos: bigint },
): Sql => {
  const columns = list(names.map(sql.identifier))
  const selected = list(parts.map((part, index) => sql`${part} AS ${sql.identifier(names[index] ?? '')}`))
  return sql`
    SELECT ${columns}, toUnixTimestamp64Nano(row_time) AS row_nanos FROM
    (
      SELECT *, sum(row_bytes) OVER (ORDER BY row_time, row_hash ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
      FROM
      (
        SELECT ${selected}, ${time} AS row_time, sipHash64(tuple(${columns})) AS row_hash, byteSize(${columns}) AS row_bytes
        FROM ${table} WHERE ${where} AND ${time} <= ${sql.dateTime64(lastNanos)}
        ORDER BY row_time, row_hash LIMIT ${sql.uint64(skip)}, ${sql.uint64(rowsMax)}
      )
    )
    WHERE bytes_before < ${sql.uint64(bytesMax)}
    ORDER BY row_time, row_hash`
}

const list = (parts: readonly Sql[]): Sql => sql.join(parts, sql`, `)
