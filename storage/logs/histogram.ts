import type { Store } from '../connection.ts'
import { readLogConditions } from './filters.ts'
import type { LogCount, LogHistogram, LogInterval, SeverityCounts } from './log-store.ts'
import { type ReadScope, type TimeRange, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import { createTimeSlices, unlessTooSlow } from '../time-slices.ts'

const intervalsMax = 60
const nanosPerMilli = 1_000_000n
const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
/** Lengths that people read off an axis. */
const intervalMillis = [
  { unit: 1, counts: [1, 2, 5, 10, 20, 50, 100, 200, 500] },
  { unit: second, counts: [1, 2, 5, 10, 15, 30] },
  { unit: minute, counts: [1, 2, 5, 10, 15, 30] },
  { unit: hour, counts: [1, 2, 3, 6, 12] },
  { unit: day, counts: [1, 2, 7, 14, 28] },
].flatMap(({ unit, counts }) => counts.map((count) => count * unit))

const sliceNanosFirst = BigInt(6 * hour) * nanosPerMilli
const sliceGrowth = 4n
const sliceSeconds = 5
const countMillis = 12_000

/** In the order of their numbers, four to each but the first. */
const severityRanges = [
  'unspecified',
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
] as const satisfies readonly (keyof SeverityCounts)[]

export const countLogs = async (
  store: Store,
  scope: ReadScope,
  { range, filters }: LogCount,
): Promise<LogHistogram> => {
  const deadline = performance.now() + countMillis
  const conditions = await readLogConditions(store, scope, filters)
  const slices = createTimeSlices(sliceNanosFirst)
  const { intervalNanos, intervals } = cutIntoIntervals(range)
  let searchedFromNanos = range.toNanos

  while (searchedFromNanos > range.fromNanos) {
    if (performance.now() > deadline) break
    const slice = { fromNanos: slices.startOf(searchedFromNanos, range), toNanos: searchedFromNanos }
    const counting = countSlice(store, scope, slice, { conditions, intervalNanos })
    const rows = await unlessTooSlow(scope, counting)
    if (rows === undefined) {
      if (slices.shrink()) continue
      break
    }
    for (const { started, severity, found } of rows) {
      const interval = intervals.get(BigInt(started) * intervalNanos)
      const name = severityRanges[severity]
      if (interval && name) interval.counts[name] += Number(found)
    }
    searchedFromNanos = slice.fromNanos
    slices.grow(sliceGrowth)
  }
  return {
    intervalNanos,
    intervals: [...intervals.values()],
    isComplete: searchedFromNanos === range.fromNanos,
    searchedFromNanos,
  }
}

const cutIntoIntervals = ({ fromNanos, toNanos }: TimeRange) => {
  const countOf = (nanos: bigint): bigint => (toNanos - 1n) / nanos - fromNanos / nanos + 1n
  const longest = BigInt(intervalMillis.at(-1) ?? day) * nanosPerMilli
  const intervalNanos =
    intervalMillis
      .map((millis) => BigInt(millis) * nanosPerMilli)
      .find((nanos) => countOf(nanos) <= intervalsMax) ??
    // Half of them, because the ends of the range may each need one more.
    longest * (countOf(longest) / BigInt(intervalsMax / 2) + 1n)
  const intervals = new Map<bigint, LogInterval>()
  for (let start = fromNanos - (fromNanos % intervalNanos); start < toNanos; start += intervalNanos)
    intervals.set(start, { startNanos: start, counts: noCounts() })
  return { intervalNanos, intervals }
}

const noCounts = (): SeverityCounts => ({
  unspecified: 0,
  trace: 0,
  debug: 0,
  info: 0,
  warn: 0,
  error: 0,
  fatal: 0,
})

interface CountRow {
  /** How many intervals after 1970 this one begins. */
  started: string
  severity: number
  found: string
}

const countSlice = (
  store: Store,
  scope: ReadScope,
  { fromNanos, toNanos }: TimeRange,
  { conditions, intervalNanos }: { conditions: readonly Sql[]; intervalNanos: bigint },
): Promise<CountRow[]> => {
  const where = sql.join(
    [
      sql`tenant = ${sql.string(scope.tenant)}`,
      sql`time >= ${sql.dateTime64(fromNanos)}`,
      sql`time < ${sql.dateTime64(toNanos)}`,
      ...conditions,
    ],
    sql` AND `,
  )
  return store.query<CountRow>(
    sql`
      SELECT intDiv(toUnixTimestamp64Nano(time), ${sql.int64(intervalNanos)}) AS started,
        toUInt8(least(6, greatest(0, intDiv(severity_number + 3, 4)))) AS severity, count() AS found
      FROM log_records
      WHERE ${where}
      GROUP BY started, severity`,
    limitedTo(scope, sliceSeconds),
  )
}
