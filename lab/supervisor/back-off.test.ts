import { expect, test } from 'vitest'
import { backOffMillis } from './back-off.ts'

test('the wait doubles with every restart and stops growing', () => {
  expect([0, 1, 2, 3, 4, 50].map(backOffMillis)).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000])
})
