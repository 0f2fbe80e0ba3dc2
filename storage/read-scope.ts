import type { QueryOptions } from './connection.ts'
import { type Sql, sql } from './sql.ts'

/** Whose rows a reader may see, and when its caller no longer waits. Every reader takes one first. */
export interface ReadScope {
  readonly tenant: string
  readonly signal?: AbortSignal | undefined
}

/** From (inclusive) to (exclusive), nanoseconds since the epoch. */
export interface TimeRange {
  readonly fromNanos: bigint
  readonly toNanos: bigint
}

/** Options of a query made for this scope. */
export const limitedTo = (scope: ReadScope, maxExecutionSeconds: number): QueryOptions => ({
  maxExecutionSeconds,
  ...(scope.signal && { signal: scope.signal }),
})

/**
 * A set of UInt64 values for `IN`. It goes as one literal, because the parser's limits on the size of a statement and
 * of its tree are soon reached by thousands of numbers.
 */
export const uint64Set = (values: readonly string[]): Sql => {
  for (const value of values)
    if (!/^\d{1,20}$/.test(value)) throw new RangeError(`'${value}' is not an unsigned number`)
  return sql`(SELECT arrayJoin(CAST(${sql.string(`[${values.join(',')}]`)}, 'Array(UInt64)')))`
}

/** A bigint of the store as a JavaScript number: not negative (clocks run backwards) and exact. */
export const durationOf = (nanos: string | bigint): number => {
  const value = BigInt(nanos)
  if (value < 0n) return 0
  return value > maxSafe ? Number.MAX_SAFE_INTEGER : Number(value)
}

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)
