import type { Store } from '../connection.ts'
import type { TimeRange } from '../read-scope.ts'
import { readRetentionSeconds } from '../retention.ts'
import { sql } from '../sql.ts'

/** The tiers of the rollups, finest first. A coarser one is kept at least as long (storage/retention.ts). */
export const redTiers = [
  { name: '10s', seconds: 10 },
  { name: '1m', seconds: 60 },
  { name: '1h', seconds: 3600 },
] as const

export type RedTier = (typeof redTiers)[number]

/** From which second on a tier holds everything, finest first; what was before is in the next coarser one. */
export type KeptSince = readonly [tenSeconds: number, minutes: number, hours: number]

/** Buckets of one tier, from (inclusive) to (exclusive), seconds since the epoch. */
export interface RedSegment {
  tier: RedTier
  fromSeconds: number
  toSeconds: number
}

export interface RedPlan {
  /** Together the covered range, without overlaps. */
  segments: RedSegment[]
  /** The range asked for, aligned outward to whole buckets. */
  covered: TimeRange
  /** To what it was aligned; the coarser of its two ends. */
  resolutionSeconds: number
}

/** Shorter ranges are aligned to ten seconds, longer ones to the minute: at most 7 % are added to what was asked for. */
const minuteEdgesFromNanos = 1_800_000_000_000n
/** So many whole hours in the middle are cheaper to read from the hours' own table, which takes some milliseconds. */
const wholeHoursMin = 3

/** Which buckets add up to the range: fine ones at its edges, coarse ones where they save rows or are all that is left. */
export const planRange = (range: TimeRange, keptSince: KeptSince): RedPlan => {
  const { from, to } = wholeSeconds(range)
  const finest = range.toNanos - range.fromNanos < minuteEdgesFromNanos ? 0 : 1
  const atFrom = Math.max(finest, finestAt(from, keptSince))
  const atTo = Math.max(finest, finestAt(to - 1, keptSince))
  const fromSeconds = floorTo(from, secondsOf(atFrom))
  const toSeconds = ceilTo(to, secondsOf(atTo))
  return {
    segments: split({ fromSeconds, toSeconds, tier: finest, keptSince }),
    covered: rangeOf(fromSeconds, toSeconds),
    resolutionSeconds: Math.max(secondsOf(atFrom), secondsOf(atTo)),
  }
}

/** Steps of a series that people can read on an axis; beyond the last, whole days. */
const steps = [10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400]

export interface RedSteps {
  tier: RedTier
  stepSeconds: number
  fromSeconds: number
  toSeconds: number
}

/** The finest step that needs at most `pointsMax` (at least 2) points and that the store has for the whole range. */
export const planSteps = (
  range: TimeRange,
  options: { pointsMax: number; stepSecondsMin: number },
  keptSince: KeptSince,
): RedSteps => {
  const { from, to } = wholeSeconds(range)
  const finest = secondsOf(finestAt(from, keptSince))
  const isEnough = (step: number): boolean =>
    step >= Math.max(finest, options.stepSecondsMin) &&
    (ceilTo(to, step) - floorTo(from, step)) / step <= options.pointsMax
  let stepSeconds = steps.find(isEnough) ?? 86_400
  while (!isEnough(stepSeconds)) stepSeconds += 86_400
  const tier = redTiers.findLast(({ seconds }) => stepSeconds % seconds === 0) ?? redTiers[0]
  return { tier, stepSeconds, fromSeconds: floorTo(from, stepSeconds), toSeconds: ceilTo(to, stepSeconds) }
}

export const rangeOf = (fromSeconds: number, toSeconds: number): TimeRange => ({
  fromNanos: BigInt(fromSeconds) * 1_000_000_000n,
  toNanos: BigInt(toSeconds) * 1_000_000_000n,
})

const wholeSeconds = ({ fromNanos, toNanos }: TimeRange): { from: number; to: number } => ({
  from: Number(fromNanos / 1_000_000_000n),
  to: Number((toNanos + 999_999_999n) / 1_000_000_000n),
})

const floorTo = (seconds: number, step: number): number => Math.floor(seconds / step) * step
const ceilTo = (seconds: number, step: number): number => Math.ceil(seconds / step) * step
const secondsOf = (tier: number): number => redTiers[tier]?.seconds ?? 0

/** The finest tier that has this second. */
const finestAt = (seconds: number, keptSince: KeptSince): number =>
  keptSince.findIndex((since) => seconds >= since)

/**
 * Ends that lie in a dropped part of a tier are aligned to a coarser one, and so is the second at which a tier begins:
 * what a tier has lost is therefore always in the middle that is left to the coarser.
 */
const split = (part: {
  fromSeconds: number
  toSeconds: number
  tier: number
  keptSince: KeptSince
}): RedSegment[] => {
  const { fromSeconds, toSeconds, keptSince } = part
  const tier = redTiers[part.tier]
  const coarser = redTiers[part.tier + 1]
  if (tier === undefined || fromSeconds >= toSeconds) return []
  const whole = { tier, fromSeconds, toSeconds }
  if (coarser === undefined) return [whole]
  const middleFrom = ceilTo(fromSeconds, coarser.seconds)
  const middleTo = floorTo(toSeconds, coarser.seconds)
  if (middleFrom >= middleTo) return [whole]
  const isAll = middleFrom === fromSeconds && middleTo === toSeconds
  const isCheaper = coarser.seconds === 3600 && middleTo - middleFrom >= wholeHoursMin * 3600
  const isNeeded = fromSeconds < (keptSince[part.tier] ?? 0)
  if (!isAll && !isCheaper && !isNeeded) return [whole]
  return [
    ...split({ ...part, toSeconds: middleFrom }),
    ...split({ fromSeconds: middleFrom, toSeconds: middleTo, tier: part.tier + 1, keptSince }),
    ...split({ ...part, fromSeconds: middleTo }),
  ]
}

const secondsPerDay = 86_400
/** Stands for all tables of its tier: they are filled and emptied together. */
const tableOf = ({ name }: Pick<RedTier, 'name'>): string => `service_red_${name}`

/**
 * What retention has left of each tier now. Its setting alone does not tell: days that were dropped do not come back when
 * it is raised, so the first row of a tier counts too, where the coarser tier begins earlier.
 */
export const readKeptSince = async (store: Store, nowSeconds: number): Promise<KeptSince> => {
  const [retention, rows] = await Promise.all([
    readRetentionSeconds(store, redTiers.map(tableOf)),
    store.query<{ tier: string; first: number; row_count: string }>(
      sql.join(
        redTiers.map(
          ({ name }) =>
            sql`SELECT ${sql.string(name)} AS tier, toUnixTimestamp(min(time)) AS first, toString(count()) AS row_count FROM ${sql.identifier(tableOf({ name }))}`,
        ),
        sql` UNION ALL `,
      ),
    ),
  ])
  const firstOf = ({ name }: RedTier): number => {
    const row = rows.find(({ tier }) => tier === name)
    return row === undefined || row.row_count === '0' ? Infinity : row.first
  }
  const keptSince = (tier: RedTier, coarser: RedTier, coarserSince: number): number => {
    const seconds = retention.get(tableOf(tier)) ?? Infinity
    const byRetention = floorTo(nowSeconds - seconds, secondsPerDay)
    const first = firstOf(tier)
    const hasLost = floorTo(first, coarser.seconds) > firstOf(coarser)
    return Math.max(byRetention, hasLost ? ceilTo(first, coarser.seconds) : -Infinity, coarserSince)
  }
  const [tenSeconds, minute, hour] = redTiers
  const minutes = keptSince(minute, hour, -Infinity)
  return [keptSince(tenSeconds, minute, minutes), minutes, -Infinity]
}
