/** AnyValue: what kind it is and where it lies. Only strings, integers and booleans are made text here. */
import { describeValue } from './host.ts'
import { allocate, doubleOf, loadWord, storeByte, storeWord, truncate } from './memory.ts'
import {
  enterMessage,
  high,
  leaveMessage,
  low,
  moveTo,
  position,
  readLength,
  readTag,
  readVarint,
  skipField,
  takeBytes,
} from './wire.ts'

/** The letters of telemetry/otlp/any-value.ts. */
export const stringKind: i32 = 0x73
export const boolKind: i32 = 0x62
export const intKind: i32 = 0x69
export const doubleKind: i32 = 0x64
export const bytesKind: i32 = 0x79
export const arrayKind: i32 = 0x61
export const mapKind: i32 = 0x6d
export const emptyKind: i32 = 0x65

const stringTag: i32 = 10
const boolTag: i32 = 16
const intTag: i32 = 24
const doubleTag: i32 = 33
const arrayTag: i32 = 42
const mapTag: i32 = 50
const bytesTag: i32 = 58

/** Of the value that `readValue` read. */
export let kind: i32 = 0
/** Its text; only strings may be no valid UTF-8. */
export let valueAt: i32 = 0
export let valueLength: i32 = 0
/** What an array's or a map's text does not tell. */
export let innerTypesAt: i32 = 0
export let innerTypesLength: i32 = 0

/** Where digits of integers and names of booleans are written. */
let digits: i32 = 0
let digitsEnd: i32 = 0

export function beginValues(): void {
  digits = allocate(24)
  digitsEnd = digits + 24
}

/** Reads an AnyValue, of which the last member that is set counts. */
export function readValue(start: i32, end: i32, depth: i32): void {
  moveTo(start)
  enterMessage(depth)
  kind = emptyKind
  valueAt = start
  valueLength = 0
  innerTypesLength = 0
  let intLow: i32 = 0
  let intHigh: i32 = 0
  while (position < end) {
    const tag = readTag()
    if (tag === stringTag) {
      kind = stringKind
      valueAt = takeBytes(end)
      valueLength = low
    } else if (tag === intTag || tag === boolTag) {
      kind = tag === intTag ? intKind : boolKind
      readVarint()
      intLow = low
      intHigh = high
    } else if (tag === arrayTag || tag === mapTag) {
      kind = tag === arrayTag ? arrayKind : mapKind
      checkList(end, depth + 1, tag === mapTag)
    } else {
      if (tag === doubleTag) kind = doubleKind
      else if (tag === bytesTag) kind = bytesKind
      skipField(tag, end, depth)
    }
  }
  leaveMessage(end)
  if (kind === stringKind || kind === emptyKind) {
    if (kind === emptyKind) valueLength = 0
  } else if (kind === boolKind) writeBool((intLow | intHigh) !== 0)
  else if (kind !== intKind || !writeInteger(intLow, intHigh)) describe(start, end - start)
}

/** ArrayValue or KeyValueList: the program around reads it; here it is only held to the wire format. */
function checkList(outerEnd: i32, depth: i32, isMap: boolean): void {
  const length = readLength(outerEnd)
  const end = position + length
  enterMessage(depth)
  while (position < end) {
    const tag = readTag()
    if (tag !== 10) skipField(tag, end, depth)
    else if (isMap) checkEntry(end, depth + 1)
    else checkValue(end, depth + 1)
  }
  leaveMessage(end)
}

/** Moves past a KeyValue; where its bytes begin. */
export function checkEntry(outerEnd: i32, depth: i32): i32 {
  const length = readLength(outerEnd)
  const start = position
  const end = start + length
  enterMessage(depth)
  while (position < end) {
    const tag = readTag()
    if (tag === 18) checkValue(end, depth + 1)
    else skipField(tag, end, depth)
  }
  leaveMessage(end)
  return start
}

/** Moves past an AnyValue; where its bytes begin. */
export function checkValue(outerEnd: i32, depth: i32): i32 {
  const length = readLength(outerEnd)
  const start = position
  const end = start + length
  enterMessage(depth)
  while (position < end) {
    const tag = readTag()
    if (tag === arrayTag || tag === mapTag) checkList(end, depth + 1, tag === mapTag)
    else skipField(tag, end, depth)
  }
  leaveMessage(end)
  return start
}

function describe(at: i32, length: i32): void {
  const text = describeValue(at, length)
  valueLength = loadWord(text)
  innerTypesLength = loadWord(text + 4)
  valueAt = text + 8
  innerTypesAt = valueAt + valueLength
}

function writeBool(isTrue: boolean): void {
  valueAt = digits
  if (isTrue) {
    storeWord(digits, 0x65757274)
    valueLength = 4
  } else {
    storeWord(digits, 0x736c6166)
    storeByte(digits + 4, 0x65)
    valueLength = 5
  }
}

/** Decimal digits of integers of less than 2^53; false for others. */
function writeInteger(intLow: i32, intHigh: i32): boolean {
  const isNegative = intHigh < 0
  let lowBits = intLow
  let highBits = intHigh
  if (isNegative) {
    lowBits = -intLow | 0
    highBits = ~intHigh + (intLow === 0 ? 1 : 0)
  }
  if (highBits < 0 || highBits >= 0x20_0000) return false
  let at = digitsEnd
  if (highBits === 0 && lowBits >= 0) at = writeDigits(at, lowBits, 1)
  else {
    const whole = doubleOf(lowBits, highBits)
    const billions = Math.floor(whole / 1e9)
    at = writeDigits(at, truncate(whole - billions * 1e9), 9)
    if (billions > 0) at = writeDigits(at, truncate(billions), 1)
  }
  if (isNegative) {
    at -= 1
    storeByte(at, 0x2d)
  }
  valueAt = at
  valueLength = digitsEnd - at
  return true
}

/** In front of `end`; where they begin. */
function writeDigits(end: i32, value: i32, countMin: i32): i32 {
  let at = end
  let rest = value
  while (rest !== 0 || end - at < countMin) {
    const tenth = (rest / 10) | 0
    at -= 1
    storeByte(at, 0x30 + rest - tenth * 10)
    rest = tenth
  }
  return at
}
