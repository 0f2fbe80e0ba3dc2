/**
 * The walk over OTLP's protobuf wire format, from bytes into columns: what engine.ts offers to the program around it, and
 * the entry of the WebAssembly build.
 *
 * This module and those that it imports are TypeScript that Node runs as it is and that AssemblyScript compiles: numbers
 * only, function declarations, every 32-bit integer signed, memory through memory.ts.
 */
import { beginAttributeMaps } from './attributes.ts'
import { beginBlocks, firstBlock } from './blocks.ts'
import { hashOf } from './dictionary.ts'
import { appendLog, beginLogs, setQueuedTime } from './logs.ts'
import { allocate, freeAll, limitHeap } from './memory.ts'
import { appendMetric, beginMetrics, hasMorePoints } from './metrics.ts'
import { beginPoints } from './points.ts'
import { appendSpan, beginSpans } from './spans.ts'
import { beginValues, checkEntry } from './value.ts'
import {
  beginRecord,
  enterMessage,
  leaveMessage,
  messagesLeft,
  moveTo,
  position,
  readTag,
  skipField,
  takeBytes,
  takeMessages,
} from './wire.ts'

export { allocate, beginRecord, firstBlock, hashOf, limitHeap, setQueuedTime, takeMessages }

/** Forgets all rows. */
export function begin(): void {
  freeAll()
  beginBlocks()
  beginValues()
  beginAttributeMaps()
  beginSpans()
  beginLogs()
  beginPoints()
  beginMetrics()
}

/** Signals by number. */
export const traces: i32 = 0
export const logs: i32 = 1
export const metrics: i32 = 2

const itemTag: i32 = 18
/** Messages above it: the request and ResourceSpans. */
const scopeDepth: i32 = 3

/**
 * Appends up to `countMax` spans of a ScopeSpans, or what is left of one; where to go on. So with logs and metrics, whose
 * envelopes are alike. A metric with more points than that is gone on with, as long as nothing else is walked before.
 */
export function appendItems(signal: i32, start: i32, end: i32, countMax: i32): i32 {
  let left = countMax
  moveTo(start)
  while (left > 0 && position < end) {
    const tagAt = position
    const tag = readTag()
    if (tag === itemTag) {
      const itemStart = takeBytes(end)
      const itemEnd = position
      if (signal === traces) appendSpan(itemStart, itemEnd)
      else if (signal === logs) appendLog(itemStart, itemEnd)
      else left -= appendMetric(itemStart, itemEnd, left)
      if (hasMorePoints()) return tagAt
      moveTo(itemEnd)
      left -= 1
    } else skipField(tag, end, scopeDepth)
  }
  leaveMessage(end)
  return position
}

const resourceAttributesTag: i32 = 10
const entityRefTag: i32 = 26
const scopeAttributesTag: i32 = 26

/** Resource or InstrumentationScope: checks the wire, and counts the messages in it, itself included. */
export function countSubject(start: i32, end: i32, isResource: boolean): i32 {
  const attributesTag = isResource ? resourceAttributesTag : scopeAttributesTag
  const depth: i32 = isResource ? scopeDepth : scopeDepth + 1
  const before = messagesLeft
  moveTo(start)
  enterMessage(depth)
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
