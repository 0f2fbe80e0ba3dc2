import type { BlockColumn, Column } from '#storage/native-block.ts'
import { physicalTables } from '#storage/physical-tables.ts'
import type { RangeBlock } from '#storage/range-store.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../../queue/queue.ts'
import type { ResourceRow } from '../resource-row.ts'
import { dayField, rowsField, runsField, tableField } from './blocks.ts'
import { type WalkEngine, signalNumbers } from './engine.ts'
import { HeapReader } from './heap-reader.ts'
import type { Host } from './host.ts'
import { Origins } from './origins.ts'
import { createSharedColumns } from './shared-columns.ts'
import { walkedTables } from './tables.ts'
import { zeroBytesBehind } from './walk.ts'
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

export const createBatchWalk = (
  createEngine: (host: Host) => WalkEngine,
  heapBytesMax = heapBytesMaxDefault,
): BatchWalk => {
  let current: WalkedRecord = { subject: '', tenant: '', address: 0, byteCount: 0 }
  const origins = new Origins()
  const host = createWalkHost(
    () => engine,
    () => current,
    origins,
    heapBytesMax,
  )
  let engine: WalkEngine = createEngine(host)

  /** Where records are copied to, one after the other. */
  let place = { address: 0, byteCount: 0 }
  const placeRecord = (payload: Uint8Array): number => {
    const byteCount = payload.length + zeroBytesBehind
    if (byteCount > place.byteCount)
      place = { address: engine.allocate(byteCount * 2), byteCount: byteCount * 2 }
    engine.heapBytes().set(payload, place.address)
    return place.address
  }

  const beginRecord = (signal: Signal, record: QueuedRecord, number: number): void => {
    const { payload, tenant } = record
    const address = placeRecord(payload)
    current = { subject: signal, tenant, address, byteCount: payload.length }
    if (signal === 'logs') setQueuedTime(engine, record.queuedAtMillis)
    const tenantNumber = origins.tenantNumber(tenant)
    engine.beginRecord(signalNumbers[signal], address, address + payload.length, number, tenantNumber)
  }

  return {
    gather: function* (signal, records) {
      engine.limitHeap(heapBytesMax)
      engine.begin()
      place = { address: 0, byteCount: 0 }
      try {
        let left = itemsPerTurn
        for (const [number, record] of records.entries()) {
          beginRecord(signal, record, number)
          for (;;) {
            left -= engine.appendItems(left)
            if (left > 0) break
            yield
            left = itemsPerTurn
          }
        }
        const heap = new HeapReader(engine.heapBytes())
        const resources = latestRows(heap.streamWords(engine.seenResources()), origins)
        const blocks = yield* copyBlocks(heap, engine.firstBlock(), { records, origins })
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

/** Of what is the same resource, the row is the one that came last. */
const latestRows = (seenResources: Int32Array, { resources }: Origins): ResourceRow[] => {
  const rows = new Map<number, ResourceRow>()
  for (const number of seenResources) {
    const origin = resources[number]
    if (origin !== undefined) rows.set(origin.firstNumber, origin.row)
  }
  return [...rows.values()]
}

interface Gathered {
  records: readonly QueuedRecord[]
  origins: Origins
}

/** In a stated order, so that the same range always makes the same inserts in the same sequence. */
const copyBlocks = function* (
  heap: HeapReader,
  firstBlock: number,
  gathered: Gathered,
): Generator<void, RangeBlock[]> {
  const blocks: RangeBlock[] = []
  for (let block = firstBlock; block !== 0; block = heap.word(block)) {
    blocks.push(copyBlock(heap, block, gathered))
    yield
  }
  const keyOf = ({ table, day }: RangeBlock): string => `${table}/${day}`
  return blocks.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

const copyBlock = (heap: HeapReader, block: number, { records, origins }: Gathered): RangeBlock => {
  const walked = walkedTables[heap.word(block + tableField)]
  if (walked === undefined) throw new Error('a block of an unknown table')
  const rows = heap.word(block + rowsField)
  const runs = heap.streamWords(heap.word(block + runsField))
  const shared = createSharedColumns(runs, records, origins)
  const columns: Record<string, BlockColumn> = {}
  const empty: Record<string, Column<never>> = physicalTables[walked.name]()
  for (const [name, column] of Object.entries(empty)) {
    const place = walked.places[name]
    columns[name] =
      place === undefined
        ? shared.filled(name, column)
        : copyColumn({ heap, block, rows }, place, column.type)
  }
  return { table: walked.name, day: heap.word(block + dayField), rowCount: heap.rowCount(rows), columns }
}
