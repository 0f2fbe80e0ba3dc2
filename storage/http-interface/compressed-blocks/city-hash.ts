/**
 * CityHash128 as of its version 1.0.2, which ClickHouse has kept for the checksums of its compressed blocks; later versions of
 * the algorithm give other values. 64-bit words are kept as two halves in an Int32Array, because BigInt is ten times slower.
 */

/** Of a word: where its low half lies in `words`. The high half follows. */
type Word = number

const words = new Int32Array(64)
let wordCount = 0
const word = (high = 0, low = 0): Word => {
  const at = wordCount
  wordCount += 2
  words[at] = low
  words[at + 1] = high
  return at
}

const k0 = word(0xc3a5c85c, 0x97cb3127)
const k1 = word(0xb492b66f, 0xbe98f273)
const k2 = word(0x9ae16a3b, 0x2f90404f)
const k3 = word(0xc949d7c7, 0x509e6557)
const kMul = word(0x9ddfea08, 0xeb382d69)

const [x, y, z, v0, v1, w0, w1] = [word(), word(), word(), word(), word(), word(), word()]
const [a, b, c, d, e, f, g] = [word(), word(), word(), word(), word(), word(), word()]
const [seed0, seed1, hash0, hash1] = [word(), word(), word(), word()]

/** The bit operation tells the compiler that it is a 32-bit integer. */
const at = (index: number): number => (words[index] as number) | 0

const copy = (to: Word, from: Word): void => {
  words[to] = at(from)
  words[to + 1] = at(from + 1)
}
const setNumber = (to: Word, value: number): void => {
  words[to] = value
  words[to + 1] = 0
}
const add = (to: Word, other: Word): void => {
  const low = at(to) + at(other)
  const isCarried = low >>> 0 < at(to) >>> 0
  words[to] = low
  words[to + 1] = at(to + 1) + at(other + 1) + (isCarried ? 1 : 0)
}
const subtract = (to: Word, other: Word): void => {
  const isBorrowed = at(to) >>> 0 < at(other) >>> 0
  words[to] = at(to) - at(other)
  words[to + 1] = at(to + 1) - at(other + 1) - (isBorrowed ? 1 : 0)
}
const xor = (to: Word, other: Word): void => {
  words[to] = at(to) ^ at(other)
  words[to + 1] = at(to + 1) ^ at(other + 1)
}
/** By quarters, so that no product of two is beyond what a double holds exactly. */
const multiply = (to: Word, other: Word): void => {
  const low = at(to)
  const [low0, low1] = [low & 0xffff, low >>> 16]
  const otherLow = at(other)
  const [other0, other1] = [otherLow & 0xffff, otherLow >>> 16]
  const first = low0 * other0
  const [inner, outer] = [low0 * other1, low1 * other0]
  const middle = (first >>> 16) + (inner & 0xffff) + (outer & 0xffff)
  const carried = low1 * other1 + (inner >>> 16) + (outer >>> 16) + (middle >>> 16)
  words[to + 1] = carried + Math.imul(low, at(other + 1)) + Math.imul(at(to + 1), otherLow)
  words[to] = (first & 0xffff) | (middle << 16)
}
/** To the right, by 1 to 63 bits. */
const rotate = (to: Word, bits: number): void => {
  const isSwapped = bits >= 32
  const low = at(isSwapped ? to + 1 : to)
  const high = at(isSwapped ? to : to + 1)
  const shift = bits & 31
  words[to] = shift === 0 ? low : (low >>> shift) | (high << (32 - shift))
  words[to + 1] = shift === 0 ? high : (high >>> shift) | (low << (32 - shift))
}
/** `to ^= to >>> 47` */
const shiftMix = (to: Word): void => {
  words[to] = at(to) ^ (at(to + 1) >>> 15)
}

let bytes: Uint8Array = new Uint8Array()
const fetch32 = (from: number): number =>
  (bytes[from] as number) |
  ((bytes[from + 1] as number) << 8) |
  ((bytes[from + 2] as number) << 16) |
  ((bytes[from + 3] as number) << 24)
const fetch = (to: Word, from: number): void => {
  words[to] = fetch32(from)
  words[to + 1] = fetch32(from + 4)
}
const addFetched = (to: Word, from: number): void => {
  fetch(g, from)
  add(to, g)
}

/** 16 bytes, as they stand before a compressed block. */
export const cityHash128 = (input: Uint8Array): Buffer => {
  bytes = input
  const { length } = input
  if (length >= 16) {
    fetch(seed0, 0)
    xor(seed0, k3)
    fetch(seed1, 8)
    hashWithSeed(16, length - 16)
  } else if (length >= 8) {
    fetch(seed0, 0)
    setNumber(seed1, length)
    multiply(seed1, k0)
    xor(seed0, seed1)
    fetch(seed1, length - 8)
    xor(seed1, k1)
    hashWithSeed(0, 0)
  } else {
    copy(seed0, k0)
    copy(seed1, k1)
    hashWithSeed(0, length)
  }
  bytes = new Uint8Array()
  const hash = Buffer.allocUnsafe(16)
  hash.writeInt32LE(at(hash0), 0)
  hash.writeInt32LE(at(hash0 + 1), 4)
  hash.writeInt32LE(at(hash1), 8)
  hash.writeInt32LE(at(hash1 + 1), 12)
  return hash
}

const hashWithSeed = (start: number, length: number): void => {
  if (length < 128) hashShort(start, length)
  else hashLong(start, length)
}

const hashLong = (start: number, length: number): void => {
  copy(x, seed0)
  copy(y, seed1)
  setNumber(z, length)
  multiply(z, k1)
  copy(v0, y)
  xor(v0, k1)
  rotate(v0, 49)
  multiply(v0, k1)
  addFetched(v0, start)
  copy(v1, v0)
  rotate(v1, 42)
  multiply(v1, k1)
  addFetched(v1, start + 8)
  copy(w0, y)
  add(w0, z)
  rotate(w0, 35)
  multiply(w0, k1)
  add(w0, x)
  copy(w1, x)
  addFetched(w1, start + 88)
  rotate(w1, 53)
  multiply(w1, k1)

  let from = start
  let left = length
  for (; left >= 128; left -= 128, from += 128) {
    mixBlock(from)
    mixBlock(from + 64)
  }

  copy(a, w0)
  rotate(a, 37)
  multiply(a, k0)
  add(y, a)
  add(y, z)
  copy(a, v0)
  add(a, z)
  rotate(a, 49)
  multiply(a, k0)
  add(x, a)
  for (let done = 32; done - 32 < left; done += 32) mixTail(from + left - done)
  hash16(x, x, v0)
  hash16(y, y, w0)
  copy(hash0, x)
  add(hash0, v1)
  hash16(hash0, hash0, w1)
  add(hash0, y)
  copy(a, x)
  add(a, w1)
  copy(b, y)
  add(b, v1)
  hash16(hash1, a, b)
}

/** 64 bytes into the state. */
const mixBlock = (from: number): void => {
  add(x, y)
  add(x, v0)
  addFetched(x, from + 16)
  rotate(x, 37)
  multiply(x, k1)
  add(y, v1)
  addFetched(y, from + 48)
  rotate(y, 42)
  multiply(y, k1)
  xor(x, w1)
  xor(y, v0)
  xor(z, w0)
  rotate(z, 33)
  multiply(v1, k1)
  copy(a, x)
  add(a, w0)
  weakHash(v0, v1, from, v1, a)
  add(w1, z)
  weakHash(w0, w1, from + 32, w1, y)
  copy(a, z)
  copy(z, x)
  copy(x, a)
}

const mixTail = (from: number): void => {
  subtract(y, x)
  rotate(y, 42)
  multiply(y, k0)
  add(y, v1)
  addFetched(w0, from + 16)
  rotate(x, 49)
  multiply(x, k0)
  add(x, w0)
  add(w0, v0)
  weakHash(v0, v1, from, v0, v1)
}

/** 32 bytes and two words into two words. Changes `b`, `c`, `d`. */
const weakHash = (to0: Word, to1: Word, from: number, first: Word, second: Word): void => {
  copy(b, first)
  addFetched(b, from)
  copy(c, second)
  add(c, b)
  addFetched(c, from + 24)
  rotate(c, 21)
  copy(to1, b)
  addFetched(b, from + 8)
  addFetched(b, from + 16)
  copy(d, b)
  rotate(d, 44)
  add(c, d)
  copy(to0, b)
  addFetched(to0, from + 24)
  add(to1, c)
}

/** Two words into one, which may be one of them. Changes `e`, `f`. */
const hash16 = (to: Word, low: Word, high: Word): void => {
  copy(e, low)
  xor(e, high)
  multiply(e, kMul)
  shiftMix(e)
  copy(f, high)
  xor(f, e)
  multiply(f, kMul)
  shiftMix(f)
  multiply(f, kMul)
  copy(to, f)
}

/** Less than 128 bytes, and the seed. */
const hashShort = (start: number, length: number): void => {
  copy(a, seed0)
  copy(b, seed1)
  if (length <= 16) {
    multiply(a, k1)
    shiftMix(a)
    multiply(a, k1)
    hash0to16(c, start, length)
    copy(d, b)
    multiply(d, k1)
    add(c, d)
    if (length >= 8) fetch(d, start)
    else copy(d, c)
    add(d, a)
    shiftMix(d)
  } else {
    fetch(c, start + length - 8)
    add(c, k1)
    hash16(c, c, a)
    copy(x, c)
    addFetched(x, start + length - 16)
    setNumber(d, length)
    add(d, b)
    hash16(d, d, x)
    add(a, d)
    for (let from = start, left = length - 16; left > 0; from += 16, left -= 16) {
      mixShort(a, b, from)
      mixShort(c, d, from + 8)
    }
  }
  hash16(a, a, c)
  hash16(b, d, b)
  copy(hash0, a)
  xor(hash0, b)
  hash16(hash1, b, a)
}

/** 8 bytes into a word, and that into another. */
const mixShort = (to: Word, other: Word, from: number): void => {
  fetch(g, from)
  multiply(g, k1)
  shiftMix(g)
  multiply(g, k1)
  xor(to, g)
  multiply(to, k1)
  xor(other, to)
}

const hash0to16 = (to: Word, start: number, length: number): void => {
  if (length > 8) {
    fetch(x, start)
    fetch(y, start + length - 8)
    setNumber(z, length)
    copy(w0, y)
    add(w0, z)
    rotate(w0, length)
    hash16(to, x, w0)
    xor(to, y)
  } else if (length >= 4) {
    const first = fetch32(start)
    words[x] = first << 3
    words[x + 1] = first >>> 29
    setNumber(z, length)
    add(x, z)
    setNumber(y, fetch32(start + length - 4))
    hash16(to, x, y)
  } else if (length > 0) {
    const [first, middle, last] = [bytes[start], bytes[start + (length >> 1)], bytes[start + length - 1]]
    setNumber(x, (first as number) + ((middle as number) << 8))
    setNumber(y, length + ((last as number) << 2))
    multiply(x, k2)
    multiply(y, k3)
    xor(x, y)
    shiftMix(x)
    multiply(x, k2)
    copy(to, x)
  } else copy(to, k2)
}
