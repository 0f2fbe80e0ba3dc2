/**
 * The dictionary of a LowCardinality column: each text once, known by the order in which it came. Telemetry repeats itself,
 * so the text that followed last time is tried before the hash table is.
 *
 * Seven words: keys as Strings (a stream), their count, the hash table (0, or a key + 1), its mask, the entries, how many
 * there is room for, and the key that was asked for last.
 */
import {
  allocate,
  copyBytes,
  fillBytes,
  isEqual,
  loadByte,
  loadWireWord,
  loadWord,
  multiply,
  storeWord,
} from './memory.ts'
import { appendBytes, newStream } from './stream.ts'
import { makeValid, textAt, textLength } from './text.ts'

const keysField: i32 = 0
const countField: i32 = 4
const slotsField: i32 = 8
const maskField: i32 = 12
const entriesField: i32 = 16
const capacityField: i32 = 20
const lastField: i32 = 24

/** Of an entry: where the text lies, its length, its hash, and the key that followed. */
const lengthField: i32 = 4
const hashField: i32 = 8
const nextField: i32 = 12
const entryBytesLog2: i32 = 4
const capacityMin: i32 = 16

export function newDictionary(): i32 {
  const dictionary = allocate(28)
  storeWord(dictionary + keysField, newStream())
  storeWord(dictionary + countField, 0)
  storeWord(dictionary + lastField, 0)
  makeRoom(dictionary, capacityMin)
  return dictionary
}

/** The key of a text, which is made valid UTF-8. */
export function keyOf(dictionary: i32, at: i32, length: i32): i32 {
  const entries = loadWord(dictionary + entriesField)
  const last = loadWord(dictionary + lastField)
  const guess = loadWord(entries + (last << entryBytesLog2) + nextField)
  const entry = entries + (guess << entryBytesLog2)
  if (loadWord(entry + lengthField) === length && isEqual(loadWord(entry), at, length)) {
    storeWord(dictionary + lastField, guess)
    return guess
  }
  const key = lookUp(dictionary, at, length)
  storeWord(loadWord(dictionary + entriesField) + (last << entryBytesLog2) + nextField, key)
  storeWord(dictionary + lastField, key)
  return key
}

function lookUp(dictionary: i32, at: i32, length: i32): i32 {
  const hash = hashOf(at, length)
  const key = find(dictionary, at, length, hash)
  if (key >= 0) return key
  makeValid(at, length)
  if (textAt === at) return add(dictionary, at, length, hash)
  const validHash = hashOf(textAt, textLength)
  const validKey = find(dictionary, textAt, textLength, validHash)
  return validKey >= 0 ? validKey : add(dictionary, textAt, textLength, validHash)
}

/** -1 when it is not there. */
function find(dictionary: i32, at: i32, length: i32, hash: i32): i32 {
  const slots = loadWord(dictionary + slotsField)
  const mask = loadWord(dictionary + maskField)
  const entries = loadWord(dictionary + entriesField)
  let slot = hash & mask
  let found = loadWord(slots + (slot << 2))
  while (found !== 0) {
    const entry = entries + ((found - 1) << entryBytesLog2)
    if (
      loadWord(entry + hashField) === hash &&
      loadWord(entry + lengthField) === length &&
      isEqual(loadWord(entry), at, length)
    )
      return found - 1
    slot = (slot + 1) & mask
    found = loadWord(slots + (slot << 2))
  }
  return -1
}

function add(dictionary: i32, at: i32, length: i32, hash: i32): i32 {
  const key = loadWord(dictionary + countField)
  const capacity = loadWord(dictionary + capacityField)
  if (key === capacity) makeRoom(dictionary, capacity * 2)
  const keys = loadWord(dictionary + keysField)
  appendBytes(keys, at, length)
  const entry = loadWord(dictionary + entriesField) + (key << entryBytesLog2)
  storeWord(entry, loadWord(keys + 8) - length)
  storeWord(entry + lengthField, length)
  storeWord(entry + hashField, hash)
  storeWord(entry + nextField, 0)
  storeWord(dictionary + countField, key + 1)
  place(dictionary, key, hash)
  return key
}

/** Twice as many slots as entries. */
function makeRoom(dictionary: i32, capacity: i32): void {
  const count = loadWord(dictionary + countField)
  const entries = allocate(capacity << entryBytesLog2)
  if (count > 0) copyBytes(entries, loadWord(dictionary + entriesField), count << entryBytesLog2)
  else {
    // No text has this length, so a guess before the first text is wrong.
    storeWord(entries + lengthField, -1)
    storeWord(entries + nextField, 0)
  }
  const slotBytes = capacity << 3
  const slots = allocate(slotBytes)
  fillBytes(slots, slotBytes, 0)
  storeWord(dictionary + entriesField, entries)
  storeWord(dictionary + capacityField, capacity)
  storeWord(dictionary + slotsField, slots)
  storeWord(dictionary + maskField, capacity * 2 - 1)
  for (let key: i32 = 0; key < count; key++)
    place(dictionary, key, loadWord(entries + (key << entryBytesLog2) + hashField))
}

function place(dictionary: i32, key: i32, hash: i32): void {
  const slots = loadWord(dictionary + slotsField)
  const mask = loadWord(dictionary + maskField)
  let slot = hash & mask
  while (loadWord(slots + (slot << 2)) !== 0) slot = (slot + 1) & mask
  storeWord(slots + (slot << 2), key + 1)
}

/** Two halves that do not wait for each other. */
export function hashOf(at: i32, length: i32): i32 {
  let hash = length
  let other: i32 = 0
  let index: i32 = 0
  for (; index + 8 <= length; index += 8) {
    hash = multiply(hash ^ loadWireWord(at + index), 0x5bd1e995)
    other = multiply(other ^ loadWireWord(at + index + 4), 0x1b873593)
    hash = hash ^ (hash >>> 15)
    other = other ^ (other >>> 15)
  }
  for (; index < length; index++) hash = multiply(hash ^ loadByte(at + index), 0x01000193)
  hash = multiply(hash ^ other ^ (hash >>> 15), 0x2c1b3c6d)
  return hash ^ (hash >>> 13)
}
