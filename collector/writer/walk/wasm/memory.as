/**
 * memory.ts for the WebAssembly build, in AssemblyScript: the same functions over WebAssembly's own memory, which grows as
 * needed up to 4 GiB; addresses are signed, so a walk ends at 2 GiB.
 */
const firstAddress: i32 = 16
const slackBytes: i32 = 64
let top: i32 = firstAddress
export function allocate(byteCount: i32): i32 {
  const address = top
  top += (byteCount + 7) & -8
  const missing = top + slackBytes - (memory.size() << 16)
  if (missing > 0) memory.grow(max((missing + 0xffff) >> 16, memory.size()))
  return address
}
export function freeAll(): void { top = firstAddress }
export function loadByte(at: i32): i32 { return load<u8>(at) }
export function storeByte(at: i32, value: i32): void { store<u8>(at, value) }
export function loadWord(at: i32): i32 { return load<i32>(at) }
export function storeWord(at: i32, value: i32): void { store<i32>(at, value) }
export function loadWireWord(at: i32): i32 { return load<i32>(at) }
export function storeDouble(at: i32, value: f64): void { store<f64>(at, value) }
export function copyBytes(to: i32, from: i32, count: i32): void {
  if (count > 256) memory.copy(to, from, count)
  else {
    let i = 0
    for (; i + 16 <= count; i += 16) v128.store(to + i, v128.load(from + i))
    if (i + 8 <= count) { store<i64>(to + i, load<i64>(from + i)); i += 8 }
    for (; i < count; i++) store<u8>(to + i, load<u8>(from + i))
  }
}
export function copyAscii(to: i32, from: i32, count: i32): bool {
  let bits: v128 = i64x2.splat(0)
  let i = 0
  for (; i + 16 <= count; i += 16) { const v = v128.load(from + i); bits = v128.or(bits, v); v128.store(to + i, v) }
  let rest: i64 = 0
  if (i + 8 <= count) { const v = load<i64>(from + i); rest |= v; store<i64>(to + i, v); i += 8 }
  let tail: i32 = 0
  for (; i < count; i++) { const v = load<u8>(from + i); tail |= v; store<u8>(to + i, v) }
  return (i8x16.bitmask(bits) | i32((rest & 0x8080808080808080) != 0) | (tail & 0x80)) == 0
}
export function isAscii(at: i32, count: i32): bool {
  let bits: i64 = 0
  let i = 0
  for (; i + 8 <= count; i += 8) bits |= load<i64>(at + i)
  let tail: i32 = 0
  for (; i < count; i++) tail |= load<u8>(at + i)
  return (bits & 0x8080808080808080) == 0 && tail < 0x80
}
export function fillBytes(at: i32, count: i32, value: i32): void { memory.fill(at, u8(value), count) }
export function isEqual(left: i32, right: i32, count: i32): bool {
  let i = 0
  for (; i + 8 <= count; i += 8) if (load<i64>(left + i) != load<i64>(right + i)) return false
  for (; i < count; i++) if (load<u8>(left + i) != load<u8>(right + i)) return false
  return true
}
export function multiply(left: i32, right: i32): i32 { return left * right }
export function isBelow(left: i32, right: i32): bool { return u32(left) < u32(right) }
export function doubleOf(low: i32, high: i32): f64 { return f64(high) * 4294967296.0 + f64(u32(low)) }
export function truncate(value: f64): i32 { return i32(value) }
