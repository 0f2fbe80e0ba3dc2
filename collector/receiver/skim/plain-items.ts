/**
 * The rules of validate-spans.ts, validate-logs.ts and validate-metrics.ts over what the walk found of an item, without
 * bigint: whether it is kept as it is.
 */
import { attributesMax } from '../rejections.ts'
import type { Skim } from './skim-state.ts'

export const isPlainSpan = (skim: Skim): boolean =>
  isUsableId(skim.bytes, skim.traceIdAt, skim.traceIdLength, 16) &&
  isUsableId(skim.bytes, skim.spanIdAt, skim.spanIdLength, 8) &&
  (skim.parentSpanIdLength === 8 || skim.parentSpanIdLength === 0) &&
  isInWindow(skim, skim.timeAt) &&
  isStorable(skim, skim.otherTimeAt) &&
  skim.attributeCount <= attributesMax

export const isPlainLogRecord = (skim: Skim): boolean => {
  const timeAt = isZero(skim, skim.timeAt) ? skim.otherTimeAt : skim.timeAt
  const isUntimed = isZero(skim, timeAt)
  if (isUntimed) skim.hasUntimedItem = true
  return (
    (isUntimed || isInWindow(skim, timeAt)) &&
    isStorable(skim, skim.otherTimeAt) &&
    skim.attributeCount <= attributesMax &&
    (skim.traceIdLength === 0 || isUsableId(skim.bytes, skim.traceIdAt, skim.traceIdLength, 16)) &&
    (skim.spanIdLength === 0 || isUsableId(skim.bytes, skim.spanIdAt, skim.spanIdLength, 8))
  )
}

export const isPlainPoint = (skim: Skim): boolean =>
  isInWindow(skim, skim.timeAt) && isStorable(skim, skim.otherTimeAt) && skim.attributeCount <= attributesMax

export const isPlainHistogramPoint = (skim: Skim): boolean =>
  (skim.bucketCount === 0 || skim.bucketCount === skim.boundCount + 1) && isPlainPoint(skim)

const isUsableId = (bytes: Uint8Array, at: number, length: number, lengthWanted: number): boolean => {
  if (length !== lengthWanted) return false
  for (let index = at; index < at + length; index++) if (bytes[index] !== 0) return true
  return false
}

/** A time that is not there is 0. */
const isZero = ({ view }: Skim, at: number): boolean =>
  at < 0 || (view.getUint32(at, true) === 0 && view.getUint32(at + 4, true) === 0)

const isInWindow = (skim: Skim, at: number): boolean => {
  const low = at < 0 ? 0 : skim.view.getUint32(at, true)
  const high = at < 0 ? 0 : skim.view.getUint32(at + 4, true)
  return (
    (high > skim.fromHigh || (high === skim.fromHigh && low >= skim.fromLow)) &&
    (high < skim.toHigh || (high === skim.toHigh && low <= skim.toLow))
  )
}

/** At most 2^63 - 1. */
const isStorable = ({ view }: Skim, at: number): boolean => at < 0 || view.getUint8(at + 7) < 0x80
