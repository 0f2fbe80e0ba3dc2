import type { Store } from '../connection.ts'
import { readLogConditions } from './filters.ts'
import { type LogRow, bytesOf, logColumns, logHash, logsOfRows, unlessTooLarge } from './rows.ts'
import type { LogFilters, LogPosition, LogSearch, LogSearchPage } from './log-store.ts'
import { type ReadScope, type TimeRange, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import { createTimeSlices, unlessTooSlow } from '../time-slices.ts'

const nanosPerMinute = 60_000_000_000n
/** What is asked for is usually frequent, and then the newest granules are enough. */
const sliceNanosFirst = 5n * nanosPerMinute
/** Of what has an index the newest granules may hold nothing, and to pass over them costs a statement and little else. */
const indexedSliceNanosFirst = 15n * nanosPerMinute
/** Words and trace ids are found without reading what lies between. */
const lookupSliceNanosFirst = 60n * nanosPerMinute
const sliceGrowthMin = 2n
const sliceGrowthMax = 24n
/** Where nothing was found that has an index, the index passes over most of what follows. */
const indexedGrowthMax = 96n
const sliceSeconds = 5
const pageMillis = 12_000
/** Bytes of the records of a page: it ends with the one that exceeds them. */
const pageBytesMax = 16 << 20
/** What one statement gives; where that is exceeded, it is asked for fewer records. */
export const logRowsBytesMax = 2 * pageBytesMax
export const fewerRecords = 8

/**
 * A slice is read by time alone, so that the engine can stop at the newest and read wide columns of these only. Which
 * of the records of one nanosecond belong to a page is asked only where a page ends among them.
 */
export const searchLogs = async (
  store: Store,
  scope: ReadScope,
  { range, filters, limit, after }: LogSearch,
): Promise<LogSearchPage> => {
  const deadline = performance.now() + pageMillis
  const reader = { store, scope, conditions: await readLogConditions(store, scope, filters) }
  const { firstNanos, growthMax } = reachOf(filters)
  const slices = createTimeSlices(firstNanos)
  const found: FoundRow[] = []
  let position = startOf(range, after)
  let isComplete = true
  let rowsMax = limit
  let bytes = 0

  while (found.length < limit && bytes < pageBytesMax && !isPast(position, range)) {
    if (performance.now() > deadline) {
      isComplete = false
      break
    }
    const wanted = Math.min(limit - found.length, rowsMax)
    const { timeNanos, tie } = position
    const from = tie ? timeNanos : slices.startOf(timeNanos, range)
    const asked = { ...reader, bytesMax: wanted > 1 ? logRowsBytesMax : undefined }
    const step = tie ? readTies(asked, timeNanos, tie, wanted) : readSlice(asked, from, timeNanos, wanted)
    const read = await unlessTooSlow(scope, wanted > 1 ? unlessTooLarge(step) : step)
    if (read === 'too large') {
      rowsMax = Math.ceil(wanted / fewerRecords)
      continue
    }
    if (read === undefined) {
      if (tie === undefined && slices.shrink()) continue
      isComplete = false
      break
    }
    found.push(...read.rows)
    bytes += bytesOf(read.rows)
    position = read.next ?? { timeNanos: from }
    if (tie === undefined) slices.grow(growthFor(wanted, read.rows.length, growthMax))
  }
  return {
    logs: await logsOfRows(store, scope, found),
    next: isPast(position, range) ? undefined : position,
    isComplete,
    searchedFromNanos: position.tie ? position.timeNanos + 1n : position.timeNanos,
  }
}

/** How far back is looked first, and how much further next where nothing is found. */
const reachOf = (filters: LogFilters): { firstNanos: bigint; growthMax: bigint } => {
  const { bodyWords, bodyPhrases = [], attributes = [], traceId } = filters
  if (bodyWords !== undefined || traceId !== undefined)
    return { firstNanos: lookupSliceNanosFirst, growthMax: indexedGrowthMax }
  return bodyPhrases.length > 0 || attributes.length > 0
    ? { firstNanos: indexedSliceNanosFirst, growthMax: indexedGrowthMax }
    : { firstNanos: sliceNanosFirst, growthMax: sliceGrowthMax }
}

const startOf = ({ fromNanos, toNanos }: TimeRange, after: LogPosition | undefined): LogPosition => {
  if (after === undefined || after.timeNanos >= toNanos) return { timeNanos: toNanos }
  return after.timeNanos < fromNanos ? { timeNanos: fromNanos } : after
}

/** Nothing of the range is left behind this position. */
const isPast = ({ timeNanos, tie }: LogPosition, { fromNanos }: TimeRange): boolean =>
  timeNanos <= fromNanos && tie === undefined

/** So much longer that the next slice should find the rest and as much again. */
const growthFor = (wanted: number, foundCount: number, growthMax: bigint): bigint => {
  if (foundCount === 0) return growthMax
  const factor = BigInt(Math.ceil((2 * wanted) / foundCount))
  return factor < sliceGrowthMin ? sliceGrowthMin : factor > growthMax ? growthMax : factor
}

type FoundRow = LogRow & { hash: string }

interface Reader {
  store: Store
  scope: ReadScope
  conditions: readonly Sql[]
}

/** A single record is given however large it is. */
interface AskedReader extends Reader {
  bytesMax: number | undefined
}

/** No `next`: what was read was read to its end. */
interface Read {
  rows: FoundRow[]
  next?: LogPosition
}

/** The newest `wanted` of a slice; where these end among records of the same time, the ones before that time. */
const readSlice = async (
  reader: AskedReader,
  from: bigint,
  before: bigint,
  wanted: number,
): Promise<Read> => {
  const rows = await readRows(
    reader,
    [sql`time >= ${sql.dateTime64(from)}`, sql`time < ${sql.dateTime64(before)}`],
    sql`ORDER BY time DESC LIMIT ${sql.uint64(wanted + 1)}`,
  )
  const beyond = rows[wanted]
  if (beyond === undefined) return { rows: inOrder(rows) }
  const whole = rows.filter((row) => row.at !== beyond.at)
  const timeNanos = BigInt(beyond.at)
  return {
    rows: inOrder(whole),
    next:
      whole.length === wanted
        ? { timeNanos: timeNanos + 1n }
        : { timeNanos, tie: { hash: hashMax, passed: 0 } },
  }
}

const hashMax = 2n ** 64n - 1n

/** The next `wanted` records of this very time. */
const readTies = async (
  reader: AskedReader,
  timeNanos: bigint,
  { hash, passed }: NonNullable<LogPosition['tie']>,
  wanted: number,
): Promise<Read> => {
  const rows = await readRows(
    reader,
    [sql`time = ${sql.dateTime64(timeNanos)}`, sql`${logHash} <= ${sql.uint64(hash)}`],
    sql`ORDER BY hash DESC LIMIT ${sql.uint64(wanted + 1)} OFFSET ${sql.uint64(passed)}`,
  )
  const given = rows.slice(0, wanted)
  const last = given.at(-1)
  if (rows.length <= wanted || last === undefined) return { rows: given }
  const passedNow = given.filter((row) => row.hash === last.hash).length
  const passedBefore = BigInt(last.hash) === hash ? passed : 0
  return {
    rows: given,
    next: { timeNanos, tie: { hash: BigInt(last.hash), passed: passedBefore + passedNow } },
  }
}

const readRows = (
  { store, scope, conditions, bytesMax }: AskedReader,
  ofTime: readonly Sql[],
  orderAndLimit: Sql,
): Promise<FoundRow[]> => {
  const where = sql.join([sql`tenant = ${sql.string(scope.tenant)}`, ...ofTime, ...conditions], sql` AND `)
  return store.query<FoundRow>(
    sql`SELECT ${logColumns}, ${logHash} AS hash FROM log_records WHERE ${where} ${orderAndLimit}`,
    { ...limitedTo(scope, sliceSeconds), ...(bytesMax !== undefined && { resultBytesMax: bytesMax }) },
  )
}

/** By time they are already. */
const inOrder = (rows: readonly FoundRow[]): FoundRow[] =>
  rows.toSorted((a, b) => (a.at === b.at ? descending(BigInt(a.hash), BigInt(b.hash)) : 0))

const descending = (a: bigint, b: bigint): number => (a === b ? 0 : a < b ? 1 : -1)
