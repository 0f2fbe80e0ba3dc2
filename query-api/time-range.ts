import { InvalidInput } from '#runtime/errors.ts'
import type { TimeRange } from '#storage/read-scope.ts'

/**
 * Time ranges in Grafana's grammar: `now`, `now-15m`, `now/d`, `now-1d/d`, epoch milliseconds, ISO 8601. Rounding with
 * `/unit` goes down in `from` and to the end of the unit in `to`, all in UTC; weeks begin on Monday.
 */
export const rangeDaysMax = 400

const nanosPerMilli = 1_000_000n
const nanosPerDay = 86_400_000n * nanosPerMilli
/** What the store's times can hold, with room for arithmetic: 1970 to 2250. */
const epochMillisMax = Date.UTC(2250, 0, 1)
const stepsMax = 8

/** @throws InvalidInput naming `from` or `to` */
export const parseTimeRange = (
  { from = 'now-1h', to = 'now' }: { from?: string | undefined; to?: string | undefined },
  nowMillis: number,
): TimeRange => {
  const fromNanos = parseTime('from', from, nowMillis)
  const toNanos = parseTime('to', to, nowMillis)
  if (fromNanos >= toNanos)
    throw new InvalidInput(`from (${from}) has to be before to (${to})`, { field: 'from' })
  if (toNanos - fromNanos > BigInt(rangeDaysMax) * nanosPerDay)
    throw new InvalidInput(`from: the range may be ${rangeDaysMax} days long at most`, { field: 'from' })
  return { fromNanos, toNanos }
}

const parseTime = (field: 'from' | 'to', text: string, nowMillis: number): bigint => {
  const nanos = relativeTime(text, { nowMillis, isEnd: field === 'to' }) ?? epochTime(text) ?? isoTime(text)
  if (nanos === undefined)
    throw new InvalidInput(
      `${field}: expected now, now-15m, now/d, milliseconds since 1970 or an ISO 8601 time, got '${text.slice(0, 100)}'`,
      { field },
    )
  if (nanos < 0n || nanos > BigInt(epochMillisMax) * nanosPerMilli)
    throw new InvalidInput(
      `${field}: '${text.slice(0, 100)}' is outside of 1970 to 2250 (numbers are milliseconds)`,
      { field },
    )
  return nanos
}

const relativeTime = (
  text: string,
  { nowMillis, isEnd }: { nowMillis: number; isEnd: boolean },
): bigint | undefined => {
  if (!/^now(?:[+-]\d{1,9}[smhdwMy]|\/[smhdwMy])*$/.test(text)) return undefined
  const steps = text.slice('now'.length).match(/[+-]\d+[smhdwMy]|\/[smhdwMy]/g) ?? []
  if (steps.length > stepsMax) return undefined
  let time = new Date(nowMillis)
  for (const step of steps) {
    const unit = step.at(-1) as Unit
    if (step.startsWith('/')) time = isEnd ? endOf(time, unit) : startOf(time, unit)
    else time = moved(time, Number(step.slice(0, -1)), unit)
    if (!Number.isFinite(time.getTime())) return undefined
  }
  return BigInt(time.getTime()) * nanosPerMilli
}

type Unit = 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y'

const millisPerUnit: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

const moved = (time: Date, count: number, unit: Unit): Date => {
  const millis = millisPerUnit[unit]
  if (millis !== undefined) return new Date(time.getTime() + count * millis)
  const months = unit === 'y' ? count * 12 : count
  const first = new Date(time)
  first.setUTCDate(1)
  first.setUTCMonth(first.getUTCMonth() + months)
  // 31 March minus a month is the last of February, not 3 March.
  const daysInMonth = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate()
  first.setUTCDate(Math.min(time.getUTCDate(), daysInMonth))
  return first
}

const startOf = (time: Date, unit: Unit): Date => {
  if (unit === 'y') return new Date(Date.UTC(time.getUTCFullYear(), 0))
  if (unit === 'M') return new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth()))
  // Day 0 of the epoch was a Thursday.
  const offset = unit === 'w' ? 4 * 86_400_000 : 0
  const millis = millisPerUnit[unit] ?? 1
  return new Date(Math.floor((time.getTime() - offset) / millis) * millis + offset)
}

/** Exclusive, so the start of the next unit. */
const endOf = (time: Date, unit: Unit): Date => moved(startOf(time, unit), 1, unit)

const epochTime = (text: string): bigint | undefined =>
  /^\d{1,19}$/.test(text) ? BigInt(text) * nanosPerMilli : undefined

const isoTime = (text: string): bigint | undefined => {
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text)
  if (match === null) return undefined
  const [, date = '', clock = '00:00', fraction = '', zone = 'Z'] = match
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
  const millis = Date.parse(`${date}T${clock}${offset}`)
  // Dates that do not exist (30 February) roll over silently in some forms.
  const isReal = new Date(`${date}T00:00Z`).toJSON()?.startsWith(date) ?? false
  if (!Number.isFinite(millis) || !isReal) return undefined
  return BigInt(millis) * nanosPerMilli + BigInt(fraction.padEnd(9, '0'))
}
