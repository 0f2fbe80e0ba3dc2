import type { ExportRecord } from './open-loop.ts'
import type { Outcome } from './outcome.ts'

/** Records as columns, which pass between processes at once. */
export interface PackedRecords {
  exportNumbers: Uint32Array
  spanCounts: Uint32Array
  dueMillis: Float64Array
  answeredAfterMillis: Float64Array
  outcomes: Uint8Array
}

export const packRecords = (records: readonly ExportRecord[]): PackedRecords => ({
  exportNumbers: Uint32Array.from(records, (record) => record.exportNumber),
  spanCounts: Uint32Array.from(records, (record) => record.spanCount),
  dueMillis: Float64Array.from(records, (record) => record.dueMillis),
  answeredAfterMillis: Float64Array.from(records, (record) => record.answeredAfterMillis),
  outcomes: Uint8Array.from(records, (record) => record.outcome),
})

export const unpackRecords = (packed: PackedRecords): ExportRecord[] =>
  Array.from(packed.exportNumbers, (exportNumber, index) => ({
    exportNumber,
    spanCount: packed.spanCounts[index] ?? 0,
    dueMillis: packed.dueMillis[index] ?? 0,
    answeredAfterMillis: packed.answeredAfterMillis[index] ?? 0,
    outcome: packed.outcomes[index] as Outcome,
  }))
