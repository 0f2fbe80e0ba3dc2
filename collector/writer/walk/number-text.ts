/** Numbers as JavaScript writes them, where that is proven to be simple; the others are left to the program around. */
import { allocate, copyBytes, doubleOf, loadDouble, loadWireWord, storeByte, truncate } from './memory.ts'

const minus: i32 = 0x2d
const point: i32 = 0x2e
const zeroDigit: i32 = 0x30
const roomBytes: i32 = 48

/** The text that was written last. */
export let numberAt: i32 = 0
export let numberLength: i32 = 0
/** Whether it has a fraction. */
export let hasFraction: boolean = false

/** Digits are written from here towards the front. */
let roomEnd: i32 = 0

export function beginNumberTexts(): void {
  roomEnd = allocate(roomBytes) + roomBytes
}

/** Integers of less than 2^53; false for others. */
export function writeInteger(low: i32, high: i32): boolean {
  const isNegative = high < 0
  let lowBits = low
  let highBits = high
  if (isNegative) {
    lowBits = -low | 0
    highBits = ~high + (low === 0 ? 1 : 0)
  }
  if (highBits < 0 || highBits >= 0x20_0000) return false
  if (highBits === 0 && lowBits >= 0) finish(writeDigits(roomEnd, lowBits, 1), isNegative)
  else finish(writeWhole(doubleOf(lowBits, highBits), 1), isNegative)
  return true
}

const sizeMin: f64 = 1e-6
const sizeEnd: f64 = 1e15

/**
 * The shortest text that reads back as the double at this address, for those of up to 15 digits that JavaScript writes
 * without an exponent; false for others.
 *
 * A decimal of up to 15 digits is the only one of its double. Digits over a power of ten up to 10^22 are divided exactly
 * rounded, as a parser does it, so the first number of decimals that divides to the double is the shortest. The product is
 * off by less than a half as long as it is below 2^51, so rounding it finds the digits if there are any.
 */
export function writeDouble(at: i32): boolean {
  const isNegative = loadWireWord(at + 4) < 0
  const value = loadDouble(at)
  const size: f64 = isNegative ? -value : value
  let whole: f64 = size
  let power: f64 = 1
  let decimals: i32 = 0
  if (size !== 0) {
    if (!(size >= sizeMin && size < sizeEnd)) return false
    whole = Math.floor(size + 0.5)
    while (whole / power !== size) {
      power = power * 10
      decimals += 1
      whole = Math.floor(size * power + 0.5)
      if (whole >= sizeEnd) return false
    }
    if (whole >= sizeEnd) return false
  }
  const first = writeWhole(whole, decimals + 1)
  hasFraction = decimals > 0
  if (decimals > 0) {
    copyBytes(first - 1, first, roomEnd - first - decimals)
    storeByte(roomEnd - decimals - 1, point)
    finish(first - 1, isNegative)
  } else finish(first, isNegative)
  return true
}

function finish(first: i32, isNegative: boolean): void {
  numberAt = first
  if (isNegative) {
    numberAt -= 1
    storeByte(numberAt, minus)
  }
  numberLength = roomEnd - numberAt
}

/** Where the digits begin; zeros in front make them `countMin`. */
function writeWhole(whole: f64, countMin: i32): i32 {
  const billions = Math.floor(whole / 1e9)
  const rest = truncate(whole - billions * 1e9)
  if (billions === 0) return writeDigits(roomEnd, rest, countMin)
  return writeDigits(writeDigits(roomEnd, rest, 9), truncate(billions), countMin - 9)
}

/** In front of `end`. */
function writeDigits(end: i32, value: i32, countMin: i32): i32 {
  let at = end
  let rest = value
  while (rest !== 0 || end - at < countMin) {
    const tenth = (rest / 10) | 0
    at -= 1
    storeByte(at, zeroDigit + rest - tenth * 10)
    rest = tenth
  }
  return at
}
