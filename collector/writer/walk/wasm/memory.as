/**
 * memory.ts for the WebAssembly build, in AssemblyScript: the same functions over WebAssembly's own memory, which grows as
 * needed up to the limit and never shrinks: after a large batch the module is instantiated anew (batch-walk.ts).
 */
import { heapFull } from './faults'
import { fail } from './host'
const firstAddress: i32 = 16
const slackBytes: i32 = 64
const pageBytesLog2: i32 = 16
let base: i32 = firstAddress
let top: i32 = firstAddress
let limit: i32 = 1 << 24
export function limitHeap(byteCount: i32): void { limit = byteCount }
export function allocate(byteCount: i32): i32 {
  if (byteCount < 0 || byteCount > limit - slackBytes - (top - base)) fail(heapFull, 0)
  return take(byteCount)
}
function take(byteCount: i32): i32 {
  const address = top
  top += (byteCount + 7) & -8
  const missing = top + slackBytes - (memory.size() << pageBytesLog2)
  if (missing > 0) grow((missing + 0xffff) >> pageBytesLog2)
  return address
}
/** Twice as large if that can be had, else what is needed. */
function grow(pages: i32): void {
  if (memory.grow(max(pages, memory.size())) < 0 && memory.grow(pages) < 0) fail(heapFull, 0)
}
export function freeAll(): void { top = base }
export function keep(byteCount: i32): i32 {
  freeAll()
  const address = take(byteCount)
  base = top
  return address
}
export function loadByte(at: i32): i32 { return load<u8>(at) }
export function storeByte(at: i32, value: i32): void { store<u8>(at, value) }
export function loadWord(at: i32): i32 { return load<i32>(at) }
export function storeWord(at: i32, value: i32): void { store<i32>(at, value) }
export function loadWireWord(at: i32): i32 { return load<i32>(at) }
export function loadDouble(at: i32): f64 { return load<f64>(at) }
export function storeDouble(at: i32, value: f64): void { store<f64>(at, value) }
/** Less than so many bytes are copied faster by a loop than by the instruction. */
const loopBytesMax: i32 = 256
/** Both ends are copied as one piece each, which may overlap: there is no rest to go through byte by byte. */
export function copyBytes(to: i32, from: i32, count: i32): void {
  if (count >= 16) {
    if (count > loopBytesMax) { memory.copy(to, from, count); return }
    const last = v128.load(from + count - 16)
    for (let i = 0; i + 16 < count; i += 16) v128.store(to + i, v128.load(from + i))
    v128.store(to + count - 16, last)
  } else if (count >= 8) {
    const last = load<i64>(from + count - 8)
    store<i64>(to, load<i64>(from))
    store<i64>(to + count - 8, last)
  } else if (count >= 4) {
    const last = load<i32>(from + count - 4)
    store<i32>(to, load<i32>(from))
    store<i32>(to + count - 4, last)
  } else for (let i = 0; i < count; i++) store<u8>(to + i, load<u8>(from + i))
}
export function copyAscii(to: i32, from: i32, count: i32): bool {
  if (count >= 16) {
    let bits = v128.load(from + count - 16)
    v128.store(to + count - 16, bits)
    for (let i = 0; i + 16 < count; i += 16) {
      const piece = v128.load(from + i)
      bits = v128.or(bits, piece)
      v128.store(to + i, piece)
    }
    return i8x16.bitmask(bits) == 0
  }
  if (count >= 8) {
    const first = load<i64>(from)
    const last = load<i64>(from + count - 8)
    store<i64>(to, first)
    store<i64>(to + count - 8, last)
    return ((first | last) & 0x8080808080808080) == 0
  }
  if (count >= 4) {
    const first = load<i32>(from)
    const last = load<i32>(from + count - 4)
    store<i32>(to, first)
    store<i32>(to + count - 4, last)
    return ((first | last) & 0x80808080) == 0
  }
  let bits: i32 = 0
  for (let i = 0; i < count; i++) { const v = load<u8>(from + i); bits |= v; store<u8>(to + i, v) }
  return bits < 0x80
}
export function isAscii(at: i32, count: i32): bool {
  let i = 0
  let bits: v128 = i64x2.splat(0)
  for (; i + 16 <= count; i += 16) bits = v128.or(bits, v128.load(at + i))
  let tail: i32 = 0
  for (; i < count; i++) tail |= load<u8>(at + i)
  return i8x16.bitmask(bits) == 0 && tail < 0x80
}
export function fillBytes(at: i32, count: i32, value: i32): void { memory.fill(at, u8(value), count) }
export function isEqual(left: i32, right: i32, count: i32): bool {
  if (count >= 16) {
    for (let i = 0; i + 16 < count; i += 16)
      if (v128.any_true(v128.xor(v128.load(left + i), v128.load(right + i)))) return false
    return !v128.any_true(v128.xor(v128.load(left + count - 16), v128.load(right + count - 16)))
  }
  if (count >= 8)
    return ((load<i64>(left) ^ load<i64>(right)) | (load<i64>(left + count - 8) ^ load<i64>(right + count - 8))) == 0
  if (count >= 4)
    return ((load<i32>(left) ^ load<i32>(right)) | (load<i32>(left + count - 4) ^ load<i32>(right + count - 4))) == 0
  for (let i = 0; i < count; i++) if (load<u8>(left + i) != load<u8>(right + i)) return false
  return true
}
export function multiply(left: i32, right: i32): i32 { return left * right }
export function isBelow(left: i32, right: i32): bool { return u32(left) < u32(right) }
export function doubleOf(low: i32, high: i32): f64 { return f64(high) * 4294967296.0 + f64(u32(low)) }
export function truncate(value: f64): i32 { return i32(value) }
