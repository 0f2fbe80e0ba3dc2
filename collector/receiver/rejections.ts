import type { Signal } from '#telemetry/otlp/messages.ts'

/** Why a single item is not kept. The names are metric attribute values, so there are few of them. */
export type RejectionReason =
  | 'invalid_trace_id'
  | 'invalid_span_id'
  | 'invalid_parent_span_id'
  | 'time_out_of_range'
  | 'time_not_storable'
  | 'too_many_attributes'
  | 'bucket_counts_mismatch'
  | 'shared_attributes_too_large'
  | 'unreadable_value'
  | 'item_too_large'

/** Of an item, and of the resource, scope or metric that it comes with. */
export const attributesMax = 1024

const explanations: Record<RejectionReason, string> = {
  invalid_trace_id: 'the trace id is not 16 bytes or all zero',
  invalid_span_id: 'the span id is not 8 bytes or all zero',
  invalid_parent_span_id: 'the parent span id is neither empty nor 8 bytes',
  time_out_of_range: 'the time is older than the retention or more than 1 h ahead',
  time_not_storable: 'a time lies beyond the year 2262',
  too_many_attributes: `it, or its resource, scope or metric, has more than ${attributesMax} attributes`,
  bucket_counts_mismatch: 'the bucket counts do not match the bounds',
  shared_attributes_too_large:
    'the attributes of its scope or metric, kept with every item, are too large for so many items',
  unreadable_value: 'a value, here or in its resource, scope or metric, cannot be read',
  item_too_large: 'with its resource and scope it is larger than what the broker takes as one record',
}

const itemNames: Record<Signal, string> = { traces: 'spans', logs: 'log records', metrics: 'data points' }
const exampleLengthMax = 80

/** What a validation kept and turned away. */
export interface Tally {
  accepted: number
  rejected: number
  reasons: Map<RejectionReason, { count: number; example: string }>
}

export const createTally = (): Tally => ({ accepted: 0, rejected: 0, reasons: new Map() })

/** @param example names the item to the client, such as by a span's name, or says what is wrong with it */
export const countRejection = (tally: Tally, reason: RejectionReason, example: string, count = 1): void => {
  tally.rejected += count
  const entry = tally.reasons.get(reason)
  if (entry === undefined) tally.reasons.set(reason, { count, example: example.slice(0, exampleLengthMax) })
  else entry.count += count
}

/** One sentence for the client; bounded, as there are few reasons and one short example of each. Empty when all were kept. */
export const describeRejections = (signal: Signal, tally: Tally): string => {
  if (tally.rejected === 0) return ''
  const reasons = [...tally.reasons].map(([reason, { count, example }]) => {
    const first = example === '' ? '' : `, first ${JSON.stringify(example.toWellFormed())}`
    return `${explanations[reason]} (${count}${first})`
  })
  const total = tally.accepted + tally.rejected
  return `${tally.rejected} of ${total} ${itemNames[signal]} rejected: ${reasons.join('; ')}`
}
