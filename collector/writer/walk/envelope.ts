/**
 * ResourceSpans, ScopeSpans and their like in logs and metrics have the same three fields: what their items are of (a
 * resource or a scope), the items, and a schema URL.
 */
import { allocate, copyBytes } from './memory.ts'
import { clear, newScratch, pushRange, rangeCount, rangeEnd, rangeStart } from './scratch.ts'
import { checkEntry } from './value.ts'
import {
  enterMessage,
  leaveMessage,
  low,
  messagesLeft,
  moveTo,
  position,
  readTag,
  skipField,
  takeBytes,
  takeMessages,
} from './wire.ts'

const requestDepth: i32 = 1
export const resourceDepth: i32 = 2
export const scopeDepth: i32 = 3

const subjectTag: i32 = 10
const itemTag: i32 = 18
const schemaUrlTag: i32 = 26

/** Of the envelope that was noted last: the resource or scope, of no bytes where there is none, and the schema URL. */
export let subjectAt: i32 = 0
export let subjectLength: i32 = 0
export let schemaUrlAt: i32 = 0
export let schemaUrlLength: i32 = 0

let subjects: i32 = 0

export function beginEnvelopes(): void {
  subjects = newScratch()
}

/** Notes where the messages of the request lie that are one for each resource. */
export function noteRequest(start: i32, end: i32, envelopes: i32): void {
  clear(envelopes)
  moveTo(start)
  enterMessage(requestDepth)
  while (position < end) {
    const tag = readTag()
    if (tag === subjectTag) {
      const envelope = takeBytes(end)
      pushRange(envelopes, envelope, position)
    } else skipField(tag, end, requestDepth)
  }
  leaveMessage(end)
}

/** The items are noted in the order of the wire, of which the subject may come last. */
export function noteEnvelope(start: i32, end: i32, depth: i32, items: i32): void {
  clear(items)
  clear(subjects)
  subjectAt = start
  subjectLength = 0
  schemaUrlAt = start
  schemaUrlLength = 0
  moveTo(start)
  enterMessage(depth)
  while (position < end) {
    const tag = readTag()
    if (tag === itemTag) {
      const item = takeBytes(end)
      pushRange(items, item, position)
    } else if (tag === subjectTag) {
      takeMessages(1)
      subjectAt = takeBytes(end)
      subjectLength = low
      pushRange(subjects, subjectAt, position)
    } else if (tag === schemaUrlTag) {
      schemaUrlAt = takeBytes(end)
      schemaUrlLength = low
    } else skipField(tag, end, depth)
  }
  leaveMessage(end)
  if (rangeCount(subjects) > 1) joinSubjects(depth)
}

/** A field that is there once and comes again is merged: its bytes one behind the other, each whole by itself. */
function joinSubjects(depth: i32): void {
  const count = rangeCount(subjects)
  subjectLength = 0
  for (let index: i32 = 0; index < count; index++) {
    const start = rangeStart(subjects, index)
    const end = rangeEnd(subjects, index)
    takeMessages(-countInside(start, end, depth + 1))
    subjectLength += end - start
  }
  let to = allocate(subjectLength)
  subjectAt = to
  for (let index: i32 = 0; index < count; index++) {
    const start = rangeStart(subjects, index)
    copyBytes(to, start, rangeEnd(subjects, index) - start)
    to += rangeEnd(subjects, index) - start
  }
}

const resourceAttributesTag: i32 = 10
const scopeAttributesTag: i32 = 26
const entityRefTag: i32 = 26

/** Checks the wire of a Resource (three deep) or an InstrumentationScope, and counts the messages inside. */
export function countInside(start: i32, end: i32, depth: i32): i32 {
  const isResource = depth === resourceDepth + 1
  const attributesTag = isResource ? resourceAttributesTag : scopeAttributesTag
  const before = messagesLeft
  moveTo(start)
  while (position < end) {
    const tag = readTag()
    if (tag === attributesTag) checkEntry(end, depth + 1)
    else {
      if (tag === entityRefTag) takeMessages(1)
      skipField(tag, end, depth)
    }
  }
  leaveMessage(end)
  return before - messagesLeft
}
