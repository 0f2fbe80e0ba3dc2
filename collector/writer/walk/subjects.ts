/**
 * Resources and scopes by the bytes that they came in, schema URL included. What is seen for the first time is read by the
 * program around, which gives it a number; it is remembered from one batch to the next, until all are forgotten.
 *
 * Telemetry repeats itself: what followed the last one is tried before the hash table is.
 */
import { hashOf } from './dictionary.ts'
import {
  countInside,
  resourceDepth,
  scopeDepth,
  schemaUrlAt,
  schemaUrlLength,
  subjectAt,
  subjectLength,
} from './envelope.ts'
import { forgetNumbers, readResource, readScope } from './host.ts'
import { copyBytes, fillBytes, isEqual, keep, loadWord, multiply, storeWord } from './memory.ts'
import { takeMessages } from './wire.ts'

/** So many resources and so many scopes are remembered; beyond, all are forgotten when the next batch begins. */
const subjectsMax: i32 = 1 << 14
/** What is remembered takes no more. */
const keptBytesMax: i32 = 1 << 24
/** Larger ones are read each time that they come. */
const subjectBytesMax: i32 = 1 << 14
/** Whoever makes more on purpose that fall on one place has them read each time. */
const probesMax: i32 = 32

/** A table: the entry that was found last, how many were read, the slots of the hash table (0, or an entry), the entries. */
const lastField: i32 = 0
const countField: i32 = 4
const slotsField: i32 = 8
const slotsMask: i32 = subjectsMax * 2 - 1
const entriesField: i32 = slotsField + subjectsMax * 8

/** An entry: where its bytes lie, subject and schema URL one behind the other. */
const bytesField: i32 = 0
const subjectLengthField: i32 = 4
const schemaUrlLengthField: i32 = 8
const tenantField: i32 = 12
const hashField: i32 = 16
/** The messages inside, which count towards those that a record may have. */
const messagesField: i32 = 20
/** What it is called by the program around. */
const numberField: i32 = 24
/** The entry that followed last time, or 0. */
const nextField: i32 = 28
const entryBytes: i32 = 32
const tableBytes: i32 = entriesField + subjectsMax * entryBytes

let resources: i32 = 0
let scopes: i32 = 0
/** Where the bytes of the next one go, and how many they may be. */
let freeAt: i32 = 0
let freeBytes: i32 = 0

export function beginSubjects(): void {
  const isCrowded =
    freeBytes < subjectBytesMax ||
    loadWord(resources + countField) >= subjectsMax ||
    loadWord(scopes + countField) >= subjectsMax
  if (resources === 0 || isCrowded) forgetSubjects()
}

export function forgetSubjects(): void {
  if (resources === 0) {
    resources = keep(tableBytes * 2 + keptBytesMax)
    scopes = resources + tableBytes
  }
  freeAt = scopes + tableBytes
  freeBytes = keptBytesMax
  fillBytes(resources, entriesField, 0)
  fillBytes(scopes, entriesField, 0)
  forgetNumbers()
}

/** The number of the resource of the envelope that was noted last. */
export function findResource(tenant: i32): i32 {
  return find(resources, tenant, resourceDepth + 1)
}

export function findScope(): i32 {
  return find(scopes, 0, scopeDepth + 1)
}

function find(table: i32, tenant: i32, depth: i32): i32 {
  const last = loadWord(table + lastField)
  if (last !== 0) {
    const next = loadWord(last + nextField)
    if (next !== 0 && isNoted(next, tenant)) return take(table, next)
  }
  const hash = multiply(hashOf(subjectAt, subjectLength), 31) + hashOf(schemaUrlAt, schemaUrlLength) + tenant
  for (let probe: i32 = 0; probe < probesMax; probe++) {
    const slot = table + slotsField + (((hash + probe) & slotsMask) << 2)
    const entry = loadWord(slot)
    if (entry === 0) return read(table, tenant, depth, hash, slot)
    if (loadWord(entry + hashField) === hash && isNoted(entry, tenant)) return take(table, entry)
  }
  return read(table, tenant, depth, hash, 0)
}

function isNoted(entry: i32, tenant: i32): boolean {
  const at = loadWord(entry + bytesField)
  return (
    loadWord(entry + subjectLengthField) === subjectLength &&
    loadWord(entry + schemaUrlLengthField) === schemaUrlLength &&
    loadWord(entry + tenantField) === tenant &&
    isEqual(at, subjectAt, subjectLength) &&
    isEqual(at + subjectLength, schemaUrlAt, schemaUrlLength)
  )
}

function take(table: i32, entry: i32): i32 {
  takeMessages(loadWord(entry + messagesField))
  follow(table, entry)
  return loadWord(entry + numberField)
}

/** `slot` is where it is remembered, 0 when it is not. */
function read(table: i32, tenant: i32, depth: i32, hash: i32, slot: i32): i32 {
  const messages = countInside(subjectAt, subjectAt + subjectLength, depth)
  const number =
    table === resources
      ? readResource(subjectAt, subjectLength, schemaUrlAt, schemaUrlLength)
      : readScope(subjectAt, subjectLength, schemaUrlAt, schemaUrlLength)
  const count = loadWord(table + countField)
  const byteCount = subjectLength + schemaUrlLength
  storeWord(table + countField, count + 1)
  if (slot === 0 || count >= subjectsMax || byteCount > subjectBytesMax || byteCount > freeBytes)
    return number
  const entry = table + entriesField + multiply(count, entryBytes)
  storeWord(entry + bytesField, freeAt)
  storeWord(entry + subjectLengthField, subjectLength)
  storeWord(entry + schemaUrlLengthField, schemaUrlLength)
  storeWord(entry + tenantField, tenant)
  storeWord(entry + hashField, hash)
  storeWord(entry + messagesField, messages)
  storeWord(entry + numberField, number)
  storeWord(entry + nextField, 0)
  copyBytes(freeAt, subjectAt, subjectLength)
  copyBytes(freeAt + subjectLength, schemaUrlAt, schemaUrlLength)
  freeAt += byteCount
  freeBytes -= byteCount
  storeWord(slot, entry)
  follow(table, entry)
  return number
}

function follow(table: i32, entry: i32): void {
  const last = loadWord(table + lastField)
  if (last !== 0) storeWord(last + nextField, entry)
  storeWord(table + lastField, entry)
}
