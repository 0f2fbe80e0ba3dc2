import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { samplingThreshold, spansPerSample } from './sampling.ts'

/** How many spans one with this trace state stands for. */
const weightOf = (traceState: string): number => spansPerSample(samplingThreshold(traceState))

describe('a sampled span', () => {
  it.each([
    ['ot=th:0', 1],
    ['ot=th:8', 2],
    ['ot=th:c', 4],
    ['ot=th:e', 8],
    ['ot=th:fd70a4', 100],
    ['ot=th:e666', 10],
    ['ot=th:c00000000000000', 1],
    ['ot=th:ffffffffffffff', 2 ** 56],
  ])('with %s stands for %d spans', (traceState, count) => {
    // Senders round thresholds to some digits.
    expect(weightOf(traceState) / count).toBeCloseTo(1, 3)
  })

  it.each([
    'ot=rv:abcdefabcdefab;th:8',
    'ot=th:8;rv:abcdefabcdefab;x-y:1',
    'vendor=th:c, ot=th:8 ,other=1',
    'vendor=a=b,ot=p:8;th:80',
  ])('is known among what else a trace state says: %s', (traceState) => {
    expect(weightOf(traceState)).toBe(2)
  })

  it.each([
    '',
    'ot=',
    'ot=rv:abcdefabcdefab',
    'ot=th:',
    'ot=th:8g',
    'ot=th:8000000000000001',
    'ot=th:-8',
    'ot=th:C',
    'ot=xth:8',
    'vendor=th:8',
    'xot=th:8',
    'OT=th:8',
    ',=;:,',
  ])('stands for itself where the trace state does not say more: %j', (traceState) => {
    expect(samplingThreshold(traceState)).toBe(0n)
    expect(weightOf(traceState)).toBe(1)
  })

  it('stands for as many spans as its share of them says, whatever digits it is written with', () => {
    // Closer to a share of nothing, the difference of doubles has few digits left.
    const threshold = fc.bigInt({ min: 0n, max: 2n ** 56n - 2n ** 37n })
    fc.assert(
      fc.property(threshold, (value) => {
        const digits = value.toString(16).padStart(14, '0').replace(/0+$/, '') || '0'
        expect(samplingThreshold(`ot=th:${digits}`)).toBe(value)
        const keptShare = 1 - Number(value) / 2 ** 56
        expect(spansPerSample(value) * keptShare).toBeCloseTo(1, 6)
        expect(spansPerSample(value)).toBeGreaterThanOrEqual(1)
      }),
    )
  })

  it('reads any text without failing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(weightOf(`${text},ot=th:8;${text}`)).toBeGreaterThanOrEqual(1)
      }),
    )
  })
})
