import { stepsMillis } from '../../charts/time-axis.ts'
import type { ResolvedRange } from '../../time/range.ts'

export const slicesMax = 36
export const tracesPerSlice = 15

/**
 * Cuts the part of a range before `endMillis` into slices that begin at round times. They stay the same while the
 * range moves on with the clock, so a refresh asks anew only for the last of them.
 */
export const cutSlices = (range: ResolvedRange, endMillis: number): ResolvedRange[] => {
  const length = range.toMillis - range.fromMillis
  const step = stepsMillis.find((step) => length / step <= slicesMax) ?? Math.ceil(length / slicesMax)
  const slices: ResolvedRange[] = []
  for (let start = Math.floor(range.fromMillis / step) * step; start < endMillis; start += step)
    slices.push({ fromMillis: start, toMillis: Math.min(start + step, endMillis) })
  return slices
}
