import { expect, test } from 'vitest'
import { cutSlices, slicesMax } from './slices.ts'

const start = Date.UTC(2026, 10, 21, 3, 0, 17)

test('slices begin at round times and stay the same while the range moves', () => {
  const range = { fromMillis: start, toMillis: start + 3_600_000 }
  const slices = cutSlices(range, range.toMillis - 60_000)
  expect(slices.every(({ fromMillis }) => fromMillis % 120_000 === 0)).toBe(true)
  const later = cutSlices(
    { fromMillis: start + 10_000, toMillis: range.toMillis + 10_000 },
    range.toMillis - 50_000,
  )
  expect(later.slice(0, -1)).toEqual(slices.slice(0, -1))
  expect(slices.at(-1)?.toMillis).toBe(range.toMillis - 60_000)
})

test('slices cover everything before the end, and are few', () => {
  for (const length of [10, 61_000, 3_600_000, 7 * 86_400_000, 399 * 86_400_000]) {
    const slices = cutSlices({ fromMillis: start, toMillis: start + length }, start + length)
    expect(slices[0]?.fromMillis).toBeLessThanOrEqual(start)
    expect(slices.at(-1)?.toMillis).toBe(start + length)
    expect(slices.length).toBeLessThanOrEqual(slicesMax + 1)
  }
})
