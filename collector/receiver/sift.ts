import { countRejection, type RejectionReason, type Tally } from './rejections.ts'

/**
 * The items without the rejected ones: the same array when all are kept, so that nothing needs to be encoded again.
 * `sharedBytes` is what each of them takes along from its scope.
 */
export type Sift = <Item>(
  items: Item[],
  why: (item: Item) => RejectionReason | undefined,
  nameOf: (item: Item) => string,
  sharedBytes: number,
) => Item[]

export const createSift = (tally: Tally, copiedBytesMax: number): Sift => {
  let copiedBytes = 0
  const whyNoCopy = (sharedBytes: number): RejectionReason | undefined => {
    if (copiedBytes + sharedBytes > copiedBytesMax) return 'shared_attributes_too_large'
    copiedBytes += sharedBytes
    return undefined
  }
  return (items, why, nameOf, sharedBytes) => {
    let kept: typeof items | undefined
    for (const [index, item] of items.entries()) {
      const reason = why(item) ?? whyNoCopy(sharedBytes)
      if (reason === undefined) {
        tally.accepted++
        kept?.push(item)
      } else {
        kept ??= items.slice(0, index)
        countRejection(tally, reason, nameOf(item))
      }
    }
    return kept ?? items
  }
}

/** Maps, and hands back the same array when no item changed. */
export const mapChanged = <Item>(items: Item[], change: (item: Item) => Item): Item[] => {
  let changed: Item[] | undefined
  for (const [index, item] of items.entries()) {
    const mapped = change(item)
    if (mapped !== item) changed ??= items.slice(0, index)
    changed?.push(mapped)
  }
  return changed ?? items
}
