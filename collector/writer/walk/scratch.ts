/** Lists that are used again and again: text that is being put together, and ranges of bytes that were noted. */
import { allocate, copyBytes, loadWord, storeByte, storeWord } from './memory.ts'

/** Three words: where it lies, room, bytes in use. */
export function newScratch(): i32 {
  const scratch = allocate(12)
  storeWord(scratch, allocate(64))
  storeWord(scratch + 4, 64)
  storeWord(scratch + 8, 0)
  return scratch
}

export function clear(scratch: i32): void {
  storeWord(scratch + 8, 0)
}

export function scratchAt(scratch: i32): i32 {
  return loadWord(scratch)
}

export function scratchLength(scratch: i32): i32 {
  return loadWord(scratch + 8)
}

/** Lets go what was pushed beyond so many bytes. */
export function cutTo(scratch: i32, byteCount: i32): void {
  storeWord(scratch + 8, byteCount)
}

export function pushByte(scratch: i32, value: i32): void {
  storeByte(extend(scratch, 1), value)
}

export function pushBytes(scratch: i32, from: i32, count: i32): void {
  copyBytes(extend(scratch, count), from, count)
}

export function pushRange(ranges: i32, start: i32, end: i32): void {
  const at = extend(ranges, 8)
  storeWord(at, start)
  storeWord(at + 4, end)
}

export function rangeCount(ranges: i32): i32 {
  return loadWord(ranges + 8) >> 3
}

export function rangeStart(ranges: i32, index: i32): i32 {
  return loadWord(loadWord(ranges) + (index << 3))
}

export function rangeEnd(ranges: i32, index: i32): i32 {
  return loadWord(loadWord(ranges) + (index << 3) + 4)
}

function extend(scratch: i32, count: i32): i32 {
  const length = loadWord(scratch + 8)
  if (length + count > loadWord(scratch + 4)) makeRoom(scratch, (length + count) * 2)
  storeWord(scratch + 8, length + count)
  return loadWord(scratch) + length
}

function makeRoom(scratch: i32, room: i32): void {
  const at = allocate(room)
  copyBytes(at, loadWord(scratch), loadWord(scratch + 8))
  storeWord(scratch, at)
  storeWord(scratch + 4, room)
}
