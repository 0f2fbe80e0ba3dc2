/**
 * Arrays and maps as telemetry/otlp/any-value.ts writes them, where nothing is unusual: ASCII, each key once, numbers that
 * number-text.ts writes and that tell their type. The others are left to the program around.
 */
import { isEqual, loadByte, loadWord, storeWord } from './memory.ts'
import { hasFraction, numberAt, numberLength, writeDouble, writeInteger } from './number-text.ts'
import {
  clear,
  cutTo,
  newScratch,
  pushByte,
  pushBytes,
  pushRange,
  scratchAt,
  scratchLength,
} from './scratch.ts'
import * as kinds from './value-kinds.ts'
import {
  high,
  low,
  moveTo,
  position,
  readTag,
  readVarint,
  skipField,
  takeBytes,
  takeFixed64,
} from './wire.ts'

const quoteByte: i32 = 0x22
const backslash: i32 = 0x5c
const itemTag: i32 = 10
const keyTag: i32 = 10
const valueTag: i32 = 18
/** They are sorted by insertion. */
const entriesPerMapMax: i32 = 64

/** The text that was written last. */
export let jsonAt: i32 = 0
export let jsonLength: i32 = 0

let text: i32 = 0
/** Entries of the maps under way: where key and value begin and end, 16 bytes each. */
let entries: i32 = 0
const entryBytes: i32 = 16

export function beginJson(): void {
  text = newScratch()
  entries = newScratch()
}

/** Of an AnyValue whose wire format was checked; false where its text is left to others. */
export function writeJson(start: i32, end: i32): boolean {
  clear(text)
  clear(entries)
  if (!pushValue(start, end)) return false
  jsonAt = scratchAt(text)
  jsonLength = scratchLength(text)
  return true
}

/** Values with more than one member are unusual. */
function pushValue(start: i32, end: i32): boolean {
  let member: i32 = 0
  let at: i32 = 0
  let valueLow: i32 = 0
  let valueHigh: i32 = 0
  moveTo(start)
  while (position < end) {
    const tag = readTag()
    if (tag > kinds.bytesTag) {
      skipField(tag, end, 0)
      continue
    }
    if (member !== 0) return false
    member = tag
    if (tag === kinds.doubleTag) at = takeFixed64()
    else if (tag === kinds.intTag || tag === kinds.boolTag) {
      readVarint()
      valueLow = low
      valueHigh = high
    } else if ((tag & 7) === 2) {
      at = takeBytes(end)
      valueLow = position
    } else return false
  }
  switch (member) {
    case 0:
      pushWord(0x6c6c756e)
      return true
    case kinds.stringTag:
      return pushQuoted(at, valueLow)
    case kinds.boolTag:
      pushBool((valueLow | valueHigh) !== 0)
      return true
    case kinds.intTag:
      return writeInteger(valueLow, valueHigh) && pushNumber()
    case kinds.doubleTag:
      return writeDouble(at) && hasFraction && pushNumber()
    case kinds.arrayTag:
      return pushArray(at, valueLow)
    case kinds.mapTag:
      return pushMap(at, valueLow)
    default:
      return false
  }
}

function pushNumber(): boolean {
  pushBytes(text, numberAt, numberLength)
  return true
}

/** Four characters. */
function pushWord(characters: i32): void {
  pushByte(text, characters & 0xff)
  pushByte(text, (characters >> 8) & 0xff)
  pushByte(text, (characters >> 16) & 0xff)
  pushByte(text, characters >> 24)
}

function pushBool(isTrue: boolean): void {
  if (isTrue) pushWord(0x65757274)
  else {
    pushWord(0x736c6166)
    pushByte(text, 0x65)
  }
}

function pushArray(start: i32, end: i32): boolean {
  let count: i32 = 0
  pushByte(text, 0x5b)
  moveTo(start)
  while (position < end) {
    const tag = readTag()
    if (tag !== itemTag) {
      skipField(tag, end, 0)
      continue
    }
    const item = takeBytes(end)
    const itemEnd = position
    if (count > 0) pushByte(text, 0x2c)
    if (!pushValue(item, itemEnd)) return false
    moveTo(itemEnd)
    count += 1
  }
  pushByte(text, 0x5d)
  return true
}

function pushMap(start: i32, end: i32): boolean {
  const base = scratchLength(entries)
  moveTo(start)
  while (position < end) {
    const tag = readTag()
    if (tag !== itemTag) {
      skipField(tag, end, 0)
      continue
    }
    const entry = takeBytes(end)
    const entryEnd = position
    if (scratchLength(entries) - base >= entriesPerMapMax * entryBytes) return false
    if (!noteEntry(entry, entryEnd) || !sortLast(base)) return false
    moveTo(entryEnd)
  }
  const top = scratchLength(entries)
  pushByte(text, 0x7b)
  for (let offset = base; offset < top; offset += entryBytes) {
    if (offset > base) pushByte(text, 0x2c)
    if (!pushQuoted(noted(offset), noted(offset + 4))) return false
    pushByte(text, 0x3a)
    if (!pushValue(noted(offset + 8), noted(offset + 12))) return false
  }
  pushByte(text, 0x7d)
  cutTo(entries, base)
  return true
}

function noted(offset: i32): i32 {
  return loadWord(scratchAt(entries) + offset)
}

function noteEntry(start: i32, end: i32): boolean {
  let keyAt = start
  let keyEnd = start
  let valueAt = start
  let valueEnd = start
  let valueCount: i32 = 0
  moveTo(start)
  while (position < end) {
    const tag = readTag()
    if (tag === keyTag) {
      keyAt = takeBytes(end)
      keyEnd = position
    } else if (tag === valueTag) {
      valueAt = takeBytes(end)
      valueEnd = position
      valueCount += 1
    } else skipField(tag, end, 0)
  }
  pushRange(entries, keyAt, keyEnd)
  pushRange(entries, valueAt, valueEnd)
  return valueCount < 2
}

/** Moves the entry that was noted last to its place; false where another one has its key. */
function sortLast(base: i32): boolean {
  let offset = scratchLength(entries) - entryBytes
  while (offset > base) {
    const order = compareKeys(offset - entryBytes, offset)
    if (order === 0) return false
    if (order < 0) return true
    swapEntries(offset - entryBytes, offset)
    offset -= entryBytes
  }
  return true
}

function swapEntries(left: i32, right: i32): void {
  const at = scratchAt(entries)
  for (let offset: i32 = 0; offset < entryBytes; offset += 4) {
    const word = loadWord(at + left + offset)
    storeWord(at + left + offset, loadWord(at + right + offset))
    storeWord(at + right + offset, word)
  }
}

/** By bytes, which is the order of JavaScript for ASCII; other keys are not written here. */
function compareKeys(left: i32, right: i32): i32 {
  const leftAt = noted(left)
  const rightAt = noted(right)
  const leftLength = noted(left + 4) - leftAt
  const rightLength = noted(right + 4) - rightAt
  if (leftLength === rightLength && isEqual(leftAt, rightAt, leftLength)) return 0
  const count = leftLength < rightLength ? leftLength : rightLength
  for (let index: i32 = 0; index < count; index++) {
    const difference = loadByte(leftAt + index) - loadByte(rightAt + index)
    if (difference !== 0) return difference
  }
  return leftLength - rightLength
}

/** False for texts with characters that are not ASCII, or that JSON or HTML have escaped in an unusual way. */
function pushQuoted(start: i32, end: i32): boolean {
  pushByte(text, quoteByte)
  let from = start
  for (let at = start; at < end; at++) {
    const byte = loadByte(at)
    if (byte >= 0x80 || byte === 0x26 || byte === 0x3c || byte === 0x3e) return false
    if (byte >= 0x20 && byte !== quoteByte && byte !== backslash) continue
    const letter = escapeLetter(byte)
    if (letter === 0) return false
    pushBytes(text, from, at - from)
    pushByte(text, backslash)
    pushByte(text, letter)
    from = at + 1
  }
  pushBytes(text, from, end - from)
  pushByte(text, quoteByte)
  return true
}

/** 0 where there is none. */
function escapeLetter(byte: i32): i32 {
  if (byte === quoteByte || byte === backslash) return byte
  if (byte === 0x0a) return 0x6e
  if (byte === 0x0d) return 0x72
  if (byte === 0x09) return 0x74
  return 0
}
