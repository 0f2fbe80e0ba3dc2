import type { Format } from '../format.ts'
import type { ResolvedRange } from '../time/range.ts'
import type { ChartPalette } from './palette.ts'

const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
/** Round lengths of time. */
export const stepsMillis = [
  1, 2, 5, 10, 20, 50, 100, 200, 500,
  second, 2 * second, 5 * second, 10 * second, 15 * second, 30 * second,
  minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
  hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour,
  day, 2 * day, 7 * day, 14 * day, 30 * day, 90 * day,
] // prettier-ignore

const edgeShare = 0.018

/** Round times of the chosen zone inside a range, at most `countMax`. */
export const timeTicks = (
  { fromMillis, toMillis }: ResolvedRange,
  { countMax, offsetMillis }: { countMax: number; offsetMillis: number },
): { stepMillis: number; ticks: number[] } => {
  const length = toMillis - fromMillis
  const stepMillis = stepsMillis.find((step) => length / step <= countMax) ?? length / countMax
  const ticks: number[] = []
  const first = Math.ceil((fromMillis + offsetMillis) / stepMillis)
  // A label at the very edge would be cut off.
  const lastMillis = toMillis - length * edgeShare
  for (let index = first; index * stepMillis - offsetMillis <= lastMillis; index += 1)
    ticks.push(index * stepMillis - offsetMillis)
  return { stepMillis, ticks }
}

/** A horizontal axis over exactly the range, with ticks at round times of the zone that the reader chose. */
export const timeAxis = (
  range: ResolvedRange,
  { palette, format, countMax }: { palette: ChartPalette; format: Format; countMax: number },
) => {
  const offsetMillis = format.zone === 'utc' ? 0 : -new Date(range.fromMillis).getTimezoneOffset() * minute
  const { stepMillis, ticks } = timeTicks(range, { countMax, offsetMillis })
  return {
    type: 'value' as const,
    min: range.fromMillis,
    max: range.toMillis,
    axisLine: { show: true, lineStyle: { color: palette.line } },
    axisTick: { show: true, customValues: ticks, lineStyle: { color: palette.line } },
    axisLabel: {
      customValues: ticks,
      color: palette.muted,
      fontSize: 11,
      hideOverlap: true,
      formatter: (millis: number) => format.tick(millis, stepMillis),
    },
    splitLine: { show: true, lineStyle: { color: palette.line, opacity: 0.5 } },
  }
}
