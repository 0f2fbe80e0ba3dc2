/**
 * Grafana's grammar for a point in time: `now`, `now-15m`, `now-1d/d`, epoch milliseconds, or an ISO 8601 date.
 * `/d` rounds down at the start of a range and up at its end.
 */
export type TimeZoneChoice = 'local' | 'utc'

const unitMillis = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
} as const
type Unit = keyof typeof unitMillis | 'M' | 'y'

const relativePattern = /^now((?:[+-]\d{1,6}[smhdwMy]|\/[smhdwMy])*)$/
const stepPattern = /([+-]\d{1,6}|\/)([smhdwMy])/g

export interface ResolveOptions {
  nowMillis: number
  zone: TimeZoneChoice
  /** Which way `/d` rounds. */
  rounding: 'down' | 'up'
}

/** Milliseconds since 1970, or undefined if the expression is not in the grammar. */
export const resolveTime = (expression: string, options: ResolveOptions): number | undefined => {
  const text = expression.trim()
  const relative = relativePattern.exec(text)
  if (relative) return applySteps(relative[1] ?? '', options)
  if (/^-?\d{1,16}$/.test(text)) return withinDateRange(Number(text))
  return parseDate(text, options.zone)
}

export const isRelative = (expression: string): boolean => relativePattern.test(expression.trim())

/** Length of a range such as `now-15m`..`now` in milliseconds if it is the plain "last N"; otherwise undefined. */
export const lastDuration = (from: string, to: string): { count: number; unit: Unit } | undefined => {
  const match = /^now-(\d{1,6})([smhdwMy])$/.exec(from.trim())
  if (!match || to.trim() !== 'now') return undefined
  return { count: Number(match[1]), unit: match[2] as Unit }
}

/** `YYYY-MM-DD HH:mm:ss` in the chosen zone, the form that the absolute fields show and accept. */
export const writeDate = (millis: number, zone: TimeZoneChoice): string => {
  const date = new Date(zone === 'utc' ? millis : millis - new Date(millis).getTimezoneOffset() * 60_000)
  return date.toISOString().slice(0, 19).replace('T', ' ')
}

const applySteps = (steps: string, { nowMillis, zone, rounding }: ResolveOptions): number | undefined => {
  let millis = nowMillis
  for (const [, operation, unit] of steps.matchAll(stepPattern))
    millis =
      operation === '/'
        ? round(millis, unit as Unit, zone, rounding)
        : shift(millis, Number(operation), unit as Unit, zone)
  return withinDateRange(millis)
}

const shift = (millis: number, count: number, unit: Unit, zone: TimeZoneChoice): number => {
  if (unit !== 'M' && unit !== 'y') return millis + count * unitMillis[unit]
  const fields = calendarFields(millis, zone)
  return fromCalendar(
    {
      ...fields,
      year: fields.year + (unit === 'y' ? count : 0),
      month: fields.month + (unit === 'M' ? count : 0),
    },
    zone,
  )
}

const round = (millis: number, unit: Unit, zone: TimeZoneChoice, rounding: 'down' | 'up'): number => {
  const start = startOf(millis, unit, zone)
  return rounding === 'down' ? start : startOf(nextAfter(start, unit, zone), unit, zone) - 1
}

/** Somewhere inside the unit that follows the one starting at `start`, whatever daylight saving does. */
const nextAfter = (start: number, unit: Unit, zone: TimeZoneChoice): number => {
  if (unit === 'M' || unit === 'y') return shift(start, 1, unit, zone)
  const slackMillis = unit === 'd' || unit === 'w' ? 6 * unitMillis.h : 0
  return start + unitMillis[unit] + slackMillis
}

const startOf = (millis: number, unit: Unit, zone: TimeZoneChoice): number => {
  if (unit === 's' || unit === 'm') return Math.floor(millis / unitMillis[unit]) * unitMillis[unit]
  const fields = { ...calendarFields(millis, zone), minute: 0, second: 0, milli: 0 }
  if (unit === 'h') return fromCalendar(fields, zone)
  if (unit === 'w') {
    const mondayOffset = (new Date(Date.UTC(fields.year, fields.month, fields.day)).getUTCDay() + 6) % 7
    return fromCalendar({ ...fields, hour: 0, day: fields.day - mondayOffset }, zone)
  }
  if (unit === 'd') return fromCalendar({ ...fields, hour: 0 }, zone)
  if (unit === 'M') return fromCalendar({ ...fields, hour: 0, day: 1 }, zone)
  return fromCalendar({ ...fields, hour: 0, day: 1, month: 0 }, zone)
}

interface CalendarFields {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
  milli: number
}

const calendarFields = (millis: number, zone: TimeZoneChoice): CalendarFields => {
  const date = new Date(millis)
  const shifted = zone === 'utc' ? date : new Date(millis - date.getTimezoneOffset() * 60_000)
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth(),
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    second: shifted.getUTCSeconds(),
    milli: shifted.getUTCMilliseconds(),
  }
}

const fromCalendar = (f: CalendarFields, zone: TimeZoneChoice): number =>
  zone === 'utc'
    ? Date.UTC(f.year, f.month, f.day, f.hour, f.minute, f.second, f.milli)
    : new Date(f.year, f.month, f.day, f.hour, f.minute, f.second, f.milli).getTime()

const datePattern =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?(Z|[+-]\d{2}:?\d{2})?$/

const parseDate = (text: string, zone: TimeZoneChoice): number | undefined => {
  const match = datePattern.exec(text)
  if (!match) return undefined
  const part = (index: number): number => Number(match[index] ?? 0)
  const fields = {
    year: part(1),
    month: part(2) - 1,
    day: part(3),
    hour: part(4),
    minute: part(5),
    second: part(6),
    milli: Math.floor(Number(`0.${match[7] ?? 0}`) * 1000),
  }
  if (fields.month > 11 || fields.day > 31 || fields.day < 1 || fields.hour > 23) return undefined
  if (fields.minute > 59 || fields.second > 59) return undefined
  const offset = match[8]
  if (!offset) return withinDateRange(fromCalendar(fields, zone))
  return withinDateRange(fromCalendar(fields, 'utc') - offsetMillis(offset))
}

const offsetMillis = (offset: string): number => {
  if (offset === 'Z') return 0
  const digits = offset.slice(1).replace(':', '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return (offset.startsWith('-') ? -minutes : minutes) * 60_000
}

const dateMillisMax = Date.UTC(2261, 0)
const withinDateRange = (millis: number): number | undefined =>
  Number.isFinite(millis) && millis >= 0 && millis < dateMillisMax ? millis : undefined
