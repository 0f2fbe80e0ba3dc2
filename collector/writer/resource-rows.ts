import type { Column } from '#storage/native-block.ts'
import { physicalTables } from '#storage/physical-tables.ts'
import type { RangeStore } from '#storage/range-store.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import type { ResourceRow } from './resource-row.ts'

/** How many resources of the current day this process remembers as written; beyond, they are written again. */
const knownMax = 200_000
const secondsPerDay = 86_400

/**
 * Writes the resources of a batch before the rows that point at them, each once a day, so that a resource row always
 * outlives the youngest row that needs it.
 */
export const createResourceRows = (store: RangeStore) => {
  const known = new Set<string>()

  return {
    write: async (rows: readonly ResourceRow[], records: readonly QueuedRecord[]): Promise<void> => {
      const seenAt = Math.floor((records.at(-1)?.queuedAtMillis ?? 0) / 1000)
      const day = Math.floor(seenAt / secondsPerDay)
      const keyOf = (row: ResourceRow): string => `${row.resource_id}/${day}`
      const fresh = rows.filter((row) => !known.has(keyOf(row)))
      if (fresh.length === 0) return
      const columns = physicalTables.resources()
      for (const row of fresh) pushRow(columns, { ...row, seen_at: seenAt })
      await store.insertResources(columns)
      if (known.size + fresh.length > knownMax) known.clear()
      for (const row of fresh) known.add(keyOf(row))
    },
  }
}

/** Adds one row to the columns of its table; both have the same names by their types. */
export const pushRow = (columns: Readonly<Record<string, Column<never>>>, row: object): void => {
  const values = row as Record<string, never>
  for (const name in columns) columns[name]?.push(values[name] as never)
}
