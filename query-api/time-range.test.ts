import { describe, expect, it } from 'vitest'
import { InvalidInput } from '#runtime/errors.ts'
import { parseDurationNanos } from './duration.ts'
import { parseTimeRange } from './time-range.ts'

// A Friday.
const now = Date.parse('2026-11-20T12:34:56.789Z')
const range = (from?: string, to?: string): [from: string, to: string] => {
  const { fromNanos, toNanos } = parseTimeRange({ from, to }, now)
  return [textOf(fromNanos), textOf(toNanos)]
}
const textOf = (nanos: bigint): string => new Date(Number(nanos / 1_000_000n)).toISOString()

const fieldOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (error) {
    if (error instanceof InvalidInput) return error.field
    throw error
  }
  throw new Error('it was taken')
}

describe('a time range', () => {
  it.each([
    [undefined, undefined, '2026-11-20T11:34:56.789Z', '2026-11-20T12:34:56.789Z'],
    ['now-15m', 'now', '2026-11-20T12:19:56.789Z', '2026-11-20T12:34:56.789Z'],
    ['now/d', 'now/d', '2026-11-20T00:00:00.000Z', '2026-11-21T00:00:00.000Z'],
    ['now-1d/d', 'now-1d/d', '2026-11-19T00:00:00.000Z', '2026-11-20T00:00:00.000Z'],
    ['now/w', 'now/w', '2026-11-16T00:00:00.000Z', '2026-11-23T00:00:00.000Z'],
    ['now/M', 'now', '2026-11-01T00:00:00.000Z', '2026-11-20T12:34:56.789Z'],
    ['now/y', 'now+1h', '2026-01-01T00:00:00.000Z', '2026-11-20T13:34:56.789Z'],
    ['now-1M/M', 'now-1M/M', '2026-10-01T00:00:00.000Z', '2026-11-01T00:00:00.000Z'],
    ['now-1y', 'now-1d/d+8h', '2025-11-20T12:34:56.789Z', '2026-11-20T08:00:00.000Z'],
    ['1760000000000', '1760000000001', '2025-10-09T08:53:20.000Z', '2025-10-09T08:53:20.001Z'],
    ['2026-11-20', '2026-11-20T10:00Z', '2026-11-20T00:00:00.000Z', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20T09:00:00+09:00', '2026-11-20 10:00', '2026-11-20T00:00:00.000Z', '2026-11-20T10:00:00.000Z'],
  ])('from %s to %s', (from, to, expectedFrom, expectedTo) => {
    expect(range(from, to)).toEqual([expectedFrom, expectedTo])
  })

  it('keeps the nanoseconds of an ISO time', () => {
    expect(parseTimeRange({ from: '2026-11-20T00:00:00.123456789Z' }, now).fromNanos % 1_000_000_000n).toBe(
      123_456_789n,
    )
  })

  it('takes a month from a day that the month before has not', () => {
    const march = Date.parse('2026-03-31T00:00:00Z')
    expect(textOf(parseTimeRange({ from: 'now-1M', to: 'now' }, march).fromNanos)).toBe(
      '2026-02-28T00:00:00.000Z',
    )
  })

  it.each([
    ['yesterday', 'now', 'from'],
    ['now', 'now-1h', 'from'],
    ['now', 'now', 'from'],
    ['now-401d', 'now', 'from'],
    ['now-1h', 'now-', 'to'],
    ['now-1h', 'now/q', 'to'],
    ['now-1h', '2026-02-30', 'to'],
    ['now-1h', '2026-11-20T25:00Z', 'to'],
    ['1760000000000000000', 'now', 'from'],
    ['-5', 'now', 'from'],
    ['', 'now', 'from'],
    ['now-999999999y', 'now', 'from'],
    [`now${'-1s'.repeat(9)}`, 'now', 'from'],
    ['now-1h', 'now+999999999y', 'to'],
  ])('from %j to %j is refused, naming %s', (from, to, field) => {
    expect(fieldOf(() => range(from, to))).toBe(field)
  })
})

describe('a duration', () => {
  it.each([
    ['250ms', 250_000_000n],
    ['1.5s', 1_500_000_000n],
    ['2us', 2000n],
    ['2µs', 2000n],
    ['7ns', 7n],
    ['1m30s', 90_000_000_000n],
    ['1h', 3_600_000_000_000n],
    ['0s', 0n],
  ])('%s', (text, nanos) => {
    expect(parseDurationNanos('minDuration', text)).toBe(nanos)
  })

  it.each(['', '5', 'ms', '-1s', '1 s', '1d', '1s;', 'Infinitys', '9999999h'])('%j is refused', (text) => {
    expect(fieldOf(() => parseDurationNanos('minDuration', text))).toBe('minDuration')
  })
})
