import { resolveTime, type TimeZoneChoice } from './grammar.ts'
import { absoluteRange, resolveRange, type RangeText } from './range.ts'

const unitWords: Record<string, string> = {
  s: 's', sec: 's', second: 's', 초: 's',
  m: 'm', min: 'm', minute: 'm', 분: 'm',
  h: 'h', hr: 'h', hour: 'h', 시간: 'h',
  d: 'd', day: 'd', 일: 'd',
  w: 'w', week: 'w', 주: 'w',
} // prettier-ignore

/**
 * What a person types into the time picker: "13h", "last 3 hours", "30분", "now-2d to now-1d",
 * "2026-11-21 03:00 – 2026-11-21 04:00", or one date, which means from then until now.
 * Undefined if it is none of these.
 */
export const readFreeText = (
  input: string,
  context: { nowMillis: number; zone: TimeZoneChoice },
): RangeText | undefined => {
  const text = input.trim()
  return readLast(text) ?? readPair(text, context) ?? readSince(text, context)
}

const readLast = (text: string): RangeText | undefined => {
  const match = /^(?:last\s+|최근\s*)?(\d{1,6})\s*([a-z]+|[가-힣]+)$/i.exec(text)
  if (!match) return undefined
  const word = (match[2] ?? '').toLowerCase()
  const unit = unitWords[word] ?? unitWords[word.replace(/s$/, '')]
  return unit && Number(match[1]) > 0 ? { from: `now-${Number(match[1])}${unit}`, to: 'now' } : undefined
}

const readPair = (
  text: string,
  context: { nowMillis: number; zone: TimeZoneChoice },
): RangeText | undefined => {
  const [from, to, ...rest] = text.split(/\s+(?:to|until|-|–|~)\s+|\s*[–~]\s*/)
  if (from === undefined || to === undefined || rest.length > 0) return undefined
  return settle({ from, to }, context)
}

const readSince = (
  text: string,
  context: { nowMillis: number; zone: TimeZoneChoice },
): RangeText | undefined => (text === '' ? undefined : settle({ from: text, to: 'now' }, context))

/** Dates become epoch milliseconds, so that a shared link means the same instant in every zone. */
const settle = (
  text: RangeText,
  context: { nowMillis: number; zone: TimeZoneChoice },
): RangeText | undefined => {
  const range = resolveRange(text, context)
  if (!range) return undefined
  const keep = (end: string, millis: number): string =>
    end.trim().startsWith('now') ? end.trim() : String(millis)
  if (resolveTime(text.from, { ...context, rounding: 'down' }) === undefined) return undefined
  const absolute = absoluteRange(range)
  return { from: keep(text.from, Number(absolute.from)), to: keep(text.to, Number(absolute.to)) }
}
