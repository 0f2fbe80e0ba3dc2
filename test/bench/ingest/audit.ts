import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ExportRecord } from './open-loop.ts'
import { outcomes } from './outcome.ts'

/** What the store has of each export, found by the number hidden in its ids. */
export type StoredExports = {
  exportNumber: number
  rowCount: number
  spanCount: number
  lastOffset: number
}[]

export interface Audit {
  storedSpans: number
  /** Of acknowledged exports, spans that are not there. */
  missingSpans: number
  /** Rows beyond one a span. */
  doubledRows: number
  /** Spans of exports that were refused, and are there nevertheless. */
  refusedYetStoredSpans: number
  /** Spans of exports whose fate the sender was not told. */
  unknownYetStoredSpans: number
  /** Spans that nobody sent. */
  strangeSpans: number
}

const program = fileURLToPath(new URL('../ingest-audit.ts', import.meta.url))

/** @throws Error when the store cannot be read; no other process may have it open */
export const readStoredExports = async (dataDir: string): Promise<StoredExports> => {
  const child = fork(program, [dataDir], { serialization: 'advanced' })
  let stored: StoredExports | undefined
  child.on('message', (message: StoredExports) => (stored = message))
  await once(child, 'exit')
  if (stored === undefined) throw new Error(`cannot read what is stored in ${dataDir}`)
  return stored
}

export const auditExports = (records: readonly ExportRecord[], stored: StoredExports): Audit => {
  const audit: Audit = {
    storedSpans: 0,
    missingSpans: 0,
    doubledRows: 0,
    refusedYetStoredSpans: 0,
    unknownYetStoredSpans: 0,
    strangeSpans: 0,
  }
  const byNumber = new Map(records.map((record) => [record.exportNumber, record]))
  for (const { exportNumber, rowCount, spanCount } of stored) {
    audit.storedSpans += spanCount
    audit.doubledRows += rowCount - spanCount
    const record = byNumber.get(exportNumber)
    if (record === undefined || spanCount > record.spanCount) audit.strangeSpans += spanCount
    else if (record.outcome === outcomes.acknowledged) audit.missingSpans -= spanCount
    else if (record.outcome === outcomes.unknown) audit.unknownYetStoredSpans += spanCount
    else audit.refusedYetStoredSpans += spanCount
  }
  for (const { outcome, spanCount } of records)
    if (outcome === outcomes.acknowledged) audit.missingSpans += spanCount
  return audit
}
