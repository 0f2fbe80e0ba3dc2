/** Repeated numbers: the buckets of histograms, the quantiles of summaries. A list is a stream and how many it holds. */
import { valueBeyondPack } from './faults.ts'
import { fail } from './host.ts'
import { loadWord, storeWord } from './memory.ts'
import { pushRange, rangeCount, rangeEnd, rangeStart } from './scratch.ts'
import { advance, appendRaw, reserve } from './stream.ts'
import {
  enterMessage,
  high,
  leaveMessage,
  low,
  moveTo,
  position,
  readTag,
  readVarint,
  skipField,
  takeBytes,
  takeFixed64,
} from './wire.ts'

/** Numbers of eight bytes, one behind the other. */
export function notePacked(ranges: i32, end: i32): void {
  const start = takeBytes(end)
  if ((low & 7) !== 0) fail(valueBeyondPack, position)
  pushRange(ranges, start, position)
}

export function noteUnpacked(ranges: i32): void {
  const at = takeFixed64()
  pushRange(ranges, at, position)
}

export function appendNumbers(list: i32, ranges: i32): void {
  const count = rangeCount(ranges)
  for (let index: i32 = 0; index < count; index++) {
    const start = rangeStart(ranges, index)
    const byteCount = rangeEnd(ranges, index) - start
    appendRaw(loadWord(list), start, byteCount)
    storeWord(list + 4, loadWord(list + 4) + (byteCount >> 3))
  }
}

/** Eight bytes, of which there is one more in the list. */
function appendPair(list: i32, pairLow: i32, pairHigh: i32): void {
  const stream = loadWord(list)
  const at = reserve(stream, 8)
  storeWord(at, pairLow)
  storeWord(at + 4, pairHigh)
  advance(stream, at + 8)
  storeWord(list + 4, loadWord(list + 4) + 1)
}

const offsetTag: i32 = 8
const countTag: i32 = 16
const packedCountsTag: i32 = 18

/** Appends the counts of ExponentialBuckets, further ones behind those before; the last offset that they give. */
export function appendBuckets(list: i32, ranges: i32, depth: i32): i32 {
  let offset: i32 = 0
  const count = rangeCount(ranges)
  for (let index: i32 = 0; index < count; index++) {
    const end = rangeEnd(ranges, index)
    moveTo(rangeStart(ranges, index))
    enterMessage(depth)
    while (position < end) {
      const tag = readTag()
      if (tag === offsetTag) {
        readVarint()
        offset = (low >>> 1) ^ -(low & 1)
      } else if (tag === packedCountsTag) appendVarints(list, end)
      else if (tag === countTag) appendVarint(list)
      else skipField(tag, end, depth)
    }
    leaveMessage(end)
  }
  return offset
}

/** Room is made for so many bytes of a packed list at a time, each of which may be a number. */
const pieceBytes: i32 = 512

function appendVarints(list: i32, messageEnd: i32): void {
  const stream = loadWord(list)
  const start = takeBytes(messageEnd)
  const end = position
  let count: i32 = 0
  moveTo(start)
  while (position < end) {
    const pieceEnd: i32 = end - position < pieceBytes ? end : position + pieceBytes
    let at = reserve(stream, (pieceEnd - position) << 3)
    while (position < pieceEnd) {
      readVarint()
      storeWord(at, low)
      storeWord(at + 4, high)
      at += 8
      count += 1
    }
    advance(stream, at)
  }
  if (position > end) fail(valueBeyondPack, end)
  storeWord(list + 4, loadWord(list + 4) + count)
}

function appendVarint(list: i32): void {
  readVarint()
  appendPair(list, low, high)
}

const quantileTag: i32 = 9
const valueTag: i32 = 17

/** Appends the two numbers of each quantile; absent ones are zero, which `zeros` holds. */
export function appendQuantiles(quantiles: i32, values: i32, ranges: i32, depth: i32, zeros: i32): void {
  const count = rangeCount(ranges)
  for (let index: i32 = 0; index < count; index++) {
    const end = rangeEnd(ranges, index)
    let quantileAt = zeros
    let valueAt = zeros
    moveTo(rangeStart(ranges, index))
    enterMessage(depth)
    while (position < end) {
      const tag = readTag()
      if (tag === quantileTag) quantileAt = takeFixed64()
      else if (tag === valueTag) valueAt = takeFixed64()
      else skipField(tag, end, depth)
    }
    leaveMessage(end)
    appendFrom(quantiles, quantileAt)
    appendFrom(values, valueAt)
  }
}

function appendFrom(list: i32, at: i32): void {
  appendRaw(loadWord(list), at, 8)
  storeWord(list + 4, loadWord(list + 4) + 1)
}
