/** AnyValue: what kind it is and where its text lies. What is not of a usual form is made text by the program around. */
import { describeValue } from './host.ts'
import { beginJson, jsonAt, jsonLength, writeJson } from './json.ts'
import { allocate, loadByte, loadWord, storeByte, storeWord } from './memory.ts'
import { beginNumberTexts, numberAt, numberLength, writeDouble, writeInteger } from './number-text.ts'
import * as kinds from './value-kinds.ts'
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
  takeFixed64,
} from './wire.ts'

/** Of the value that `readValue` read. */
export let kind: i32 = 0
/** Its text; only strings may be no valid UTF-8. */
export let valueAt: i32 = 0
export let valueLength: i32 = 0
/** What an array's or a map's text does not tell. */
export let innerTypesAt: i32 = 0
export let innerTypesLength: i32 = 0

/** Where `true` and `false` are written. */
let boolText: i32 = 0

export function beginValues(): void {
  boolText = allocate(8)
  beginNumberTexts()
  beginJson()
}

/** Reads an AnyValue, of which the last member that is set counts. */
export function readValue(start: i32, end: i32, depth: i32): void {
  moveTo(start)
  enterMessage(depth)
  innerTypesLength = 0
  // Nearly all are one string and nothing else.
  if (loadByte(start) === kinds.stringTag && loadByte(start + 1) === end - start - 2 && end - start < 0x82) {
    kind = kinds.stringKind
    valueAt = start + 2
    valueLength = end - valueAt
    return
  }
  kind = kinds.emptyKind
  valueAt = start
  valueLength = 0
  let intLow: i32 = 0
  let intHigh: i32 = 0
  let doubleAt: i32 = 0
  while (position < end) {
    const tag = readTag()
    if (tag === kinds.stringTag) {
      kind = kinds.stringKind
      valueAt = takeBytes(end)
      valueLength = low
    } else if (tag === kinds.intTag || tag === kinds.boolTag) {
      kind = tag === kinds.intTag ? kinds.intKind : kinds.boolKind
      readVarint()
      intLow = low
      intHigh = high
    } else if (tag === kinds.arrayTag || tag === kinds.mapTag) {
      kind = tag === kinds.arrayTag ? kinds.arrayKind : kinds.mapKind
      checkList(end, depth + 1, tag === kinds.mapTag)
    } else if (tag === kinds.doubleTag) {
      kind = kinds.doubleKind
      doubleAt = takeFixed64()
    } else {
      if (tag === kinds.bytesTag) kind = kinds.bytesKind
      skipField(tag, end, depth)
    }
  }
  leaveMessage(end)
  if (kind === kinds.stringKind) return
  if (kind === kinds.emptyKind) valueLength = 0
  else if (kind === kinds.boolKind) writeBool((intLow | intHigh) !== 0)
  else if (kind === kinds.intKind && writeInteger(intLow, intHigh)) takeNumber()
  else if (kind === kinds.doubleKind && writeDouble(doubleAt)) takeNumber()
  else if ((kind === kinds.arrayKind || kind === kinds.mapKind) && writeJson(start, end)) takeJson()
  else describe(start, end - start)
}

function takeNumber(): void {
  valueAt = numberAt
  valueLength = numberLength
}

function takeJson(): void {
  valueAt = jsonAt
  valueLength = jsonLength
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
    if (tag === kinds.arrayTag || tag === kinds.mapTag) checkList(end, depth + 1, tag === kinds.mapTag)
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
  valueAt = boolText
  if (isTrue) {
    storeWord(boolText, 0x65757274)
    valueLength = 4
  } else {
    storeWord(boolText, 0x736c6166)
    storeByte(boolText + 4, 0x65)
    valueLength = 5
  }
}
