/** How many `--service-N` colours the style sheet defines. None of them is red. */
export const serviceColourCount = 16

const storageKey = 'aftertrace.serviceColours'
const assigned = new Map<string, number>()

/**
 * The same colour for a service on every screen: its name chooses, and while colours are left another service that
 * chose the same one moves on to the next.
 */
export const serviceColourIndex = (name: string): number => {
  if (assigned.size === 0) restore()
  const known = assigned.get(name)
  if (known !== undefined) return known
  const index = chooseColour(hash(name) % serviceColourCount, new Set(assigned.values()))
  // Beyond this many services colours repeat anyway; the rest is computed each time.
  if (assigned.size < serviceColourCount) {
    assigned.set(name, index)
    store()
  }
  return index
}

export const serviceColour = (name: string): string => `var(--service-${serviceColourIndex(name)})`

// Remembered, so that a service has the same colour tomorrow. Where storage is forbidden the name's own choice is kept.
const restore = (): void => {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(storageKey) ?? '[]')
    if (!Array.isArray(stored)) return
    for (const [name, index] of (stored as unknown[][]).slice(0, serviceColourCount))
      if (typeof name === 'string' && typeof index === 'number' && index >= 0 && index < serviceColourCount)
        assigned.set(name, Math.floor(index))
  } catch {
    // See above.
  }
}
const store = (): void => {
  try {
    localStorage.setItem(storageKey, JSON.stringify([...assigned]))
  } catch {
    // See above.
  }
}

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
