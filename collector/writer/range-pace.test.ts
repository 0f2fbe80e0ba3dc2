import { describe, expect, it } from 'vitest'
import { createRangePace } from './range-pace.ts'

const after = (...durations: number[]): number => {
  const pace = createRangePace({ gatherMillisMax: 500, visibleMillisTarget: 750 })
  for (const duration of durations) pace.wrote(duration)
  return pace.gatherMillis()
}

describe('the pace of ranges', () => {
  it('gathers for as long as it may while ranges are written quickly', () => {
    expect(after()).toBe(500)
    expect(after(50)).toBe(500)
  })

  it('gathers and writes within the time in which a record is to be seen', () => {
    for (const duration of [300, 400, 600]) expect(after(duration) + duration).toBe(750)
  })

  it('does not wait at all when writing alone takes longer', () => {
    expect(after(2000)).toBe(0)
  })

  it('expects another slow range for a while', () => {
    expect(after(2000, 50)).toBe(0)
    expect(after(2000, ...Array.from({ length: 20 }, () => 50))).toBeGreaterThan(450)
  })
})
