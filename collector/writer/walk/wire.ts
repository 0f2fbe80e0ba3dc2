/**
 * Protobuf's wire format over the heap, read at a position that moves on. A record has zeros behind it, so reading may run
 * past its end and is noticed at the end of the message (`leaveMessage`): what was read there counts nowhere.
 */
import * as faults from './faults.ts'
import { fail } from './host.ts'
import { loadByte } from './memory.ts'

/** As the codec in telemetry/otlp has them. */
export const depthMax: i32 = 100
const messagesMax: i32 = 6_000_000

const varintType: i32 = 0
const fixed64Type: i32 = 1
const lengthDelimitedType: i32 = 2
const groupStartType: i32 = 3
const groupEndType: i32 = 4
const fixed32Type: i32 = 5

export let position: i32 = 0
/** The last varint's halves; after `takeBytes` the low one is the length. */
export let low: i32 = 0
export let high: i32 = 0
/** How many the record under way may still have. */
export let messagesLeft: i32 = messagesMax

export function beginMessages(): void {
  messagesLeft = messagesMax
}

export function moveTo(address: i32): void {
  position = address
}

export function readVarint(): void {
  const first = loadByte(position)
  if (first < 0x80) {
    position += 1
    low = first
    high = 0
  } else readLongVarint()
}

/** Over-long forms up to ten bytes are legal, and bits beyond the 64th are dropped. */
function readLongVarint(): void {
  const second = loadByte(position + 1)
  if (second < 0x80) {
    low = (loadByte(position) & 0x7f) | (second << 7)
    high = 0
    position += 2
    return
  }
  let lowBits: i32 = 0
  let highBits: i32 = 0
  for (let index: i32 = 0; index < 10; index++) {
    const byte = loadByte(position + index)
    const bits = byte & 0x7f
    if (index < 4) lowBits |= bits << (index * 7)
    else if (index === 4) {
      lowBits |= bits << 28
      highBits = bits >> 4
    } else highBits |= bits << (index * 7 - 32)
    if (byte < 0x80) {
      position += index + 1
      low = lowBits
      high = highBits
      return
    }
  }
  fail(faults.longVarint, position)
}

/** Number and wire type of the next field, as on the wire. */
export function readTag(): i32 {
  const first = loadByte(position)
  if (first >= 8 && first < 0x80) {
    position += 1
    return first
  }
  readVarint()
  if (high !== 0 || low >>> 3 === 0) fail(faults.invalidFieldNumber, position)
  return low
}

/** The length of what follows, which lies within `end`. */
export function readLength(end: i32): i32 {
  readVarint()
  if (high !== 0 || low < 0 || low > end - position) fail(faults.lengthBeyondEnd, position)
  return low
}

/** Moves past a length-delimited value: where its bytes begin; `low` says how many they are. */
export function takeBytes(end: i32): i32 {
  const first = loadByte(position)
  if (first >= 0x80) return takeManyBytes(end)
  const start = position + 1
  if (first > end - start) fail(faults.lengthBeyondEnd, position)
  low = first
  position = start + first
  return start
}

function takeManyBytes(end: i32): i32 {
  const length = readLength(end)
  const start = position
  position = start + length
  return start
}

export function takeFixed64(): i32 {
  const start = position
  position = start + 8
  return start
}

export function takeFixed32(): i32 {
  const start = position
  position = start + 4
  return start
}

/** Messages are counted because two bytes of the wire can make a row of a hundred. */
export function enterMessage(depth: i32): void {
  if (depth > depthMax) fail(faults.deepMessage, position)
  takeMessages(1)
}

export function takeMessages(count: i32): void {
  messagesLeft -= count
  if (messagesLeft < 0) fail(faults.tooManyMessages, position)
}

export function leaveMessage(end: i32): void {
  if (position > end) fail(faults.fieldBeyondEnd, end)
}

/** Of a message `depth` deep that ends at `end`. */
export function skipField(tag: i32, end: i32, depth: i32): void {
  const type = tag & 7
  if (type === varintType) readVarint()
  else if (type === fixed64Type) position += 8
  else if (type === lengthDelimitedType) takeBytes(end)
  else if (type === groupStartType) skipGroup(tag >>> 3, end, depth)
  else if (type === fixed32Type) position += 4
  else fail(type === groupEndType ? faults.unbegunGroup : faults.unknownWireType, position)
}

function skipGroup(number: i32, end: i32, depth: i32): void {
  if (depth >= depthMax) fail(faults.deepGroup, position)
  while (position < end) {
    const tag = readTag()
    if ((tag & 7) === groupEndType) {
      if (tag >>> 3 !== number) fail(faults.otherGroup, position)
      return
    }
    skipField(tag, end, depth + 1)
  }
  fail(faults.endlessGroup, position)
}
