import type { RangeBlock } from '#storage/range-store.ts'
import type { ExportTraceServiceRequest, Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
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

const nanosPerHour = 3_600_000_000_000n

/** How many spans begin in each hour (seconds since the epoch). Records that make no rows have none. */
export const spanHoursOf = (signal: Signal, records: readonly QueuedRecord[]): Map<number, number> => {
  const counts = new Map<number, number>()
  if (signal !== 'traces') return counts
  for (const record of records) {
    for (const { startTimeUnixNano } of spansOf(record)) {
      const hour = Number(startTimeUnixNano / nanosPerHour) * 3600
      counts.set(hour, (counts.get(hour) ?? 0) + 1)
    }
  }
  return counts
}

const spansOf = ({ payload }: QueuedRecord) => {
  let request: ExportTraceServiceRequest
  try {
    request = decodeExportRequest('traces', payload)
  } catch {
    return []
  }
  return request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
}
