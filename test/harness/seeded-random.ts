/** Mulberry32, a small generator of numbers from 0 to 1 (T. Ettinger, public domain). */
export const seededRandom = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
}

/** Whole numbers from 0 to below the bound that each call gives. */
export const seededIntegers = (seed: number): ((below: number) => number) => {
  const random = seededRandom(seed)
  return (below) => Math.floor(random() * below)
}
