import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bucketDurationNanos, durationBucket, durationBucketCount } from './duration-buckets.ts'

const shortestNanos = 1000
/** About 18 hours: the last bucket begins here, and holds everything longer. */
const longestNanos = 1000 * 2 ** ((durationBucketCount - 1) / 20)

describe('duration buckets', () => {
  it('stand for every duration that they hold to within 1.74 %', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => {
        // Evenly over the octaves, not over the nanoseconds.
        const duration = Math.min(longestNanos, Math.round(shortestNanos * (longestNanos / 1000) ** share))
        const told = bucketDurationNanos(durationBucket(duration))
        expect(Math.abs(told - duration) / duration).toBeLessThan(0.0174)
      }),
      { numRuns: 5000 },
    )
  })

  it('keep the order of durations', () => {
    const duration = fc.integer({ min: -1, max: 2 ** 50 })
    fc.assert(
      fc.property(duration, duration, (a, b) => {
        const [shorter, longer] = a < b ? [a, b] : [b, a]
        expect(durationBucket(shorter)).toBeLessThanOrEqual(durationBucket(longer))
      }),
    )
  })

  it('change at their bounds, to the nanosecond', () => {
    for (let bucket = 1; bucket < durationBucketCount; bucket++) {
      const bound = shortestNanos * 2 ** (bucket / 20)
      expect(durationBucket(Math.floor(bound - 1))).toBe(bucket - 1)
      expect(durationBucket(Math.ceil(bound + 1))).toBe(bucket)
    }
  })

  it('hold what is shorter and longer in the first and the last', () => {
    for (const duration of [Number.NEGATIVE_INFINITY, -1, 0, 1, 999, 1000])
      expect(durationBucket(duration)).toBe(0)
    for (const duration of [longestNanos * 1.01, 2 ** 63, Number.POSITIVE_INFINITY])
      expect(durationBucket(duration)).toBe(durationBucketCount - 1)
  })
})
