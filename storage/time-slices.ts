import { QueryStopped } from './connection.ts'
import type { ReadScope, TimeRange } from './read-scope.ts'

const nanosPerSecond = 1_000_000_000n
const sliceNanosMin = nanosPerSecond
const sliceNanosMax = 100n * 86_400n * nanosPerSecond
const sliceShrink = 16n
const growthAfterShrinkMax = 4n
/** Log records lie by five minutes: a slice that ends within them would read the same granules as the next. */
const alignmentNanos = 300n * nanosPerSecond

/** How far back a long read goes at a time. */
export interface TimeSlices {
  /** Where the slice begins that ends at this time. */
  startOf(endNanos: bigint, range: TimeRange): bigint
  /** Slower after a slice that ran out of time. */
  grow(factor: bigint): void
  /** After a slice that ran out of time. False: there is none shorter. */
  shrink(): boolean
}

export const createTimeSlices = (firstNanos: bigint): TimeSlices => {
  let sliceNanos = firstNanos
  let growthMax = sliceNanosMax
  return {
    startOf: (endNanos, { fromNanos }) => {
      const start = endNanos - sliceNanos
      const aligned = sliceNanos < alignmentNanos ? start : start - (start % alignmentNanos)
      return aligned > fromNanos ? aligned : fromNanos
    },
    grow: (factor) => {
      sliceNanos = bigMin(sliceNanosMax, sliceNanos * bigMin(factor, growthMax))
    },
    shrink: () => {
      if (sliceNanos <= sliceNanosMin) return false
      growthMax = growthAfterShrinkMax
      sliceNanos = bigMax(sliceNanosMin, sliceNanos / sliceShrink)
      return true
    },
  }
}

const bigMax = (a: bigint, b: bigint): bigint => (a > b ? a : b)
const bigMin = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** Time ran out; a caller who no longer waits is another matter. */
export const isTooSlow = (scope: ReadScope, error: unknown): boolean =>
  error instanceof QueryStopped && !scope.signal?.aborted

/** What a read gives, or undefined where it took too long. */
export const unlessTooSlow = <T>(scope: ReadScope, reading: Promise<T>): Promise<T | undefined> =>
  reading.catch((error: unknown) => {
    if (isTooSlow(scope, error)) return undefined
    throw error
  })
