/**
 * The linear heap of the walk on Node: everything that it keeps are numbers at addresses in here. The WebAssembly build
 * takes memory.wasm.ts in place of this module. Values are little-endian, 64-bit integers are two halves, and every 32-bit
 * integer is signed.
 *
 * Nothing is freed by itself: memory is taken in turn, and `freeAll` starts again behind what is kept.
 */
import { heapFull } from './faults.ts'
import { fail } from './host.ts'

const heapBytesMin = 1 << 25
/** No address of anything: 0 says that there is none. */
const firstAddress = 16
/** Loops that copy or compare need not look where the heap ends. */
const slackBytes = 64

let bytes = new Uint8Array(heapBytesMin)
let words = new Int32Array(bytes.buffer)
let view = new DataView(bytes.buffer)
/** What lies before it is kept. */
let base = firstAddress
let top = firstAddress
let limit = heapBytesMin

/** The whole heap; another array after any act of the walk. */
export const heapBytes = (): Uint8Array => bytes

/** Gives back what a large batch took, and what was kept is lost. */
export const dropHeap = (): void => {
  if (bytes.length > heapBytesMin) replace(new Uint8Array(heapBytesMin))
  top = base
}

/** What needs more than so many bytes beside what is kept makes no rows. Addresses are signed, so it is less than 2 GiB. */
export function limitHeap(byteCount: i32): void {
  limit = byteCount
}

export function allocate(byteCount: i32): i32 {
  if (byteCount < 0 || byteCount > limit - slackBytes - (top - base)) fail(heapFull, 0)
  return take(byteCount)
}

function take(byteCount: i32): i32 {
  const address = top
  top += (byteCount + 7) & -8
  if (top + slackBytes > bytes.length) grow(top + slackBytes)
  return address
}

export function freeAll(): void {
  top = base
}

/** Takes memory that is not freed, and frees the rest. It may hold anything. */
export function keep(byteCount: i32): i32 {
  freeAll()
  const address = take(byteCount)
  base = top
  return address
}

function grow(byteCount: i32): void {
  const grown = new Uint8Array(Math.max(byteCount, bytes.length * 2))
  grown.set(bytes)
  replace(grown)
}

const replace = (heap: Uint8Array<ArrayBuffer>): void => {
  bytes = heap
  words = new Int32Array(heap.buffer)
  view = new DataView(heap.buffer)
}

export function loadByte(at: i32): i32 {
  return bytes[at] as number
}

export function storeByte(at: i32, value: i32): void {
  bytes[at] = value
}

/** At a multiple of 4, as everything is that `allocate` gives. */
export function loadWord(at: i32): i32 {
  return words[at >> 2] as number
}

export function storeWord(at: i32, value: i32): void {
  words[at >> 2] = value
}

/** At any address, as values of the wire lie. */
export function loadWireWord(at: i32): i32 {
  return view.getInt32(at, true)
}

export function loadDouble(at: i32): f64 {
  return view.getFloat64(at, true)
}

export function storeDouble(at: i32, value: f64): void {
  view.setFloat64(at, value, true)
}

const loopBytesMax = 24

export function copyBytes(to: i32, from: i32, count: i32): void {
  if (count > loopBytesMax) bytes.copyWithin(to, from, from + count)
  else for (let index = 0; index < count; index++) bytes[to + index] = bytes[from + index] as number
}

/** Copies, and tells whether no byte has its highest bit set. */
export function copyAscii(to: i32, from: i32, count: i32): boolean {
  let bits = 0
  if (count <= loopBytesMax) {
    for (let index = 0; index < count; index++) {
      const byte = bytes[from + index] as number
      bits |= byte
      bytes[to + index] = byte
    }
    return bits < 0x80
  }
  bytes.copyWithin(to, from, from + count)
  return isAscii(from, count)
}

export function isAscii(at: i32, count: i32): boolean {
  let bits = 0
  let index = 0
  for (; index + 4 <= count; index += 4) bits |= view.getInt32(at + index, true)
  for (; index < count; index++) bits |= bytes[at + index] as number
  return (bits & 0x80808080) === 0
}

export function fillBytes(at: i32, count: i32, value: i32): void {
  bytes.fill(value, at, at + count)
}

export function isEqual(left: i32, right: i32, count: i32): boolean {
  let index = 0
  for (; index + 4 <= count; index += 4)
    if (view.getInt32(left + index, true) !== view.getInt32(right + index, true)) return false
  for (; index < count; index++) if (bytes[left + index] !== bytes[right + index]) return false
  return true
}

/** The low 32 bits of a product. */
export function multiply(left: i32, right: i32): i32 {
  return Math.imul(left, right)
}

/** Whether the left is less when both are taken as unsigned. */
export function isBelow(left: i32, right: i32): boolean {
  return left >>> 0 < right >>> 0
}

/** A 64-bit integer as the nearest double. */
export function doubleOf(low: i32, high: i32): f64 {
  return high * 0x1_0000_0000 + (low >>> 0)
}

/** A double that is a whole number of 32 bits. */
export function truncate(value: f64): i32 {
  return value | 0
}
