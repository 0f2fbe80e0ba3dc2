import type { Signal } from '#telemetry/otlp/messages.ts'

/** One export request on its way to storage. */
export interface NewRecord {
  tenant: string
  /** A plain OTLP protobuf export request, already cut free of rejected items. */
  payload: Uint8Array
}

/**
 * Where receivers put exports. `append` resolves once the record survives a crash and loss of power, and only then may
 * the client be told so. A record whose bytes were appended before, within a recent window, is the same export sent
 * again: it resolves as `duplicate` (once the first is durable) and is not stored twice.
 *
 * @throws Unavailable when the queue is full or cannot write; nothing of the record is kept then.
 */
export interface QueueAppender {
  append(signal: Signal, record: NewRecord): Promise<'appended' | 'duplicate'>
}

/** A record as the writer reads it. */
export interface QueuedRecord {
  offset: number
  /** When the record was queued: the only clock that rows may depend on. */
  queuedAtMillis: number
  tenant: string
  /** False for records of foreign producers, whose items nobody has checked yet. */
  isChecked: boolean
  payload: Uint8Array
}
