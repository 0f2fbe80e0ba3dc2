/**
 * Attributes as two columns hold them (collector/writer/attributes.ts): a map of texts, and letters of types.
 *
 * A map has five words: its entries so far, their keys (a stream of words), the dictionary of the keys, their values (a
 * stream of Strings), and the dictionary of the types.
 */
import { allocate, copyBytes, loadByte, loadWord, storeWord } from './memory.ts'
import { keyOf, newDictionary } from './dictionary.ts'
import {
  clear,
  newScratch,
  pushByte,
  pushBytes,
  rangeCount,
  rangeEnd,
  rangeStart,
  scratchAt,
  scratchLength,
} from './scratch.ts'
import { appendText, appendWord, newStream } from './stream.ts'
import { arrayKind, mapKind, stringKind } from './value-kinds.ts'
import { checkValue, innerTypesAt, innerTypesLength, kind, readValue, valueAt, valueLength } from './value.ts'
import { enterMessage, leaveMessage, low, moveTo, position, readTag, skipField, takeBytes } from './wire.ts'

const keyTag: i32 = 10
const valueTag: i32 = 18

/** Where key and value of the attribute under way lie. */
let keyAt: i32 = 0
let keyLength: i32 = 0
let valueStart: i32 = 0
let valueBytes: i32 = 0
/** Of the attributes under way. */
let letters: i32 = 0
let innerTypes: i32 = 0
let isAllStrings: boolean = true
let isTold: boolean = true

export function beginAttributeMaps(): void {
  letters = newScratch()
  innerTypes = newScratch()
}

export function newAttributeMap(): i32 {
  const map = allocate(20)
  storeWord(map, 0)
  storeWord(map + 4, newStream())
  storeWord(map + 8, newDictionary())
  storeWord(map + 12, newStream())
  storeWord(map + 16, newDictionary())
  return map
}

export function entryCount(map: i32): i32 {
  return loadWord(map)
}

/** Appends a whole list of attributes; the key of their types. */
export function appendAttributes(map: i32, ranges: i32, depth: i32): i32 {
  beginAttributes()
  const count = rangeCount(ranges)
  for (let index: i32 = 0; index < count; index++)
    appendAttribute(map, rangeStart(ranges, index), rangeEnd(ranges, index), depth)
  return endAttributes(map)
}

export function beginAttributes(): void {
  clear(letters)
  clear(innerTypes)
  isAllStrings = true
  isTold = true
}

/** Moves behind the attribute. */
export function appendAttribute(map: i32, start: i32, end: i32, depth: i32): void {
  enterMessage(depth)
  noteAttribute(start, end, depth)
  appendWord(loadWord(map + 4), keyOf(loadWord(map + 8), keyAt, keyLength))
  readValue(valueStart, valueStart + valueBytes, depth + 1)
  appendText(loadWord(map + 12), valueAt, valueLength)
  storeWord(map, loadWord(map) + 1)
  noteType()
  moveTo(end)
}

/** Nearly all are a short key and a short value, and nothing else. */
function noteAttribute(start: i32, end: i32, depth: i32): void {
  keyLength = loadByte(start + 1)
  keyAt = start + 2
  valueStart = keyAt + keyLength + 2
  valueBytes = end - valueStart
  if (
    loadByte(start) !== keyTag ||
    keyLength >= 0x80 ||
    valueBytes < 0 ||
    valueBytes >= 0x80 ||
    loadByte(valueStart - 2) !== valueTag ||
    loadByte(valueStart - 1) !== valueBytes
  )
    noteFields(start, end, depth)
}

function noteFields(start: i32, end: i32, depth: i32): void {
  let valueCount: i32 = 0
  keyLength = 0
  valueStart = start
  valueBytes = 0
  moveTo(start)
  while (position < end) {
    const tag = readTag()
    if (tag === keyTag) {
      keyAt = takeBytes(end)
      keyLength = low
    } else if (tag === valueTag) {
      valueStart = takeBytes(end)
      valueBytes += low
      valueCount += 1
    } else skipField(tag, end, depth)
  }
  leaveMessage(end)
  if (valueCount > 1) valueStart = joinValues(start, end, valueTag, valueBytes, depth + 1)
}

function noteType(): void {
  pushByte(letters, kind)
  if (kind === stringKind) return
  isAllStrings = false
  if (kind !== arrayKind && kind !== mapKind) return
  if (innerTypesLength > 0) isTold = false
  pushByte(innerTypes, 0x3a)
  pushBytes(innerTypes, innerTypesAt, innerTypesLength)
}

/** The key of the types where there are no attributes. */
export function noTypes(map: i32): i32 {
  beginAttributes()
  return endAttributes(map)
}

/** The key of the types of the attributes since `beginAttributes`. */
export function endAttributes(map: i32): i32 {
  if (isAllStrings) clear(letters)
  else if (!isTold) pushBytes(letters, scratchAt(innerTypes), scratchLength(innerTypes))
  return keyOf(loadWord(map + 16), scratchAt(letters), scratchLength(letters))
}

/**
 * The bytes of all occurrences of an AnyValue one behind the other, which is how protobuf merges them. `start` to `end` is a
 * message that was read before; each occurrence has to be whole by itself.
 */
export function joinValues(start: i32, end: i32, valueTag: i32, byteCount: i32, depth: i32): i32 {
  const joined = allocate(byteCount)
  let to = joined
  moveTo(start)
  while (position < end) {
    const tag = readTag()
    if (tag === valueTag) {
      const from = checkValue(end, depth)
      copyBytes(to, from, position - from)
      to += position - from
    } else skipField(tag, end, depth)
  }
  return joined
}
