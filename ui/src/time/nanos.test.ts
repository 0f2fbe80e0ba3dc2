import { expect, test } from 'vitest'
import { compareTimes, millisOf, nanosBetween } from './nanos.ts'

test('times keep their nanoseconds', () => {
  expect(nanosBetween('1760000000000000001', '1760000000000000004')).toBe(3)
  expect(millisOf('1760000000123456789')).toBe(1_760_000_000_123.456)
})

test('decimal strings are ordered by value', () => {
  expect(['1000', '999', '1001'].toSorted(compareTimes)).toEqual(['999', '1000', '1001'])
})
