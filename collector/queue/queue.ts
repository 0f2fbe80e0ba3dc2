import type { Signal } from '#telemetry/otlp/messages.ts'

/** One export request on its way to storage. */
export interface NewRecord {
  tenant: string
  /** A plain OTLP protobuf export request, already cut free of rejected items. */
  payload: Uint8Array
  /**
   * True when equal bytes need not be the same export sent again, because an item carries no time of its own. Such a
   * record is never taken for a duplicate.
   */
  mayRepeat?: boolean
}

/**
 * Where receivers put exports. `append` resolves once the record survives a crash and loss of power, and only then may
 * the client be told so. A record whose bytes were appended before, within a recent window, is the same export sent
 * again: it resolves as `duplicate` (once the first is durable) and is not stored twice.
 *
 * @throws Unavailable when the queue is full or cannot write; nothing of the record is kept then.
 */
export interface QueueAppender {
  append(signal: Signal, record: NewRecord): Promise<AppendOutcome>
  /**
   * To be asked before an export is read: while the queue is full, turning one away must cost next to nothing.
   *
   * @throws Unavailable when an append of so many bytes would be refused now
   */
  checkRoom(signal: Signal, byteCount: number): void
}

export type AppendOutcome = 'appended' | 'duplicate' | OversizedItems

/** Everything was appended but these items, each of which is larger than a record of the queue may be. */
export interface OversizedItems {
  count: number
  /** What the largest of them would take. */
  largestBytes: number
  bytesMax: number
}

/** A record as the writer reads it. */
export interface QueuedRecord {
  offset: number
  /** When the record was queued: the only clock that rows may depend on. */
  queuedAtMillis: number
  tenant: string
  /** A plain OTLP protobuf export request; whatever bytes they are where the record is foreign. */
  payload: Uint8Array
  /** Not put there by our receiver, so nobody has checked it. */
  isForeign?: boolean
  /** What came beside the payload, where the queue has such. */
  headers?: Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>
}

/** A run of records, first and last included, which one attempt after another tries to bring into the store. */
export interface RangeIntent {
  first: number
  last: number
  attempt: number
  /** Why the store refused its rows, once it has: what is in of them is being taken back, to be written in parts. */
  refusal?: string
}

/** Where a partition's writer stands. Everything before `next` is in the store. */
export interface Position {
  next: number
  /** The range that was being written when this was saved; whether its rows are in the store is not known. */
  intent?: RangeIntent
}

export interface RangeLimits {
  recordsMax: number
  bytesMax: number
}

/**
 * One partition of the queue as its only writer sees it. The writer saves its intent before it inserts a range, so that
 * after a crash it is known which rows to look for, and moves the position only once all rows are durable.
 */
export interface QueuePartition {
  /** Names the partition in metrics and logs, such as `otlp_spans/0`. */
  readonly name: string
  /** Names the partition in rows, such as `otlp_spans/0@5ea1c0ffee00`: no other log that feeds the store has this name. */
  readonly identity: string
  position(): Position
  savePosition(position: Position): Promise<void>
  /**
   * Durable records from `from` on, in order: at least one, unless the signal aborts (then none), and no more than the
   * limits allow, except that a single record larger than `bytesMax` comes alone.
   */
  read(from: number, limits: RangeLimits, signal: AbortSignal): Promise<QueuedRecord[]>
  /** The records that an intent names, as far as they are still there; what is missing is logged as lost. */
  readRange(first: number, last: number): Promise<QueuedRecord[]>
  /** Bytes of durable records from `from` on. */
  bytesBehind(from: number): number
  lag(): QueueLag
}

export interface QueueLag {
  recordsBehind: number
  bytes: number
  /** Age of the oldest record that is not in the store; 0 when all are. */
  oldestUnwrittenAgeMillis: number
}

/** A partition, and as long as it is this process's to write. */
export interface PartitionAssignment {
  signal: Signal
  partition: QueuePartition
  /** Aborts when the partition goes to another process, or when the queue is closed. */
  released: AbortSignal
}

/**
 * Writes a partition until it is released: then it ends what is under way, or leaves it as an intent, and resolves. Until it
 * has, nobody else is given the partition.
 */
export type WritePartition = (assignment: PartitionAssignment) => Promise<void>

export interface PartitionLag extends QueueLag {
  signal: Signal
  topic: string
  partition: number
}

/** Where writers get records from. */
export interface QueueConsumer {
  /** Calls `write` for each partition that is this process's to write, now or later, and again when one comes back. */
  start(write: WritePartition): void
  /** How far each partition that is being written here is behind. */
  lags(): PartitionLag[]
  /** Releases all partitions and resolves when their writers have let go of them. */
  close(): Promise<void>
}

/** The topic of each signal: the OpenTelemetry Collector's own names. */
export const topicBySignal: Readonly<Record<Signal, string>> = {
  traces: 'otlp_spans',
  logs: 'otlp_logs',
  metrics: 'otlp_metrics',
}
