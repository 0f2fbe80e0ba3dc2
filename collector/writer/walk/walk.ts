/**
 * The walk over OTLP's protobuf wire format, from bytes into columns: what engine.ts offers to the program around it, and
 * the entry of the WebAssembly build.
 *
 * This module and those that it imports are TypeScript that Node runs as it is and that AssemblyScript compiles: numbers
 * only, function declarations, every 32-bit integer signed, memory through memory.ts.
 */
import { beginAttributeMaps } from './attributes.ts'
import { beginBlocks, endRuns, firstBlock } from './blocks.ts'
import { beginEnvelopes, noteEnvelope, noteRequest, resourceDepth, scopeDepth } from './envelope.ts'
import { appendLog, beginLogs, setQueuedTime } from './logs.ts'
import { allocate, fillBytes, freeAll, limitHeap } from './memory.ts'
import { appendMetric, beginMetrics, hasMorePoints } from './metrics.ts'
import { beginPoints } from './points.ts'
import { clear, newScratch, rangeCount, rangeEnd, rangeStart } from './scratch.ts'
import { appendSpan, beginSpans } from './spans.ts'
import { appendWord, newStream } from './stream.ts'
import { beginSubjects, findResource, findScope, forgetSubjects } from './subjects.ts'
import { beginValues } from './value.ts'
import { beginMessages } from './wire.ts'

export { allocate, firstBlock, forgetSubjects, limitHeap, setQueuedTime }

/** Signals by number. */
export const traces: i32 = 0
export const logs: i32 = 1
export const metrics: i32 = 2

/** So much is left behind a record, because reading may run past its end before that is noticed. */
export const zeroBytesBehind: i32 = 32

/** The record under way, by the number that the program around gave it. */
let signal: i32 = 0
let record: i32 = 0
let tenant: i32 = 0
/** Messages of the request, of the resource under way, of the scope under way; and which of them comes next. */
let resourceEnvelopes: i32 = 0
let scopeEnvelopes: i32 = 0
let items: i32 = 0
let nextResource: i32 = 0
let nextScope: i32 = 0
let nextItem: i32 = 0
/** Their numbers. */
let resource: i32 = 0
let scope: i32 = 0
/** A stream of all resources as they came, and the one that came last. */
let resources: i32 = 0
let lastResource: i32 = 0

/** Forgets all rows. */
export function begin(): void {
  freeAll()
  beginSubjects()
  beginBlocks()
  beginEnvelopes()
  beginValues()
  beginAttributeMaps()
  beginSpans()
  beginLogs()
  beginPoints()
  beginMetrics()
  resourceEnvelopes = newScratch()
  scopeEnvelopes = newScratch()
  items = newScratch()
  resources = newStream()
  lastResource = -1
}

/** The stream of the numbers of all resources, with or without rows. */
export function seenResources(): i32 {
  return resources
}

/** A record that lies in the heap, with room for the zeros behind it. */
export function beginRecord(
  recordSignal: i32,
  start: i32,
  end: i32,
  recordNumber: i32,
  tenantNumber: i32,
): void {
  fillBytes(end, zeroBytesBehind, 0)
  signal = recordSignal
  record = recordNumber
  tenant = tenantNumber
  beginMessages()
  noteRequest(start, end, resourceEnvelopes)
  clear(scopeEnvelopes)
  clear(items)
  nextResource = 0
  nextScope = 0
  nextItem = 0
}

/**
 * Goes on with the record for about so many items, spans, log records or points; an envelope counts as one. How many they
 * were: fewer when the record has come to its end. A metric of many points is gone on with.
 */
export function appendItems(countMax: i32): i32 {
  let left = countMax
  while (left > 0) {
    if (nextItem < rangeCount(items)) left -= appendItem(left)
    else if (nextScope < rangeCount(scopeEnvelopes)) {
      beginScope()
      left -= 1
    } else if (nextResource < rangeCount(resourceEnvelopes)) {
      beginResource()
      left -= 1
    } else break
  }
  return countMax - left
}

function beginResource(): void {
  const start = rangeStart(resourceEnvelopes, nextResource)
  noteEnvelope(start, rangeEnd(resourceEnvelopes, nextResource), resourceDepth, scopeEnvelopes)
  nextResource += 1
  nextScope = 0
  resource = findResource(tenant)
  if (resource !== lastResource) appendWord(resources, resource)
  lastResource = resource
}

function beginScope(): void {
  const start = rangeStart(scopeEnvelopes, nextScope)
  noteEnvelope(start, rangeEnd(scopeEnvelopes, nextScope), scopeDepth, items)
  nextScope += 1
  nextItem = 0
  scope = findScope()
}

/** How much it counts. */
function appendItem(countMax: i32): i32 {
  const start = rangeStart(items, nextItem)
  const end = rangeEnd(items, nextItem)
  let count: i32 = 1
  if (signal === traces) appendSpan(start, end)
  else if (signal === logs) appendLog(start, end)
  else count += appendMetric(start, end, countMax)
  if (hasMorePoints()) return count
  nextItem += 1
  if (nextItem === rangeCount(items)) endRuns(record, resource, scope)
  return count
}
