import type { BlockColumn, Column } from '#storage/native-block.ts'
import { physicalTables } from '#storage/physical-tables.ts'
import type { RangeBlock } from '#storage/range-store.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { WireReader } from '#telemetry/otlp/wire-reader.ts'
import type { QueuedRecord } from '../../queue/queue.ts'
import type { ResourceRow } from '../resource-row.ts'
import { dayField, rowsField, tableField } from './blocks.ts'
import { type WalkEngine, signalNumbers } from './engine.ts'
import { readEnvelope, readRequest } from './envelope.ts'
import { HeapReader } from './heap-reader.ts'
import type { Host } from './host.ts'
import { type RecordBytes, type ResourceOrigin, createOrigins } from './origins.ts'
import { type Run, fillShared } from './shared-columns.ts'
import { walkedTables } from './tables.ts'
import { type WalkedRecord, createWalkHost } from './walk-host.ts'
import { copyColumn } from './walked-columns.ts'

/** The rows of one range of queued records, gathered into one block per table and day. */
export interface Batch {
  resources(): readonly ResourceRow[]
  blocks(): RangeBlock[]
}

export interface BatchWalk {
  /**
   * Walks the records and returns their rows. Yields after every few hundred, so that the caller may let others go on; no
   * other walk may begin until this one has ended.
   *
   * @throws OtlpDecodeError and InvalidInput for a record that makes no rows, HeapFull for too many rows at once; then there are no rows of any of them
   */
  gather(signal: Signal, records: readonly QueuedRecord[]): Generator<void, Batch>
}

const nanosPerMilli = 1_000_000
/** Times in milliseconds are cut here, so that the nanoseconds of both pieces are exact. */
const cutMillis = 2 ** 20
const highWord = 2 ** 32
/** Rows of 32 MB of records take about a quarter of this; only records that are made to grow take more. */
const heapBytesMaxDefault = 1 << 29
/** A heap that has grown beyond it is given back after the batch. */
const keptHeapBytesMax = 1 << 27
/** Items that are walked between two yields. */
const itemsPerTurn = 512
/** So much is left behind a record, because reading may run past its end before that is noticed. */
const zeroBytesBehind = 32

export const createBatchWalk = (
  createEngine: (host: Host) => WalkEngine,
  heapBytesMax = heapBytesMaxDefault,
): BatchWalk => {
  let current: WalkedRecord = { subject: '', address: 0, byteCount: 0 }
  const host = createWalkHost(
    () => engine,
    () => current,
    heapBytesMax,
  )
  let engine: WalkEngine = createEngine(host)
  const origins = createOrigins()

  /** Where records are copied to, one after the other. */
  let place = { address: 0, byteCount: 0 }
  const placeRecord = (payload: Uint8Array): number => {
    const byteCount = payload.length + zeroBytesBehind
    if (byteCount > place.byteCount)
      place = { address: engine.allocate(byteCount * 2), byteCount: byteCount * 2 }
    const heap = engine.heapBytes()
    heap.set(payload, place.address)
    heap.fill(0, place.address + payload.length, place.address + byteCount)
    return place.address
  }

  const walkRecord = function* (
    signal: Signal,
    record: QueuedRecord,
    gathered: { resources: LatestResources; runs: RunsByBlock },
  ): Generator<void> {
    const payload = bufferOf(record.payload)
    const reader = readerOf(payload, signal)
    const address = placeRecord(payload)
    current = { subject: signal, address, byteCount: payload.length }
    engine.beginRecord()
    setQueuedTime(engine, record.queuedAtMillis)
    const signalNumber = signalNumbers[signal]
    const bytes: RecordBytes = {
      payload,
      hashOf: ({ start, end }) => engine.hashOf(address + start, end - start),
      takeMessages: ({ start, end }, of) =>
        engine.countSubject(address + start, address + end, of === 'resource'),
      takeCounted: (count) => engine.takeMessages(count),
    }
    engine.takeMessages(1)
    for (const range of readRequest(reader)) {
      engine.takeMessages(1)
      const ofResource = readEnvelope(reader, range, { depth: 2, withItems: true })
      const resource = origins.resource(record.tenant, bytes, ofResource)
      gathered.resources.add(resource)
      for (const items of ofResource.items) {
        engine.takeMessages(1)
        const ofScope = readEnvelope(reader, items, { depth: 3, withItems: false })
        const scope = origins.scope(bytes, ofScope)
        const end = address + items.end
        for (let at = address + items.start; at < end;) {
          at = engine.appendItems(signalNumber, at, end, itemsPerTurn)
          if (at < end) yield
        }
        gathered.runs.add({ queuedAtMillis: record.queuedAtMillis, resource, scope })
      }
    }
  }

  return {
    gather: function* (signal, records) {
      engine.limitHeap(heapBytesMax)
      engine.begin()
      place = { address: 0, byteCount: 0 }
      const gathered = { resources: new LatestResources(), runs: new RunsByBlock(engine) }
      try {
        for (const record of records) {
          yield* walkRecord(signal, record, gathered)
          yield
        }
        const resources = gathered.resources.rows()
        const blocks = yield* copyBlocks(engine, gathered.runs)
        return { resources: () => resources, blocks: () => blocks }
      } finally {
        if (engine.heapBytes().length > keptHeapBytesMax) engine = createEngine(host)
      }
    },
  }
}

/** Two halves of 64 bits without a bigint. */
const setQueuedTime = (engine: WalkEngine, millis: number): void => {
  const upper = Math.floor(millis / cutMillis) * nanosPerMilli
  const stepsPerHigh = highWord / cutMillis
  const rest = (upper % stepsPerHigh) * cutMillis + (millis % cutMillis) * nanosPerMilli
  engine.setQueuedTime((rest % highWord) | 0, Math.floor(upper / stepsPerHigh) + Math.floor(rest / highWord))
}

/** Records are many and small, and each view of one costs as much as walking a point. */
const bufferOf = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

const noView = new DataView(new ArrayBuffer(0))

/** For envelopes, which have no numbers that would be read through the view. Messages are counted by the walk. */
const readerOf = (payload: Buffer, subject: string): WireReader => ({
  bytes: payload,
  view: noView,
  buffer: payload,
  subject,
  position: 0,
  low: 0,
  high: 0,
  messagesLeft: 0,
})

/** Bytes in another order may make the same resource. */
/** Of one resource that came with its attributes in several orders, the row is the one that came last. */
class LatestResources {
  readonly #rowById = new Map<bigint, ResourceRow>()
  #last: ResourceOrigin | undefined

  add(origin: ResourceOrigin): void {
    if (origin === this.#last) return
    this.#last = origin
    this.#rowById.set(origin.row.resource_id, origin.row)
  }

  rows(): ResourceRow[] {
    return [...this.#rowById.values()]
  }
}

/** Which rows of each block come from where. */
class RunsByBlock {
  readonly #engine: WalkEngine
  #heap: HeapReader
  readonly #runs = new Map<number, { runs: Run[]; rowCount: number }>()

  constructor(engine: WalkEngine) {
    this.#engine = engine
    this.#heap = new HeapReader(engine.heapBytes())
  }

  /** All rows since the last call have this origin. */
  add(origin: Omit<Run, 'rowCount'>): void {
    const bytes = this.#engine.heapBytes()
    if (!this.#heap.isOf(bytes)) this.#heap = new HeapReader(bytes)
    const heap = this.#heap
    for (let block = this.#engine.firstBlock(); block !== 0; block = heap.word(block)) {
      const rowCount = heap.rowCount(heap.word(block + rowsField))
      let known = this.#runs.get(block)
      if (known === undefined) this.#runs.set(block, (known = { runs: [], rowCount: 0 }))
      if (rowCount > known.rowCount) known.runs.push({ ...origin, rowCount: rowCount - known.rowCount })
      known.rowCount = rowCount
    }
  }

  of(block: number): readonly Run[] {
    return this.#runs.get(block)?.runs ?? []
  }
}

/** In a stated order, so that the same range always makes the same inserts in the same sequence. */
const copyBlocks = function* (engine: WalkEngine, runs: RunsByBlock): Generator<void, RangeBlock[]> {
  const heap = new HeapReader(engine.heapBytes())
  const blocks: RangeBlock[] = []
  for (let block = engine.firstBlock(); block !== 0; block = heap.word(block)) {
    blocks.push(copyBlock(heap, block, runs.of(block)))
    yield
  }
  const keyOf = ({ table, day }: RangeBlock): string => `${table}/${day}`
  return blocks.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

const copyBlock = (heap: HeapReader, block: number, runs: readonly Run[]): RangeBlock => {
  const walked = walkedTables[heap.word(block + tableField)]
  if (walked === undefined) throw new Error('a block of an unknown table')
  const rows = heap.word(block + rowsField)
  const columns: Record<string, BlockColumn> = {}
  const empty: Record<string, Column<never>> = physicalTables[walked.name]()
  for (const [name, column] of Object.entries(empty)) {
    const place = walked.places[name]
    if (place === undefined) fillShared(name, column, runs)
    columns[name] = place === undefined ? column : copyColumn({ heap, block, rows }, place, column.type)
  }
  return { table: walked.name, day: heap.word(block + dayField), rowCount: heap.rowCount(rows), columns }
}
