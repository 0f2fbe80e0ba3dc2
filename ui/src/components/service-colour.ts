/** How many `--service-N` colours the style sheet defines. None of them is red. */
export const serviceColourCount = 16

const assigned = new Map<string, number>()

/**
 * The same colour for a service on every screen: its name chooses, and while colours are left another service that
 * chose the same one moves on to the next.
 */
export const serviceColourIndex = (name: string): number => {
  const known = assigned.get(name)
  if (known !== undefined) return known
  const index = chooseColour(hash(name) % serviceColourCount, new Set(assigned.values()))
  // Beyond this many services colours repeat anyway; the rest is computed each time.
  if (assigned.size < serviceColourCount) assigned.set(name, index)
  return index
}

export const serviceColour = (name: string): string => `var(--service-${serviceColourIndex(name)})`

/** Steps by 5, which visits all 16 and lands on a hue far away. */
const chooseColour = (wanted: number, taken: ReadonlySet<number>): number => {
  for (let step = 0; step < serviceColourCount; step += 1) {
    const index = (wanted + step * 5) % serviceColourCount
    if (!taken.has(index)) return index
  }
  return wanted
}

/** FNV-1a over UTF-16 code units. */
const hash = (text: string): number => {
  let value = 0x81_1c_9d_c5
  for (let index = 0; index < text.length; index += 1)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01_00_01_93)
  return value >>> 0
}
