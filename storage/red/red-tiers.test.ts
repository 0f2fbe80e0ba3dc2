import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TimeRange } from '../read-scope.ts'
import { type KeptSince, planRange, planSteps, rangeOf } from './red-tiers.ts'

const hour = 3600
const day = 86_400
/** 2026-11-20T12:00:00Z */
const noon = Date.UTC(2026, 10, 20, 12) / 1000
const everything: KeptSince = [-Infinity, -Infinity, -Infinity]
/** Ten seconds of three days, minutes of thirty. */
const usual: KeptSince = [noon - 12 * hour - 3 * day, noon - 12 * hour - 30 * day, -Infinity]

const planned = (from: number, to: number, keptSince = everything) => {
  const { segments, covered, resolutionSeconds } = planRange(rangeOf(from, to), keptSince)
  return {
    parts: segments.map(({ tier, fromSeconds, toSeconds }) => [
      tier.name,
      fromSeconds - noon,
      toSeconds - noon,
    ]),
    covered: [secondsOf(covered.fromNanos) - noon, secondsOf(covered.toNanos) - noon],
    resolutionSeconds,
  }
}
const secondsOf = (nanos: bigint): number => Number(nanos / 1_000_000_000n)

describe('a range', () => {
  it('below half an hour is read from buckets of ten seconds', () => {
    expect(planned(noon - 754, noon + 3)).toEqual({
      parts: [['10s', -760, 10]],
      covered: [-760, 10],
      resolutionSeconds: 10,
    })
  })

  it('of some hours is read by the minute', () => {
    expect(planned(noon - hour - 5, noon - 5)).toEqual({
      parts: [['1m', -hour - 60, 0]],
      covered: [-hour - 60, 0],
      resolutionSeconds: 60,
    })
  })

  it('of a day is read by the hour, and by the minute at its ends', () => {
    expect(planned(noon - day + 754, noon + 754)).toEqual({
      parts: [
        ['1m', -day + 720, -day + hour],
        ['1h', -day + hour, 0],
        ['1m', 0, 780],
      ],
      covered: [-day + 720, 780],
      resolutionSeconds: 60,
    })
  })

  it('of whole hours needs nothing else, of whole minutes neither', () => {
    expect(planned(noon - hour, noon).parts).toEqual([['1h', -hour, 0]])
    expect(planned(noon - 300, noon).parts).toEqual([['1m', -300, 0]])
  })

  it('whose ten seconds are gone is read and aligned by the minute, whose minutes are gone by the hour', () => {
    const tenDaysAgo = noon - 10 * day
    expect(planned(tenDaysAgo - 301, tenDaysAgo + 1, usual)).toMatchObject({
      parts: [['1m', -10 * day - 360, -10 * day + 60]],
      resolutionSeconds: 60,
    })
    const longAgo = noon - 300 * day
    expect(planned(longAgo + 1, longAgo + 302, usual)).toMatchObject({
      parts: [['1h', -300 * day, -300 * day + hour]],
      resolutionSeconds: hour,
    })
  })

  it('that begins before a tier does goes over to it only where it has to', () => {
    const [tenSecondsSince, minutesSince] = usual
    expect(planned(tenSecondsSince - 61, tenSecondsSince + 61, usual)).toMatchObject({
      parts: [
        ['1m', tenSecondsSince - 120 - noon, tenSecondsSince + 60 - noon],
        ['10s', tenSecondsSince + 60 - noon, tenSecondsSince + 70 - noon],
      ],
      resolutionSeconds: 60,
    })
    expect(planned(minutesSince - 1, minutesSince + hour, usual)).toMatchObject({
      parts: [['1h', minutesSince - hour - noon, minutesSince + hour - noon]],
      covered: [minutesSince - hour - noon, minutesSince + hour - noon],
      resolutionSeconds: hour,
    })
  })
})

/** Ranges of a second to years, tiers that begin anywhere. */
const arbitraryRange = fc
  .tuple(
    fc.bigInt({ min: 0n, max: 400n * 86_400n * 1_000_000_000n }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .map(([ago, share]): TimeRange => {
    const toNanos = BigInt(noon + hour) * 1_000_000_000n - ago
    // Short ranges as often as long ones.
    return { fromNanos: toNanos - BigInt(Math.ceil(1e9 * 4e7 ** share)), toNanos }
  })
const beginning = fc.oneof(fc.constant(-Infinity), fc.constant(Infinity), fc.integer({ min: 0, max: 420 }))
const arbitraryKept = fc.tuple(beginning, beginning).map(([a, b]): KeptSince => {
  const at = (days: number, step: number) => Math.ceil((noon - Math.abs(days) * 86_399) / step) * step
  const minutes = Number.isFinite(b) ? at(b, 3600) : b
  return [Math.max(Number.isFinite(a) ? at(a, 60) : a, minutes), minutes, -Infinity]
})

describe('any range', () => {
  it('is covered once, in whole buckets that are there, and by little more than it is', () => {
    fc.assert(
      fc.property(arbitraryRange, arbitraryKept, (range, keptSince) => {
        const { segments, covered, resolutionSeconds } = planRange(range, keptSince)
        let at = secondsOf(covered.fromNanos)
        for (const { tier, fromSeconds, toSeconds } of segments) {
          expect(fromSeconds).toBe(at)
          expect(toSeconds).toBeGreaterThan(fromSeconds)
          expect([fromSeconds % tier.seconds, toSeconds % tier.seconds]).toEqual([0, 0])
          const since = keptSince[['10s', '1m', '1h'].indexOf(tier.name)] ?? 0
          expect(fromSeconds).toBeGreaterThanOrEqual(since)
          at = toSeconds
        }
        expect(at).toBe(secondsOf(covered.toNanos))
        const resolutionNanos = BigInt(resolutionSeconds) * 1_000_000_000n
        expect(range.fromNanos - covered.fromNanos).toBeGreaterThanOrEqual(0n)
        expect(range.fromNanos - covered.fromNanos).toBeLessThan(resolutionNanos)
        expect(covered.toNanos - range.toNanos).toBeGreaterThanOrEqual(0n)
        expect(covered.toNanos - range.toNanos).toBeLessThan(resolutionNanos)
      }),
      { numRuns: 3000 },
    )
  })

  it('has steps that fit into the points, are no finer than asked, and whose buckets are there', () => {
    const pointsMax = fc.integer({ min: 2, max: 2000 })
    const stepSecondsMin = fc.constantFrom(0, 1, 60, 4000)
    fc.assert(
      fc.property(
        arbitraryRange,
        arbitraryKept,
        pointsMax,
        stepSecondsMin,
        (range, keptSince, points, min) => {
          const options = { pointsMax: points, stepSecondsMin: min }
          const { tier, stepSeconds, fromSeconds, toSeconds } = planSteps(range, options, keptSince)
          expect((toSeconds - fromSeconds) / stepSeconds).toBeLessThanOrEqual(points)
          expect([fromSeconds % stepSeconds, toSeconds % stepSeconds, stepSeconds % tier.seconds]).toEqual([
            0, 0, 0,
          ])
          expect(stepSeconds).toBeGreaterThanOrEqual(min)
          expect(BigInt(fromSeconds) * 1_000_000_000n).toBeLessThanOrEqual(range.fromNanos)
          expect(BigInt(toSeconds) * 1_000_000_000n).toBeGreaterThanOrEqual(range.toNanos)
          expect(fromSeconds).toBeGreaterThanOrEqual(keptSince[['10s', '1m', '1h'].indexOf(tier.name)] ?? 0)
        },
      ),
      { numRuns: 3000 },
    )
  })
})
