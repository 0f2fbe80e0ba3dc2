import type { RangeBlock } from '#storage/range-store.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { decodeBatch } from './decode-batch.ts'
import type { ForeignRecords } from './foreign-records.ts'
import type { ResourceRow } from './resource-row.ts'

/** A range of records as the store takes it. The records themselves are let go; who needs them again reads them again. */
export interface PreparedRange {
  first: number
  last: number
  /** The youngest: what is written once a range is dated by it. */
  newest: QueuedRecord | undefined
  resources: readonly ResourceRow[]
  blocks: RangeBlock[]
  /** Records that make no rows. */
  undecodable: { record: QueuedRecord; error: unknown }[]
}

export type PrepareRange = (
  signal: Signal,
  records: readonly QueuedRecord[],
  bounds: { first: number; last: number },
) => Promise<PreparedRange>

export const createPrepareRange =
  (foreign: ForeignRecords): PrepareRange =>
  async (signal, records, { first, last }) => {
    const undecodable: PreparedRange['undecodable'] = []
    const setAside = (record: QueuedRecord, error: unknown): void => void undecodable.push({ record, error })
    const checked: QueuedRecord[] = []
    for (const record of records) {
      const kept =
        record.isForeign === true
          ? await foreign.check(signal, record).catch((error: unknown) => setAside(record, error))
          : record
      if (kept !== undefined) checked.push(kept)
    }
    const batch = await decodeBatch(signal, checked, setAside)
    return {
      first,
      last,
      newest: records.at(-1),
      resources: batch.resources(),
      blocks: batch.blocks(),
      undecodable,
    }
  }
