/**
 * Bytes that are appended to and never move: a chain of chunks. An allocated stream has four words: first chunk, current
 * chunk, where the next byte goes, where the chunk ends. A chunk begins with two words: the next chunk, its count of bytes.
 */
import { allocate, copyAscii, copyBytes, loadWord, storeByte, storeWord } from './memory.ts'
import { makeValid, textAt, textLength } from './text.ts'

const chunkBytesFirst: i32 = 4096
const chunkBytesMax: i32 = 1 << 17
const headerBytes: i32 = 8

export function newStream(): i32 {
  const stream = allocate(16)
  storeWord(stream, 0)
  storeWord(stream + 4, 0)
  storeWord(stream + 8, 0)
  storeWord(stream + 12, 0)
  return stream
}

/** Where `count` bytes may be written; `advance` tells how far they were. */
export function reserve(stream: i32, count: i32): i32 {
  const at = loadWord(stream + 8)
  return count <= loadWord(stream + 12) - at ? at : addChunk(stream, count)
}

export function advance(stream: i32, to: i32): void {
  storeWord(stream + 8, to)
}

function addChunk(stream: i32, count: i32): i32 {
  const last = loadWord(stream + 4)
  let size = chunkBytesFirst
  if (last !== 0) {
    const used = loadWord(stream + 8) - last - headerBytes
    storeWord(last + 4, used)
    size = used < chunkBytesMax >> 1 ? used * 2 : chunkBytesMax
  }
  if (size < count) size = count
  const chunk = allocate(headerBytes + size)
  storeWord(chunk, 0)
  if (last === 0) storeWord(stream, chunk)
  else storeWord(last, chunk)
  storeWord(stream + 4, chunk)
  storeWord(stream + 8, chunk + headerBytes)
  storeWord(stream + 12, chunk + headerBytes + size)
  return chunk + headerBytes
}

export function appendWord(stream: i32, value: i32): void {
  const at = reserve(stream, 4)
  storeWord(at, value)
  advance(stream, at + 4)
}

export function appendRaw(stream: i32, from: i32, count: i32): void {
  const at = reserve(stream, count)
  copyBytes(at, from, count)
  advance(stream, at + count)
}

/** ClickHouse's String: a length and bytes, of whatever kind. */
export function appendBytes(stream: i32, from: i32, count: i32): void {
  const at = storeLength(reserve(stream, count + 5), count)
  copyBytes(at, from, count)
  advance(stream, at + count)
}

/** A String of valid UTF-8. */
export function appendText(stream: i32, from: i32, count: i32): void {
  const at = storeLength(reserve(stream, count + 5), count)
  if (copyAscii(at, from, count)) advance(stream, at + count)
  else appendWideText(stream, from, count)
}

function appendWideText(stream: i32, from: i32, count: i32): void {
  makeValid(from, count)
  appendBytes(stream, textAt, textLength)
}

/** A varint; where it ends. */
function storeLength(at: i32, length: i32): i32 {
  let rest = length
  let end = at
  while (rest >= 0x80) {
    storeByte(end, (rest & 0x7f) | 0x80)
    rest = rest >> 7
    end += 1
  }
  storeByte(end, rest)
  return end + 1
}
