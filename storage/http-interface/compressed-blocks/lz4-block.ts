/**
 * LZ4's block format: sequences of literals and of matches in what came before. The libraries for it are native (a build per
 * platform, for an interface that is for development) or years old; the format is two small loops.
 */

const matchBytesMin = 4
/** The format's: the last sequence is literals only, and no match begins close to the end. */
const literalsAtEndMin = 5
const noMatchAtEnd = 12
const distanceMax = 0xffff
const nibbleMax = 15

/** @throws RangeError for what is no LZ4 block, or one of other than `length` bytes */
export const decompressLz4Block = (input: Uint8Array, length: number): Buffer => {
  const output = Buffer.allocUnsafe(length)
  let from = 0
  let to = 0
  /** What a length of 15 goes on with: bytes that are added up, until one is not 255. */
  const readMore = (): number => {
    let sum = 0
    let byte: number | undefined
    do {
      byte = input[from++]
      if (byte === undefined) throw torn()
      sum += byte
    } while (byte === 255)
    return sum
  }
  while (from < input.length) {
    const token = input[from++] as number
    let literals = token >>> 4
    if (literals === nibbleMax) literals += readMore()
    if (literals > input.length - from || literals > length - to) throw torn()
    output.set(input.subarray(from, from + literals), to)
    from += literals
    to += literals
    if (from === input.length) break

    if (from + 2 > input.length) throw torn()
    const distance = (input[from] as number) | ((input[from + 1] as number) << 8)
    from += 2
    let match = token & nibbleMax
    if (match === nibbleMax) match += readMore()
    match += matchBytesMin
    if (distance === 0 || distance > to || match > length - to) throw torn()
    copyMatch(output, to, distance, match)
    to += match
  }
  if (to !== length) throw torn()
  return output
}

const torn = (): RangeError =>
  new RangeError('not an LZ4 block, or not one of the length that it should have')

/** A match may reach into itself: then it repeats what lies between. */
const copyMatch = (output: Buffer, to: number, distance: number, length: number): void => {
  if (distance >= length) output.copyWithin(to, to - distance, to - distance + length)
  else if (distance === 1) output.fill(output[to - 1] as number, to, to + length)
  else for (let at = to; at < to + length; at++) output[at] = output[at - distance] as number
}

const hashBits = 14
/** After so many tries without a match the steps get longer, so that what does not compress costs little. */
const triesPerStep = 64

/** Where four bytes with this hash were seen last; kept, because it is large and this runs one at a time. */
const lastSeen = new Int32Array(1 << hashBits)

export const compressLz4Block = (input: Uint8Array): Buffer => {
  const output = Buffer.allocUnsafe(input.length + Math.ceil(input.length / 255) + 16)
  lastSeen.fill(-1)
  const view = new DataView(input.buffer, input.byteOffset, input.byteLength)
  const matchEnd = input.length - literalsAtEndMin
  let to = 0
  /** Up to here everything is written. */
  let anchor = 0

  const writeMore = (rest: number): void => {
    for (; rest >= 255; rest -= 255) output[to++] = 255
    output[to++] = rest
  }
  const writeLiterals = (end: number, matchNibble: number): void => {
    const count = end - anchor
    output[to++] = (Math.min(count, nibbleMax) << 4) | matchNibble
    if (count >= nibbleMax) writeMore(count - nibbleMax)
    output.set(input.subarray(anchor, end), to)
    to += count
  }

  let tries = triesPerStep
  for (let at = 0; at < input.length - noMatchAtEnd;) {
    const four = view.getUint32(at, true)
    const hash = Math.imul(four, 0x9e3779b1) >>> (32 - hashBits)
    const seen = lastSeen[hash] as number
    lastSeen[hash] = at
    if (seen === -1 || at - seen > distanceMax || view.getUint32(seen, true) !== four) {
      at += Math.floor(tries++ / triesPerStep)
      continue
    }
    let end = at + matchBytesMin
    while (end < matchEnd && input[end] === input[end - at + seen]) end++
    const rest = end - at - matchBytesMin
    writeLiterals(at, Math.min(rest, nibbleMax))
    output.writeUInt16LE(at - seen, to)
    to += 2
    if (rest >= nibbleMax) writeMore(rest - nibbleMax)
    at = end
    anchor = end
    tries = triesPerStep
  }
  writeLiterals(input.length, 0)
  return output.subarray(0, to)
}
