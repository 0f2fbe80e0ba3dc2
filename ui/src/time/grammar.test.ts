import { describe, expect, test } from 'vitest'
import { readFreeText } from './free-text.ts'
import { lastDuration, resolveTime, writeDate } from './grammar.ts'
import { absoluteRange, resolveRange, shiftRange, zoomIn, zoomOut } from './range.ts'

const nowMillis = Date.UTC(2026, 10, 21, 3, 25, 40, 500)
const utc = { nowMillis, zone: 'utc' } as const
const resolve = (text: string, rounding: 'down' | 'up' = 'down') => resolveTime(text, { ...utc, rounding })

describe('a point in time', () => {
  test('counts back from now', () => {
    expect(resolve('now')).toBe(nowMillis)
    expect(resolve('now-15m')).toBe(nowMillis - 900_000)
    expect(resolve('now-1w+2h')).toBe(nowMillis - 604_800_000 + 7_200_000)
  })

  test('rounds down at the start of a range and up at its end', () => {
    expect(resolve('now/d')).toBe(Date.UTC(2026, 10, 21))
    expect(resolve('now/d', 'up')).toBe(Date.UTC(2026, 10, 22) - 1)
    expect(resolve('now-1d/d')).toBe(Date.UTC(2026, 10, 20))
    expect(resolve('now/h', 'up')).toBe(Date.UTC(2026, 10, 21, 4) - 1)
    expect(resolve('now/M')).toBe(Date.UTC(2026, 10, 1))
    expect(resolve('now/w')).toBe(Date.UTC(2026, 10, 16))
    expect(resolve('now/y', 'up')).toBe(Date.UTC(2027, 0, 1) - 1)
  })

  test('moves by months as the calendar does', () => {
    expect(resolve('now-1M')).toBe(Date.UTC(2026, 9, 21, 3, 25, 40, 500))
  })

  test('is also a number of milliseconds or an ISO date', () => {
    expect(resolve('1700000000000')).toBe(1_700_000_000_000)
    expect(resolve('2026-11-21')).toBe(Date.UTC(2026, 10, 21))
    expect(resolve('2026-11-21 03:00')).toBe(Date.UTC(2026, 10, 21, 3))
    expect(resolve('2026-11-21T03:00:05.250+09:00')).toBe(Date.UTC(2026, 10, 20, 18, 0, 5, 250))
  })

  test.each([
    '',
    'yesterday',
    'now-',
    'now-5',
    'now-5x',
    '2026-13-01',
    '2026-11-21 25:00',
    '99999999999999999',
    'now/dd',
  ])('is not %j', (text) => {
    expect(resolve(text)).toBeUndefined()
  })

  test('reads back the date that the fields show', () => {
    expect(resolve(writeDate(nowMillis, 'utc'))).toBe(nowMillis - 500)
    const local = { nowMillis, zone: 'local', rounding: 'down' } as const
    expect(resolveTime(writeDate(nowMillis, 'local'), local)).toBe(nowMillis - 500)
  })
})

describe('a range', () => {
  test('is nothing when it is empty, reversed or too long', () => {
    expect(resolveRange({ from: 'now', to: 'now' }, utc)).toBeUndefined()
    expect(resolveRange({ from: 'now', to: 'now-1h' }, utc)).toBeUndefined()
    expect(resolveRange({ from: 'now-2y', to: 'now' }, utc)).toBeUndefined()
  })

  test('that is "last N" stays relative when it is zoomed', () => {
    const text = { from: 'now-1h', to: 'now' }
    const range = resolveRange(text, utc)!
    expect(zoomOut(text, range, nowMillis)).toEqual({ from: 'now-2h', to: 'now' })
    expect(zoomIn(text, range)).toEqual({ from: 'now-30m', to: 'now' })
  })

  test('that is absolute doubles around its middle, but not past now', () => {
    const early = { fromMillis: nowMillis - 10_000_000, toMillis: nowMillis - 9_000_000 }
    expect(zoomOut(absoluteRange(early), early, nowMillis)).toEqual({
      from: String(nowMillis - 10_500_000),
      to: String(nowMillis - 8_500_000),
    })
    const late = { fromMillis: nowMillis - 1_000_000, toMillis: nowMillis }
    expect(zoomOut(absoluteRange(late), late, nowMillis)).toEqual({
      from: String(nowMillis - 2_000_000),
      to: String(nowMillis),
    })
  })

  test('shifts by half of itself', () => {
    const range = { fromMillis: nowMillis - 4000, toMillis: nowMillis - 2000 }
    expect(shiftRange(range, 'back', nowMillis).to).toBe(String(nowMillis - 3000))
    expect(shiftRange(range, 'forward', nowMillis).to).toBe(String(nowMillis - 1000))
    expect(shiftRange({ ...range, toMillis: nowMillis }, 'forward', nowMillis).to).toBe(String(nowMillis))
  })

  test('is known as "last N" only in its plain form', () => {
    expect(lastDuration('now-15m', 'now')).toEqual({ count: 15, unit: 'm' })
    expect(lastDuration('now-15m', 'now-5m')).toBeUndefined()
    expect(lastDuration('now-1d/d', 'now')).toBeUndefined()
  })
})

describe('typed text', () => {
  test.each([
    ['13h', { from: 'now-13h', to: 'now' }],
    ['last 3 hours', { from: 'now-3h', to: 'now' }],
    ['30 min', { from: 'now-30m', to: 'now' }],
    ['30분', { from: 'now-30m', to: 'now' }],
    ['최근 2시간', { from: 'now-2h', to: 'now' }],
    ['now-2d to now-1d', { from: 'now-2d', to: 'now-1d' }],
    ['now-1d/d', { from: 'now-1d/d', to: 'now' }],
    [
      '2026-11-21 01:00 – 2026-11-21 02:00',
      { from: String(Date.UTC(2026, 10, 21, 1)), to: String(Date.UTC(2026, 10, 21, 2)) },
    ],
    ['2026-11-21 03:00', { from: String(Date.UTC(2026, 10, 21, 3)), to: 'now' }],
  ])('%j is a range', (input, range) => {
    expect(readFreeText(input, utc)).toEqual(range)
  })

  test.each(['', 'soon', '0h', '5 parsecs', '2030-01-01', 'now to now-1h'])('%j is not', (input) => {
    expect(readFreeText(input, utc)).toBeUndefined()
  })
})
