import { seededRandom } from '../../harness/seeded-random.ts'

/** Draws that depend on nothing but the corpus' seed, the stream's name and how many were made before. */
export interface RandomStream {
  /** From 0 to below 1. */
  next(): number
  below(bound: number): number
  happens(probability: number): boolean
  pick<Item>(items: readonly Item[]): Item
  /** Lognormal: half of the values lie below the median, and 68 % within a factor of exp(sigma) of it. */
  lognormal(median: number, sigma: number): number
  bytes(length: number): Uint8Array
  hex(byteCount: number): string
  uuid(): string
}

/** One stream a purpose, so that asking for more of one signal leaves the others as they are. */
export const createRandomStream = (seed: number, name: string): RandomStream => {
  const next = seededRandom(Math.imul(seed, 0x9e3779b1) ^ hashOf(name))
  const below = (bound: number): number => Math.floor(next() * bound)
  const word = (): number => next() * 4_294_967_296
  const hex = (byteCount: number): string => {
    let digits = ''
    while (digits.length < byteCount * 2) digits += hexDigits(word())
    return digits.slice(0, byteCount * 2)
  }
  return {
    next,
    below,
    happens: (probability) => next() < probability,
    pick: (items) => {
      const item = items[below(items.length)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
    // 1 - next() is never 0, whose logarithm is infinite.
    lognormal: (median, sigma) =>
      median * Math.exp(sigma * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())),
    bytes: (length) => {
      const bytes = new Uint8Array(length)
      for (let at = 0; at < length; at += 4) {
        const bits = word()
        for (let index = 0; index < 4 && at + index < length; index++)
          bytes[at + index] = bits >>> (8 * index)
      }
      return bytes
    },
    hex,
    uuid: () => hex(16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  }
}

const hexDigits = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')

const hashOf = (name: string): number => {
  let hash = 0
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash, 31) + name.charCodeAt(index)
  return hash
}
