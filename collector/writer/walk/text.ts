/** Whether bytes are UTF-8, as the Encoding standard has it. */
import { repairText } from './host.ts'
import { isAscii, loadByte, loadWord } from './memory.ts'

/** Where the text that `makeValid` gave lies. */
export let textAt: i32 = 0
export let textLength: i32 = 0

/** Leaves text that is UTF-8 where it is; for other bytes the text that a decoder makes of them. */
export function makeValid(at: i32, length: i32): void {
  textAt = at
  textLength = length
  if (isAscii(at, length) || isUtf8(at, length)) return
  const repaired = repairText(at, length)
  textAt = repaired + 4
  textLength = loadWord(repaired)
}

function isUtf8(start: i32, length: i32): boolean {
  const end = start + length
  let at = start
  while (at < end) {
    const size = characterSize(at, end)
    if (size === 0) return false
    at += size
  }
  return true
}

/** Bytes of the character that begins here, 0 where none does: no over-long forms, no surrogates, no more than U+10FFFF. */
function characterSize(at: i32, end: i32): i32 {
  const first = loadByte(at)
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const size: i32 = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (size > end - at) return 0
  const second = loadByte(at + 1)
  let secondMin: i32 = 0x80
  let secondMax: i32 = 0xbf
  if (first === 0xe0) secondMin = 0xa0
  else if (first === 0xed) secondMax = 0x9f
  else if (first === 0xf0) secondMin = 0x90
  else if (first === 0xf4) secondMax = 0x8f
  if (second < secondMin || second > secondMax) return 0
  for (let index: i32 = 2; index < size; index++) if ((loadByte(at + index) & 0xc0) !== 0x80) return 0
  return size
}
