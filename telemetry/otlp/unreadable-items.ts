import { UnreadableValue } from './decode-error.ts'
import type { Descriptor } from './descriptors.ts'

/**
 * What a decoder leaves out instead of refusing the whole request: an item with a value that cannot be read, and all items
 * of a resource, scope or metric with such a value of its own.
 */
export interface UnreadableItems {
  count: number
  /** Says why the first of them cannot be read. */
  firstError: UnreadableValue | undefined
  /** Those of whose own fields one cannot be read, until they are left out. */
  containers: Set<object>
}

export const createUnreadableItems = (): UnreadableItems => ({
  count: 0,
  firstError: undefined,
  containers: new Set(),
})

/** @throws what is no UnreadableValue */
export const noteUnreadable = (unreadable: UnreadableItems, error: unknown): void => {
  if (!(error instanceof UnreadableValue)) throw error
  unreadable.firstError ??= error
}

/** @throws what is no UnreadableValue */
export const leaveOutItem = (unreadable: UnreadableItems, error: unknown): void => {
  noteUnreadable(unreadable, error)
  unreadable.count++
}

/** One without items counts as one, so that nothing is left out in silence. */
export const leaveOutContainer = (
  unreadable: UnreadableItems,
  descriptor: Descriptor,
  container: object,
): void => {
  unreadable.count += Math.max(1, countItems(descriptor, container))
}

const countItems = (descriptor: Descriptor, message: object): number => {
  let count = 0
  for (const field of descriptor.fields) {
    const value = (message as Record<string, unknown>)[field.name] as object | undefined
    if (value === undefined || field.message === undefined || field.message.role === 'part') continue
    const children = Array.isArray(value) ? (value as object[]) : [value]
    if (field.message.role === 'item') count += children.length
    else for (const child of children) count += countItems(field.message, child)
  }
  return count
}
