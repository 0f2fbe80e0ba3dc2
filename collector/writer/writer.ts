import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { RangeStore } from '#storage/range-store.ts'
import { RowsRefused } from '#storage/rows-refused.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueueConsumer, QueuedRecord, RangeIntent, WritePartition } from '../queue/queue.ts'
import { walkEngine } from './decode-batch.ts'
import type { DeadLetters } from './dead-letters.ts'
import { createForeignRecords } from './foreign-records.ts'
import { type InFlightLease, createInFlightBytes } from './in-flight-bytes.ts'
import { type PreparedRange, createPrepareRange } from './prepare-range.ts'
import { createRangePace } from './range-pace.ts'
import { type RangeSource, createRangeWriter } from './range-writer.ts'

export interface WriterSettings {
  queue: Pick<QueueConsumer, 'start'>
  store: RangeStore
  deadLetters: Pick<DeadLetters, 'add' | 'flush'>
  logger: Logger
  selfMetrics: SelfMetrics
  /** How old the items of records may be that no receiver of ours has checked; by default as old as they are. */
  retentionNanos?: Readonly<Record<Signal, bigint>>
  /** Records wait at most this long to be gathered into one range. */
  gatherMillis?: number
  /** How long an insert under way may take when the writer stops; the next start asks what became of it. */
  stopMillis?: number
  /** Bytes of records in one range; a partition with more behind it is written without waiting. */
  rangeBytesMax?: number
  /** Bytes of records that may be read and not yet in the store, over all partitions. */
  inFlightBytesMax?: number
}

export interface Writer {
  start(): void
  stop(): Promise<void>
  /** The error that keeps a partition from being written now; undefined while all goes well. */
  failure(): string | undefined
}

/**
 * A second is promised for spans and log records; the target is less for what no measurement tells beforehand: a slow
 * fsync, a merge, a neighbour. Points come every ten seconds or more, in up to five tables; each block has its price,
 * however small it is.
 */
const paceDefaults: Readonly<Record<Signal, { gatherMillisMax: number; visibleMillisTarget: number }>> = {
  traces: { gatherMillisMax: 500, visibleMillisTarget: 750 },
  logs: { gatherMillisMax: 500, visibleMillisTarget: 750 },
  metrics: { gatherMillisMax: 2000, visibleMillisTarget: 2500 },
}
const stopMillisDefault = 5000
/** Twice as much costs a third less CPU a row while catching up, and more memory than a small machine has. */
const rangeBytesMaxDefault = 32 << 20
const inFlightBytesMaxDefault = 64 << 20
const rangeRecordsMax = 50_000
const sinceEver = 2n ** 63n
const anyAge = { traces: sinceEver, logs: sinceEver, metrics: sinceEver }
const retryMillisMin = 200
const retryMillisMax = 5000

/** A range that was read and made into blocks, with its share of what may be in memory. */
interface ReadRange {
  range: PreparedRange
  lease: InFlightLease
  readAt: number
}

/**
 * Takes ranges of records from each partition and brings them into the store exactly once: the intended range is saved
 * before the first insert, and the position moves only when every block of it is in. After a crash the same range makes
 * the same blocks, and the store is asked which of them it has.
 *
 * Ranges follow the load: what came within the gather time while the writer keeps up, and as much as a range may hold
 * when it has fallen behind. The next range is not made ready while one is inserted: measured on two cores, that was not
 * faster (an insert keeps more than one busy), and it holds another range in memory.
 */
export const createWriter = (settings: WriterSettings): Writer => {
  const { queue, logger, selfMetrics } = settings
  const rangeBytesMax = settings.rangeBytesMax ?? rangeBytesMaxDefault
  const prepareRange = createPrepareRange(
    createForeignRecords({ retentionNanos: settings.retentionNanos ?? anyAge, selfMetrics }),
  )
  const inFlight = createInFlightBytes(settings.inFlightBytesMax ?? inFlightBytesMaxDefault)
  /** What keeps a partition from being written, by its name. */
  const failures = new Map<string, string>()
  const abort = new AbortController()
  const loops = new Set<Promise<void>>()
  const { signal: stopping } = abort

  const retries = selfMetrics.meter.createCounter('writer_insert_retries', {
    description: 'Inserts that failed and were tried again',
  })
  for (const [name, observe] of [
    ['writer_in_flight_bytes', () => inFlight.bytesInUse],
    ['writer_in_flight_bytes_max', () => inFlight.bytesMax],
  ] as const)
    selfMetrics.meter
      .createObservableGauge(name, {
        description: 'Bytes of records that are read and not yet in the store',
        unit: 'By',
      })
      .addCallback((result) => result.observe(observe()))

  selfMetrics.meter
    .createObservableGauge('writer_walk', {
      description: 'What the walk over the wire runs on: 1 of its name',
    })
    .addCallback((result) => result.observe(1, { engine: walkEngine().name }))

  const run: WritePartition = async ({ signal, partition, released }) => {
    const ended = AbortSignal.any([stopping, released])
    const source: RangeSource = { signal, partition, ended }
    const { gatherMillisMax, visibleMillisTarget } = paceDefaults[signal]
    const pace = createRangePace({
      gatherMillisMax: settings.gatherMillis ?? gatherMillisMax,
      visibleMillisTarget,
    })
    const { intent } = source.partition.position()
    if (intent !== undefined) await finishInterrupted(source, intent)
    while (!ended.aborted) {
      const read = await readNext(source)
      if (read === undefined) continue
      const { range, lease, readAt } = read
      const isWritten = await writeFresh(source, range)
      lease.release()
      if (!isWritten) return
      pace.wrote(performance.now() - readAt)
      if (source.partition.bytesBehind(range.last + 1) < rangeBytesMax)
        await pause(pace.gatherMillis() - (performance.now() - readAt), ended)
    }
  }

  /** Undefined when the writer stops, and when nothing can be read now: the caller tries again. */
  const readNext = async (source: RangeSource): Promise<ReadRange | undefined> => {
    const { signal, partition, ended } = source
    const from = partition.position().next
    const lease = await inFlight.take(Math.min(partition.bytesBehind(from), rangeBytesMax), ended)
    try {
      const limits = { recordsMax: rangeRecordsMax, bytesMax: rangeBytesMax }
      const records = await partition.read(from, limits, ended)
      const readAt = performance.now()
      lease.resize(bytesOf(records))
      const [first, last] = [records[0], records.at(-1)]
      if (first !== undefined && last !== undefined)
        return {
          range: await prepareRange(signal, records, { first: first.offset, last: last.offset }),
          lease,
          readAt,
        }
    } catch (error) {
      fail(source, error)
      await pause(retryMillisMax, ended)
    }
    lease.release()
    return undefined
  }

  const writeFresh = async (source: RangeSource, range: PreparedRange): Promise<boolean> => {
    const { partition } = source
    const fresh: RangeIntent = { first: range.first, last: range.last, attempt: 1 }
    const { next } = partition.position()
    if (!(await untilDone(source, () => partition.savePosition({ next, intent: fresh })))) return false
    return rangeWriter.write(source, range, fresh, false)
  }

  const finishInterrupted = async (source: RangeSource, intent: RangeIntent): Promise<void> => {
    const { signal, partition, ended } = source
    logger.info({ partition: partition.name, ...intent }, 'finishing the range that was being written')
    let records: QueuedRecord[] = []
    const read = async (): Promise<void> => {
      records = await partition.readRange(intent.first, intent.last)
    }
    if (!(await untilDone(source, read))) return
    const lease = await inFlight.take(bytesOf(records), ended)
    await rangeWriter.write(source, await prepareRange(signal, records, intent), intent, true)
    lease.release()
  }

  /** Repeats an act that may fail for a time. False when the writing of the partition ends before it succeeded. */
  const untilDone = async (source: RangeSource, act: () => Promise<void>): Promise<boolean> => {
    const { signal, partition, ended } = source
    for (let retryMillis = retryMillisMin; ; retryMillis = Math.min(retryMillis * 2, retryMillisMax)) {
      try {
        await act()
        failures.delete(partition.name)
        return true
      } catch (error) {
        if (error instanceof RowsRefused) throw error
        if (ended.aborted) return false
        fail(source, error)
        retries.add(1, { signal })
        await pause(retryMillis, ended)
      }
    }
  }

  const fail = ({ partition: { name } }: RangeSource, error: unknown): void => {
    const message = messageOf(error)
    // One line per episode: the retries of the same fault only count.
    if (failures.get(name) !== message)
      logger.error({ err: error, partition: name }, `cannot write ${name}: ${message}`)
    failures.set(name, message)
  }

  const pause = async (millis: number, ended: AbortSignal): Promise<void> => {
    if (millis > 0) await delay(millis, undefined, { signal: ended }).catch(() => undefined)
  }

  /** What is said of a partition holds as long as it is written here. */
  const track: WritePartition = async (assignment) => {
    const loop = run(assignment).finally(() => failures.delete(assignment.partition.name))
    loops.add(loop)
    await loop.finally(() => loops.delete(loop))
  }

  const rangeWriter = createRangeWriter({
    store: settings.store,
    deadLetters: settings.deadLetters,
    prepareRange,
    selfMetrics,
    untilDone,
  })

  return {
    start: () => {
      tellEngine(logger)
      queue.start(track)
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
    failure: () => [...failures].map(([name, message]) => `${name}: ${message}`)[0],
  }
}

/** Both do the same, so who is slow would not know. */
const tellEngine = (logger: Logger): void => {
  const { name, reason } = walkEngine()
  if (reason === undefined) logger.info({ engine: name }, 'queued records are decoded by WebAssembly')
  else
    logger.warn(
      { engine: name, reason },
      'queued records are decoded by TypeScript, because WebAssembly cannot be had: that takes up to three times the CPU',
    )
}

const bytesOf = (records: readonly QueuedRecord[]): number =>
  records.reduce((sum, { payload }) => sum + payload.length, 0)
