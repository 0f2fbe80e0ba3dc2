import { isRelative, resolveTime, type TimeZoneChoice } from './grammar.ts'

/** A range as the URL carries it. */
export interface RangeText {
  from: string
  to: string
}

/** The same range in milliseconds since 1970; `fromMillis < toMillis` always holds. */
export interface ResolvedRange {
  fromMillis: number
  toMillis: number
}

export const defaultRange: RangeText = { from: 'now-1h', to: 'now' }
export const quickRanges = ['5m', '15m', '1h', '3h', '12h', '24h', '7d'] as const
const rangeMillisMin = 1
const rangeMillisMax = 400 * 86_400_000

/** Undefined if either end is not in the grammar or the range is empty or longer than 400 days. */
export const resolveRange = (
  { from, to }: RangeText,
  { nowMillis, zone }: { nowMillis: number; zone: TimeZoneChoice },
): ResolvedRange | undefined => {
  const fromMillis = resolveTime(from, { nowMillis, zone, rounding: 'down' })
  const toMillis = resolveTime(to, { nowMillis, zone, rounding: 'up' })
  if (fromMillis === undefined || toMillis === undefined) return undefined
  const lengthMillis = toMillis - fromMillis
  return lengthMillis >= rangeMillisMin && lengthMillis <= rangeMillisMax
    ? { fromMillis, toMillis }
    : undefined
}

export const absoluteRange = ({ fromMillis, toMillis }: ResolvedRange): RangeText => ({
  from: String(Math.floor(fromMillis)),
  to: String(Math.max(Math.ceil(toMillis), Math.floor(fromMillis) + rangeMillisMin)),
})

/** Doubles the range around its middle, but not past now. The plain "last N" stays relative: `now-1h` becomes `now-2h`. */
export const zoomOut = (text: RangeText, range: ResolvedRange, nowMillis: number): RangeText => {
  const lengthMillis = Math.min((range.toMillis - range.fromMillis) * 2, rangeMillisMax)
  if (text.to === 'now' && isRelative(text.from)) return lastMillis(lengthMillis)
  const middle = (range.fromMillis + range.toMillis) / 2
  const toMillis = Math.min(middle + lengthMillis / 2, Math.max(nowMillis, range.toMillis))
  return absoluteRange({ fromMillis: Math.max(0, toMillis - lengthMillis), toMillis })
}

/** Halves the range around its middle; the plain "last N" keeps its end at now. */
export const zoomIn = (text: RangeText, range: ResolvedRange): RangeText => {
  const lengthMillis = Math.max(Math.round((range.toMillis - range.fromMillis) / 2), rangeMillisMin)
  if (text.to === 'now' && isRelative(text.from)) return lastMillis(lengthMillis)
  const fromMillis = range.fromMillis + lengthMillis / 2
  return absoluteRange({ fromMillis, toMillis: fromMillis + lengthMillis })
}

/** Moves by half of the range's length, not past now. */
export const shiftRange = (
  range: ResolvedRange,
  direction: 'back' | 'forward',
  nowMillis: number,
): RangeText => {
  const lengthMillis = range.toMillis - range.fromMillis
  const wanted = range.toMillis + (direction === 'back' ? -0.5 : 0.5) * lengthMillis
  const toMillis = direction === 'back' ? wanted : Math.min(wanted, Math.max(nowMillis, range.toMillis))
  return absoluteRange({ fromMillis: toMillis - lengthMillis, toMillis })
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

const lastMillis = (millis: number): RangeText => {
  const [unit, size] = units.find(([, size]) => millis % size === 0) ?? (['s', 1000] as const)
  return { from: `now-${Math.max(1, Math.round(millis / size))}${unit}`, to: 'now' }
}
