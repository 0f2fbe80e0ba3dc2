import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createFormat } from './format.ts'

const en = createFormat({ locale: 'en', zone: 'utc' })
const ko = createFormat({ locale: 'ko', zone: 'utc' })
const at = Date.UTC(2026, 10, 21, 3, 4, 5, 67)

beforeAll(() => vi.useFakeTimers({ now: at }))
afterAll(() => vi.useRealTimers())

describe('durations', () => {
  test.each([
    [0, '0 ms'],
    [7, '7 ns'],
    [1500, '1.5 µs'],
    [999_400, '999 µs'],
    [999_600, '1 ms'],
    [832_000_000, '832 ms'],
    [1_240_000_000, '1.24 s'],
    [59_940_000_000, '59.9 s'],
    [60_000_000_000, '1m'],
    [252_000_000_000, '4m 12s'],
    [7_262_000_000_000, '2h 1m'],
    [90_000_000_000_000, '1d 1h'],
  ])('%d ns is %s', (nanos, text) => {
    expect(en.duration(nanos)).toBe(text)
  })

  test('long ones are written in the language', () => {
    expect(ko.duration(252_000_000_000)).toBe('4분 12초')
    expect(ko.duration(832_000_000)).toBe('832 ms')
  })

  test('offsets carry their sign', () => {
    expect(en.offset(1_200_000)).toBe('+1.2 ms')
    expect(en.offset(-180_000_000)).toBe('−180 ms')
  })
})

describe('times', () => {
  test('are relative to now', () => {
    expect(en.relative(at - 180_000, at)).toBe('3 min ago')
    expect(ko.relative(at - 180_000, at)).toBe('3분 전')
    expect(en.relative(at - 3 * 3_600_000 - 5, at)).toBe('3 hr ago')
  })

  test('say their zone and milliseconds, in Korean too without prose', () => {
    expect(en.full(at)).toBe('Nov 21, 2026 03:04:05.067 UTC')
    expect(ko.full(at)).toBe('2026년 11월 21일 03:04:05.067 UTC')
  })

  test('midnight is 00, not 24', () => {
    expect(en.time(Date.UTC(2026, 10, 21))).toBe('00:00:00')
  })

  test('another year is named', () => {
    expect(en.dateTime(Date.UTC(2023, 10, 15, 7))).toBe('Nov 15, 2023 07:00:00')
  })

  test('a range of one day names the day once', () => {
    expect(en.range(at, at + 3_600_000)).toBe('Nov 21 03:04:05 – 04:04:05')
    expect(en.range(at, at + 86_400_000)).toBe('Nov 21 03:04:05 – Nov 22 03:04:05')
  })
})

describe('numbers', () => {
  test('a share that is not nothing is never 0 %', () => {
    expect(en.percent(0)).toBe('0%')
    expect(en.percent(0.0004)).toBe('0.04%')
    expect(en.percent(0.000_000_1)).toBe('0.01%')
    expect(en.percent(0.081)).toBe('8.1%')
  })

  test('rates keep three digits', () => {
    expect(en.rate(155.55)).toBe('156')
    expect(en.rate(0.0421)).toBe('0.0421')
    expect(en.rate(0.0001)).toBe('<0.01')
  })
})
