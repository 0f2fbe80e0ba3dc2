/**
 * The walk over OTLP's protobuf wire format, from bytes into columns: what engine.ts offers to the program around it, and
 * the entry of the WebAssembly build.
 *
 * This module and those that it imports are TypeScript that Node runs as it is and that AssemblyScript compiles: numbers
 * only, function declarations, every 32-bit integer signed, memory through memory.ts.
 */
import { beginAttributeMaps } from './attributes.ts'
import { beginBlocks, firstBlock } from './blocks.ts'
import { allocate, freeAll } from './memory.ts'
import { appendSpan, beginSpans } from './spans.ts'
import { beginValues } from './value.ts'
import { beginRecord, leaveMessage, moveTo, position, readTag, skipField, takeBytes } from './wire.ts'

export { allocate, beginRecord, firstBlock }

/** Forgets all rows. */
export function begin(): void {
  freeAll()
  beginBlocks()
  beginValues()
  beginAttributeMaps()
  beginSpans()
}

const itemTag: i32 = 18
/** Messages above it: the request and ResourceSpans. */
const scopeDepth: i32 = 3

/** Appends up to `countMax` spans of a ScopeSpans, or what is left of one; where to go on. */
export function appendSpans(start: i32, end: i32, countMax: i32): i32 {
  let left = countMax
  moveTo(start)
  while (left > 0 && position < end) {
    const tag = readTag()
    if (tag === itemTag) {
      const itemStart = takeBytes(end)
      const itemEnd = position
      appendSpan(itemStart, itemEnd)
      moveTo(itemEnd)
      left -= 1
    } else skipField(tag, end, scopeDepth)
  }
  leaveMessage(end)
  return position
}
