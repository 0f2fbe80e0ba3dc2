/**
 * One pass over the wire that makes nothing: no object per message, no copy, no bigint. It is as strict as the decoder.
 * What is rare on the wire (groups, varints of several bytes where one is usual, fields of high numbers) is the wire
 * reader's, which throws what the decoder would.
 */
import { messageDepthMax } from '#telemetry/otlp/protobuf.ts'
import { readLength, readTag, readVarint, skipField } from '#telemetry/otlp/wire-reader.ts'
import { attributesMax } from '../rejections.ts'
import { leaveToDecoder } from './left-to-decoder.ts'
import { acts, keyValuePlan, type Plan } from './plan.ts'
import { isPlainHistogramPoint, isPlainLogRecord, isPlainPoint, isPlainSpan } from './plain-items.ts'
import type { Skim } from './skim-state.ts'

/** A byte on the wire becomes at most this many characters: a control character is written \u0000, and again in base64. */
const charactersPerByteMax = 8

/**
 * The whole request, or whole fields of it one after another.
 *
 * @throws LeftToDecoder or OtlpDecodeError unless it is plain; what attributes would take as copies is the caller's to check
 */
export const walkRequest = (skim: Skim, plan: Plan, start: number, end: number): void =>
  walkMessage(skim, plan, start, end, 1)

/** Where the field that begins here ends. */
export const endOfField = (skim: Skim, start: number): number => {
  skim.position = start
  skipField(skim, readTag(skim), skim.bytes.length, messageDepthMax - 1)
  return skim.position
}

const walkMessage = (skim: Skim, plan: Plan, start: number, end: number, depth: number): void => {
  const { bytes } = skim
  const actByTag = plan.acts
  let at = start
  if (depth > messageDepthMax) leaveToDecoder()
  if (--skim.messagesLeft < 0) leaveToDecoder()
  while (at < end) {
    let tag = bytes[at++]!
    if (tag >= 0x80) {
      skim.position = at - 1
      tag = readTag(skim)
      at = skim.position
    }
    const act = tag < actByTag.length ? actByTag[tag]! : acts.skip
    if (act >= acts.bytes) {
      if (at >= end) leaveToDecoder()
      let length = bytes[at++]!
      if (length >= 0x80) {
        skim.position = at - 1
        length = readLength(skim, end)
        at = skim.position
      }
      const next = at + length
      if (next > end) leaveToDecoder()
      if (act === acts.attribute) {
        skim.attributeCount++
        walkKeyValue(skim, at, next, depth + 1)
      } else if (act === acts.keyValue) walkKeyValue(skim, at, next, depth + 1)
      else if (act !== acts.bytes) walkLengthDelimited(skim, act, tag, plan, at, next, depth)
      at = next
    } else {
      switch (act) {
        case acts.varint:
          if (at < end && bytes[at]! < 0x80) at++
          else at = endOfVarint(skim, at)
          break
        case acts.fixed32:
          at += 4
          break
        case acts.fixed64:
          at += 8
          break
        case acts.time:
          skim.timeAt = at
          at += 8
          break
        case acts.otherTime:
          skim.otherTimeAt = at
          at += 8
          break
        case acts.bucket:
          skim.bucketCount++
          at += 8
          break
        case acts.bound:
          skim.boundCount++
          at += 8
          break
        case acts.skip:
          skim.position = at
          skipField(skim, tag, end, messageDepthMax - depth)
          at = skim.position
          break
        default:
          leaveToDecoder()
      }
    }
  }
  // Whatever reaches beyond its message ends up here.
  if (at !== end) leaveToDecoder()
}

const endOfVarint = (skim: Skim, at: number): number => {
  skim.position = at
  readVarint(skim)
  return skim.position
}

const walkLengthDelimited = (
  skim: Skim,
  act: number,
  tag: number,
  plan: Plan,
  start: number,
  end: number,
  depth: number,
): void => {
  const length = end - start
  switch (act) {
    case acts.traceId:
      skim.traceIdAt = start
      skim.traceIdLength = length
      return
    case acts.spanId:
      skim.spanIdAt = start
      skim.spanIdLength = length
      return
    case acts.parentSpanId:
      skim.parentSpanIdLength = length
      return
    case acts.resourceAttribute:
      skim.resourceAttributeCount++
      return walkKeyValue(skim, start, end, depth + 1)
    case acts.sharedAttribute:
      skim.scopeAttributeCount++
      skim.sharedBytes += length * charactersPerByteMax
      return walkKeyValue(skim, start, end, depth + 1)
    case acts.metadata:
      skim.metadataCount++
      skim.metadataBytes += length * charactersPerByteMax
      return walkKeyValue(skim, start, end, depth + 1)
    case acts.packedVarints: {
      let at = start
      while (at < end) at = endOfVarint(skim, at)
      if (at !== end) leaveToDecoder()
      return
    }
    case acts.packedFixed32:
      if (length % 4 !== 0) leaveToDecoder()
      return
    case acts.packedFixed64:
      return void wordsIn(length)
    case acts.packedBuckets:
      skim.bucketCount += wordsIn(length)
      return
    case acts.packedBounds:
      skim.boundCount += wordsIn(length)
      return
    default:
      walkWatched(skim, act, tag, plan.nested[tag >>> 3]!, start, end, depth + 1)
  }
}

const wordsIn = (length: number): number => (length % 8 === 0 ? length / 8 : leaveToDecoder())

const walkWatched = (
  skim: Skim,
  act: number,
  tag: number,
  plan: Plan,
  start: number,
  end: number,
  depth: number,
): void => {
  switch (act) {
    case acts.resource: {
      const itemsBefore = skim.items
      skim.resourceAttributeCount = 0
      walkMessage(skim, plan, start, end, depth)
      if (skim.resourceAttributeCount > attributesMax && skim.items > itemsBefore) leaveToDecoder()
      return
    }
    case acts.scope:
      skim.scopeItems = 0
      skim.scopeAttributeCount = 0
      skim.sharedBytes = 0
      walkMessage(skim, plan, start, end, depth)
      if (skim.scopeAttributeCount > attributesMax && skim.scopeItems > 0) leaveToDecoder()
      skim.items += skim.scopeItems
      skim.copiedBytesBound += skim.scopeItems * skim.sharedBytes
      return
    case acts.metric:
      skim.metadataCount = 0
      skim.metadataBytes = 0
      skim.kindTag = 0
      skim.kindPoints = 0
      skim.isKindPlain = true
      walkMessage(skim, plan, start, end, depth)
      if (!skim.isKindPlain || (skim.metadataCount > attributesMax && skim.kindPoints > 0)) leaveToDecoder()
      skim.scopeItems += skim.kindPoints
      skim.copiedBytesBound += skim.kindPoints * skim.metadataBytes
      return
    case acts.metricKind:
      if (tag !== skim.kindTag) {
        skim.kindTag = tag
        skim.kindPoints = 0
        skim.isKindPlain = true
      }
      return walkMessage(skim, plan, start, end, depth)
    case acts.span:
      beginItem(skim)
      walkMessage(skim, plan, start, end, depth)
      if (!isPlainSpan(skim)) leaveToDecoder()
      skim.scopeItems++
      return
    case acts.logRecord:
      beginItem(skim)
      walkMessage(skim, plan, start, end, depth)
      if (!isPlainLogRecord(skim)) leaveToDecoder()
      skim.scopeItems++
      return
    case acts.point:
      beginItem(skim)
      walkMessage(skim, plan, start, end, depth)
      if (!isPlainPoint(skim)) skim.isKindPlain = false
      skim.kindPoints++
      return
    case acts.histogramPoint:
      beginItem(skim)
      walkMessage(skim, plan, start, end, depth)
      if (!isPlainHistogramPoint(skim)) skim.isKindPlain = false
      skim.kindPoints++
      return
    default:
      walkMessage(skim, plan, start, end, depth)
  }
}

const beginItem = (skim: Skim): void => {
  skim.timeAt = -1
  skim.otherTimeAt = -1
  skim.traceIdLength = 0
  skim.spanIdLength = 0
  skim.parentSpanIdLength = 0
  skim.attributeCount = 0
  skim.bucketCount = 0
  skim.boundCount = 0
}

/**
 * Nearly every attribute is a short key and then a short text, number or boolean, written in order: seen at a glance. All
 * others are walked.
 */
const walkKeyValue = (skim: Skim, start: number, end: number, depth: number): void => {
  if (isShortKeyValue(skim.bytes, start, end) && depth < messageDepthMax) skim.messagesLeft -= 2
  else walkMessage(skim, keyValuePlan, start, end, depth)
}

const isShortKeyValue = (bytes: Uint8Array, start: number, end: number): boolean => {
  // A key of no bytes and an empty value take four.
  if (end - start < 6 || bytes[start] !== 0x0a) return false
  const keyLength = bytes[start + 1]!
  const value = start + 4 + keyLength
  if (keyLength >= 0x80 || value + 2 > end) return false
  const valueLength = bytes[value - 1]!
  if (valueLength >= 0x80 || bytes[value - 2] !== 0x12 || valueLength !== end - value) return false
  switch (bytes[value]) {
    case 0x0a:
      return bytes[value + 1] === valueLength - 2
    case 0x10:
    case 0x18:
      return isVarint(bytes, value + 1, end)
    case 0x21:
      return valueLength === 9
    default:
      return false
  }
}

/** One varint and nothing else lies between the two. */
const isVarint = (bytes: Uint8Array, start: number, end: number): boolean => {
  if (end - start > 10 || bytes[end - 1]! >= 0x80) return false
  for (let at = start; at < end - 1; at++) if (bytes[at]! < 0x80) return false
  return true
}
