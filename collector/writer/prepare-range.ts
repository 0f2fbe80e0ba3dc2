import type { RangeBlock } from '#storage/range-store.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { decodeBatch } from './decode-batch.ts'
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

export const prepareRange = async (
  signal: Signal,
  records: readonly QueuedRecord[],
  { first, last }: { first: number; last: number },
): Promise<PreparedRange> => {
  const undecodable: PreparedRange['undecodable'] = []
  const batch = await decodeBatch(signal, records, (record, error) => undecodable.push({ record, error }))
  return {
    first,
    last,
    newest: records.at(-1),
    resources: batch.resources(),
    blocks: batch.blocks(),
    undecodable,
  }
}
