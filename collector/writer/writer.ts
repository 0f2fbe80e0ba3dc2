import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { RangeBlock, RangeIdentity, RangeStore } from '#storage/range-store.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import type { Queue, QueuePartition, QueuedRecord, RangeIntent } from '../queue/queue.ts'
import type { DeadLetters } from './dead-letters.ts'
import { decodeBatch } from './decode-batch.ts'
import { createResourceRows } from './resource-rows.ts'

export interface WriterSettings {
  queue: Queue
  store: RangeStore
  deadLetters: DeadLetters
  logger: Logger
  selfMetrics: SelfMetrics
  /** Records wait at most this long to be gathered into one range. */
  gatherMillis?: number
  /** How long an insert under way may take when the writer stops; the next start asks what became of it. */
  stopMillis?: number
  /** Bytes of records in one range; a partition with more behind it is written without waiting. */
  rangeBytesMax?: number
}

export interface Writer {
  start(): void
  stop(): Promise<void>
  /** The error that keeps a partition from being written now; undefined while all goes well. */
  failure(): string | undefined
}

const gatherMillisDefault = 400
const stopMillisDefault = 5000
const rangeBytesMaxDefault = 16 << 20
const rangeRecordsMax = 50_000
const retryMillisMin = 200
const retryMillisMax = 5000

/**
 * Takes ranges of records from each partition and brings them into the store exactly once: the intended range is saved
 * before the first insert, and the position moves only when every block of it is in. After a crash the same range makes
 * the same blocks, and the store is asked which of them it has.
 */
export const createWriter = (settings: WriterSettings): Writer => {
  const { queue, store, logger, selfMetrics } = settings
  const gatherMillis = settings.gatherMillis ?? gatherMillisDefault
  const rangeBytesMax = settings.rangeBytesMax ?? rangeBytesMaxDefault
  const resourceRows = createResourceRows(store)
  const failures = new Map<Signal, string>()
  const abort = new AbortController()
  const loops: Promise<void>[] = []
  const { signal: stopping } = abort

  const rowsWritten = selfMetrics.meter.createCounter('writer_rows', {
    description: 'Rows inserted, by table',
  })
  const poisonRecords = selfMetrics.meter.createCounter('writer_poison_records', {
    description: 'Queued records that could not be decoded and were set aside',
  })
  const retries = selfMetrics.meter.createCounter('writer_insert_retries', {
    description: 'Inserts that failed and were tried again',
  })
  const insertMillis = selfMetrics.meter.createHistogram('writer_insert_duration', {
    description: 'How long the insert of one block took',
    unit: 'ms',
  })

  const run = async (signal: Signal): Promise<void> => {
    const partition = queue.partition(signal)
    const { intent } = partition.position()
    if (intent !== undefined) await finishInterrupted(signal, partition, intent)
    while (!stopping.aborted) {
      const startedAt = performance.now()
      const records = await readNext(signal, partition)
      const [first, last] = [records[0], records.at(-1)]
      if (first === undefined || last === undefined) continue
      const fresh: RangeIntent = { first: first.offset, last: last.offset, attempt: 1 }
      const { next } = partition.position()
      if (!(await untilDone(signal, () => partition.savePosition({ next, intent: fresh })))) return
      await writeRange(signal, partition, records, fresh, false)
      if (partition.bytesBehind(last.offset + 1) < rangeBytesMax)
        await pause(gatherMillis - (performance.now() - startedAt))
    }
  }

  const readNext = async (signal: Signal, partition: QueuePartition): Promise<QueuedRecord[]> => {
    const limits = { recordsMax: rangeRecordsMax, bytesMax: rangeBytesMax }
    try {
      return await partition.read(partition.position().next, limits, stopping)
    } catch (error) {
      fail(signal, error)
      await pause(retryMillisMax)
      return []
    }
  }

  const finishInterrupted = async (
    signal: Signal,
    partition: QueuePartition,
    intent: RangeIntent,
  ): Promise<void> => {
    logger.info({ partition: partition.name, ...intent }, 'finishing the range that was being written')
    let records: QueuedRecord[] = []
    const read = async (): Promise<void> => {
      records = await partition.readRange(intent.first, intent.last)
    }
    if (!(await untilDone(signal, read))) return
    await writeRange(signal, partition, records, intent, true)
  }

  const writeRange = async (
    signal: Signal,
    partition: QueuePartition,
    records: readonly QueuedRecord[],
    intent: RangeIntent,
    isOutcomeUnknown: boolean,
  ): Promise<void> => {
    const batch = decodeBatch(signal, records, (record, error) => {
      poisonRecords.add(1, { signal })
      settings.deadLetters.add(signal, record, error)
    })
    const identity: RangeIdentity = {
      partition: partition.identity,
      firstOffset: intent.first,
      lastOffset: intent.last,
    }
    const state = { partition, identity, intent }
    if (!(await untilDone(signal, () => resourceRows.write(batch.resources(), records)))) return
    for (const block of batch.blocks()) if (!(await settle(signal, state, block, isOutcomeUnknown))) return
    if (!(await untilDone(signal, () => settings.deadLetters.flush()))) return
    await untilDone(signal, () => partition.savePosition({ next: intent.last + 1 }))
  }

  /** True when the block is in the store; false only when the writer stops before that. */
  const settle = async (
    signal: Signal,
    state: { partition: QueuePartition; identity: RangeIdentity; intent: RangeIntent },
    block: RangeBlock,
    isOutcomeUnknownAtFirst: boolean,
  ): Promise<boolean> => {
    let isOutcomeUnknown = isOutcomeUnknownAtFirst
    return untilDone(signal, async () => {
      const isRepeated = isOutcomeUnknown
      if (isRepeated) {
        if (await store.hasBlock(state.identity, block)) return store.deriveAgain(state.identity, block)
        // Saved before it is used, so that no two attempts ever carry the same number.
        state.intent = { ...state.intent, attempt: state.intent.attempt + 1 }
        await state.partition.savePosition({ next: state.partition.position().next, intent: state.intent })
      }
      isOutcomeUnknown = true
      const startedAt = performance.now()
      await store.insertBlock(state.identity, state.intent.attempt, block)
      insertMillis.record(performance.now() - startedAt, { table: block.table })
      rowsWritten.add(block.rowCount, { table: block.table })
      if (isRepeated) await store.deriveAgain(state.identity, block)
    })
  }

  /** Repeats an act that may fail for a time. False when the writer stops before it succeeded. */
  const untilDone = async (signal: Signal, act: () => Promise<void>): Promise<boolean> => {
    for (let retryMillis = retryMillisMin; ; retryMillis = Math.min(retryMillis * 2, retryMillisMax)) {
      try {
        await act()
        failures.delete(signal)
        return true
      } catch (error) {
        fail(signal, error)
        retries.add(1, { signal })
        if (stopping.aborted) return false
        await pause(retryMillis)
      }
    }
  }

  const fail = (signal: Signal, error: unknown): void => {
    const message = messageOf(error)
    // One line per episode: the retries of the same fault only count.
    if (failures.get(signal) !== message)
      logger.error({ err: error, signal }, `cannot write ${signal}: ${message}`)
    failures.set(signal, message)
  }

  const pause = async (millis: number): Promise<void> => {
    if (millis > 0) await delay(millis, undefined, { signal: stopping }).catch(() => undefined)
  }

  return {
    start: () => {
      for (const signal of signals) loops.push(run(signal))
    },
    stop: async () => {
      abort.abort()
      const timeout = new AbortController()
      const tooLong = async (): Promise<void> => {
        await delay(settings.stopMillis ?? stopMillisDefault, undefined, { signal: timeout.signal })
        logger.warn('an insert takes too long to wait for; the next start finishes its range')
      }
      await Promise.race([Promise.all(loops), tooLong()])
      timeout.abort()
    },
    failure: () => [...failures].map(([signal, message]) => `${signal}: ${message}`)[0],
  }
}
