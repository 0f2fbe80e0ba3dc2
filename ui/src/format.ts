import type { TimeZoneChoice } from './time/grammar.ts'

export type Locale = 'en' | 'ko'
export type Format = ReturnType<typeof createFormat>

/** Everything that turns a number or a time into text; made anew when the language or the zone changes. */
export const createFormat = ({ locale, zone }: { locale: Locale; zone: TimeZoneChoice }) => {
  const timeZone = zone === 'utc' ? 'UTC' : Intl.DateTimeFormat().resolvedOptions().timeZone
  const dateTime = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
    new Intl.DateTimeFormat(locale, { timeZone, hourCycle: 'h23', ...options })

  const integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
  const threeDigits = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 })
  const compactNumber = new Intl.NumberFormat(locale, { notation: 'compact', maximumSignificantDigits: 3 })
  const percentNumber = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 1 })
  const smallPercent = new Intl.NumberFormat(locale, { style: 'percent', maximumSignificantDigits: 1 })
  const time = dateTime({ hour: '2-digit', minute: '2-digit', second: '2-digit' })
  // With fractions of a second some languages fall into prose (15시 27분 38.710초), which no log or tool shows.
  const timeMillis = (millis: number): string =>
    `${time.format(millis)}.${String(Math.floor(((millis % 1000) + 1000) % 1000)).padStart(3, '0')}`
  // The year is said only where it is not this one.
  const dayOf = (millis: number): string =>
    (new Date(millis).getFullYear() === new Date().getFullYear() ? day : fullDay).format(millis)
  const dateWithTime = (millis: number): string => `${dayOf(millis)} ${time.format(millis)}`
  const zoneOffset = (millis: number): string =>
    (offset.formatToParts(millis).find((part) => part.type === 'timeZoneName')?.value ?? 'UTC').replace(
      /^GMT(?:\+0$)?/,
      'UTC',
    )
  const minute = dateTime({ hour: '2-digit', minute: '2-digit' })
  const day = dateTime({ month: 'short', day: 'numeric' })
  const fullDay = dateTime({ year: 'numeric', month: 'short', day: 'numeric' })
  const offset = dateTime({ timeZoneName: 'shortOffset' })
  const relativeTime = new Intl.RelativeTimeFormat(locale, { style: 'short', numeric: 'always' })
  const calendarUnit = (unit: 'day' | 'hour' | 'minute' | 'second', value: number): string =>
    new Intl.NumberFormat(locale, {
      style: 'unit',
      unit,
      unitDisplay: locale === 'ko' ? 'short' : 'narrow',
    }).format(value)

  /** 1.24 s, 832 ms, 4m 12s: three significant digits below a minute, two units above. */
  const duration = (nanos: number): string => {
    const size = Math.abs(nanos)
    if (size < 1) return `0 ms`
    if (size < 999.5) return `${threeDigits.format(nanos)} ns`
    if (size < 999.5e3) return `${threeDigits.format(nanos / 1e3)} µs`
    if (size < 999.5e6) return `${threeDigits.format(nanos / 1e6)} ms`
    if (size < 59.95e9) return `${threeDigits.format(nanos / 1e9)} s`
    return longDuration(Math.round(nanos / 1e9))
  }

  const longDuration = (seconds: number): string => {
    const parts = [
      ['day', Math.floor(seconds / 86_400)],
      ['hour', Math.floor((seconds % 86_400) / 3600)],
      ['minute', Math.floor((seconds % 3600) / 60)],
      ['second', seconds % 60],
    ] as const
    const first = parts.findIndex(([, value]) => value > 0)
    return parts
      .slice(Math.max(first, 0), Math.max(first, 0) + 2)
      .filter(([, value], index) => value > 0 || index === 0)
      .map(([unit, value]) => calendarUnit(unit, value))
      .join(' ')
  }

  /** "3 min ago"; under five seconds it is "0 sec ago", which reads as now. */
  const relative = (millis: number, nowMillis: number): string => {
    const seconds = Math.round((millis - nowMillis) / 1000)
    const [unit, size] =
      relativeUnits.find(([, size]) => Math.abs(seconds) >= size) ?? (['second', 1] as const)
    // English abbreviates with a full stop, which is noise in a table.
    return relativeTime.format(Math.trunc(seconds / size), unit).replace('.', '')
  }

  return {
    locale,
    zone,
    timeZone,
    integer: (value: number): string => integer.format(value),
    number: (value: number): string => threeDigits.format(value),
    compact: (value: number): string =>
      Math.abs(value) < 10_000 ? integer.format(value) : compactNumber.format(value),
    /** A share between 0 and 1; what is not quite nothing is never shown as 0 %. */
    percent: (share: number): string =>
      share > 0 && share < 0.001 ? smallPercent.format(Math.max(share, 0.0001)) : percentNumber.format(share),
    /** Per second: 0.04, 3.2, 128. */
    rate: (perSecond: number): string =>
      perSecond > 0 && perSecond < 0.01
        ? `<${threeDigits.format(0.01)}`
        : threeDigits.format(Number(perSecond.toPrecision(3))),
    duration,
    /** A time relative to another: +1.2 s, −180 ms. */
    offset: (nanos: number): string => `${nanos < 0 ? '−' : '+'}${duration(Math.abs(nanos))}`,
    relative,
    time: (millis: number): string => time.format(millis),
    timeMillis,
    dateTime: dateWithTime,
    /** Date, time to the millisecond, and zone. */
    full: (millis: number): string => `${fullDay.format(millis)} ${timeMillis(millis)} ${zoneOffset(millis)}`,
    unit: calendarUnit,
    /** "UTC+9" of the chosen zone at that instant. */
    zoneOffset,
    /** The label of an axis tick: only as much of the date as the distance between ticks needs. */
    tick: (millis: number, stepMillis: number): string => {
      if (stepMillis >= 86_400_000) return day.format(millis)
      if (stepMillis >= 60_000)
        return isMidnight(minute.format(millis)) ? day.format(millis) : minute.format(millis)
      return stepMillis >= 1000 ? time.format(millis) : timeMillis(millis)
    },
    /** Nov 21, 03:00:00 – 04:00:00: the second date is left out when it is the same day. */
    range: (fromMillis: number, toMillis: number): string =>
      day.format(fromMillis) === day.format(toMillis)
        ? `${dateWithTime(fromMillis)} – ${time.format(toMillis)}`
        : `${dateWithTime(fromMillis)} – ${dateWithTime(toMillis)}`,
  }
}

const relativeUnits = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

const isMidnight = (hourAndMinute: string): boolean => /^(00|24):00$/.test(hourAndMinute)
