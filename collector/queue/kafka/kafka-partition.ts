import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import type { Position, QueueLag, QueuePartition, QueuedRecord, RangeLimits } from '../queue.ts'
import { brokerErrorTypes } from './broker-errors.ts'
import { type CommitMetadata, encodeMetadata } from './commit-metadata.ts'
import { originOf } from './record-headers.ts'

export interface KafkaPartitionSettings {
  consumer: Consumer
  topic: string
  partition: number
  /** Where the group stands. */
  committed: CommitMetadata & { next: number }
  /** The offsets that the partition holds now, `high` not included. */
  readBounds: () => Promise<{ low: number; high: number }>
  logger: Logger
  now: () => number
}

export interface KafkaPartition extends QueuePartition {
  /** Aborts when the partition is no longer this process's to write. */
  readonly released: AbortSignal
  release(): void
  /**
   * Takes a batch that was fetched, and resolves when its last record is done with: the writer asks for what comes after,
   * or has let the partition go. As long as it has not, the batch's heartbeats keep the group from giving the partition away.
   */
  offer(payload: EachBatchPayload, settled: Promise<void>): Promise<void>
  /** How far the log reaches, as the brokers last said. */
  observeHigh(high: number): void
}

/** A batch that is here until the writer asks for what comes after it. */
interface Fetched {
  /** Where the fetch began; offsets may be missing, so the first record need not have this one. */
  from: number
  records: QueuedRecord[]
  done: PromiseWithResolvers<void>
}

const heartbeatMillis = 500

/**
 * A partition of a topic as its writer sees it, over kafkajs, which pushes batches: a fetched batch is held until the writer
 * asks for the record after it, and a read of anything but what comes next moves the fetch position there first.
 */
export const createKafkaPartition = (settings: KafkaPartitionSettings): KafkaPartition => {
  const { consumer, topic, partition, committed, logger, now } = settings
  const name = `${topic}/${partition}`
  const releasing = new AbortController()
  const released = releasing.signal
  let { writtenThroughMillis } = committed
  let position: Position = positionOf(committed)
  let high = committed.next
  let fetched: Fetched | undefined
  let latest: EachBatchPayload | undefined
  /** What kafkajs fetches next; undefined while it is not known. */
  let fetchOffset: number | undefined
  let arrival = Promise.withResolvers<void>()

  const letGo = (): void => {
    fetched?.done.resolve()
    fetched = undefined
  }

  /** Resolves when a batch is there that goes on at `from`. */
  const arrive = async (from: number, signal: AbortSignal): Promise<void> => {
    if (fetchOffset !== from) {
      consumer.seek({ topic, partition, offset: String(from) })
      fetchOffset = from
    }
    letGo()
    await untilAborted(arrival.promise, signal)
  }

  const read = async (from: number, limits: RangeLimits, signal: AbortSignal): Promise<QueuedRecord[]> => {
    const ended = AbortSignal.any([signal, released])
    while (!ended.aborted) {
      const records = take(from, limits)
      if (records.length > 0) return records
      await arrive(from, ended)
    }
    return []
  }

  /** What is here from this record on; nothing where the batch that is here begins after it, as it was fetched for another read. */
  const take = (from: number, { recordsMax, bytesMax }: RangeLimits): QueuedRecord[] => {
    if (fetched === undefined || fetched.from > from) return []
    const records: QueuedRecord[] = []
    let byteCount = 0
    for (const record of fetched.records) {
      if (record.offset < from) continue
      byteCount += record.payload.length
      if (records.length >= recordsMax || (records.length > 0 && byteCount > bytesMax)) break
      records.push(record)
    }
    return records
  }

  const readRange = async (first: number, last: number): Promise<QueuedRecord[]> => {
    const { low, high: end } = await settings.readBounds()
    const from = Math.max(first, low)
    const records: QueuedRecord[] = []
    for (let at = from; at <= last && at < end && !released.aborted;) {
      const limits = { recordsMax: Infinity, bytesMax: Infinity }
      const some = await read(at, limits, released)
      records.push(...some.filter(({ offset }) => offset <= last))
      at = (some.at(-1)?.offset ?? last) + 1
    }
    if (released.aborted) throw new Unavailable(`${name} is no longer this process's to write`)
    if (from > first)
      logger.error(
        { partition: name, first, last, found: records.length },
        'records of the range that was being written are lost: retention has taken them',
      )
    return records
  }

  /**
   * By way of a batch, which tells when it failed. The consumer's own way, for a position that is saved before there was any
   * batch, says nothing where the consumer has stopped meanwhile.
   */
  const commit = async (offset: { partition: number; offset: string; metadata: string }): Promise<void> => {
    const topics = [{ topic, partitions: [offset] }]
    if (latest === undefined) await consumer.commitOffsets([{ topic, ...offset }])
    else await latest.commitOffsetsIfNecessary({ topics })
  }

  const savePosition = async (moved: Position): Promise<void> => {
    if (released.aborted) throw new Unavailable(`${name} is no longer this process's to write`)
    const last = fetched?.records.findLast(({ offset }) => offset < moved.next)
    const through = Math.max(writtenThroughMillis, last?.queuedAtMillis ?? 0)
    const metadata = encodeMetadata({
      logId: committed.logId,
      writtenThroughMillis: through,
      ...(moved.intent === undefined ? {} : { intent: moved.intent }),
    })
    try {
      await commit({ partition, offset: String(moved.next), metadata })
    } catch (error) {
      if (isFenced(error)) releasing.abort()
      throw new Unavailable(`cannot commit the position of ${name}: ${messageOf(error)}`, { cause: error })
    }
    // The group may have gone on meanwhile, and kafkajs then commits as whoever it is now.
    if (released.aborted) throw new Unavailable(`${name} is no longer this process's to write`)
    position = moved
    writtenThroughMillis = through
  }

  const offer = async (payload: EachBatchPayload, settled: Promise<void>): Promise<void> => {
    const { batch } = payload
    if (released.aborted || payload.isStale()) return
    latest = payload
    const done = Promise.withResolvers<void>()
    const from = fetchOffset ?? Number(batch.firstOffset() ?? batch.lastOffset())
    fetched = { from, records: batch.messages.map(recordOf), done }
    fetchOffset = Number(batch.lastOffset()) + 1
    high = Math.max(high, Number(batch.highWatermark))
    wake()
    try {
      while (!(await within(done.promise, heartbeatMillis, released))) {
        if (!payload.isRunning()) break
        await payload.heartbeat()
      }
    } catch (error) {
      // The group is being shared out anew: what is under way is finished first, because its rows may be in the store any moment.
      releasing.abort()
      await settled
      throw error
    }
    if (!payload.isRunning()) releasing.abort()
    if (released.aborted) await settled
  }

  const wake = (): void => {
    arrival.resolve()
    arrival = Promise.withResolvers<void>()
  }

  const lag = (): QueueLag => {
    const recordsBehind = Math.max(0, high - position.next)
    const oldest = unwritten()[0]?.queuedAtMillis ?? writtenThroughMillis
    return {
      recordsBehind,
      bytes: bytesBehind(position.next),
      oldestUnwrittenAgeMillis: recordsBehind === 0 || oldest === 0 ? 0 : Math.max(0, now() - oldest),
    }
  }

  const unwritten = (from = position.next): QueuedRecord[] =>
    fetched?.records.filter(({ offset }) => offset >= from) ?? []

  /** What is here, and for what is not fetched yet as much a record. */
  const bytesBehind = (from: number): number => {
    const here = unwritten(from)
    const bytes = here.reduce((sum, { payload }) => sum + payload.length, 0)
    const recordsElsewhere = Math.max(0, high - from - here.length)
    return bytes + recordsElsewhere * (here.length === 0 ? recordBytesGuess : bytes / here.length)
  }

  return {
    name,
    identity: `${name}@${committed.logId}`,
    released,
    release: () => {
      releasing.abort()
      wake()
    },
    position: () => position,
    savePosition,
    read,
    readRange,
    bytesBehind,
    lag,
    offer,
    observeHigh: (observed) => {
      high = Math.max(high, observed)
    },
  }
}

/** Before any record was seen. */
const recordBytesGuess = 64 << 10

const positionOf = ({ next, intent }: CommitMetadata & { next: number }): Position =>
  intent === undefined ? { next } : { next, intent }

const recordOf = ({ offset, timestamp, value, headers }: KafkaMessage): QueuedRecord => ({
  offset: Number(offset),
  queuedAtMillis: Number(timestamp),
  payload: value ?? new Uint8Array(),
  ...originOf(headers),
  ...(headers === undefined ? {} : { headers }),
})

/** What a broker answers to a member that the group has gone on without. */
const fencedTypes = new Set([
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
])

const isFenced = (error: unknown): boolean => brokerErrorTypes(error).some((type) => fencedTypes.has(type))

const untilAborted = async (promise: Promise<void>, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const onAbort = (): void => resolve()
  signal.addEventListener('abort', onAbort)
  await Promise.race([promise, aborted])
  signal.removeEventListener('abort', onAbort)
}

/** Whether the promise settled, or the signal aborted, within so long. */
const within = async (promise: Promise<void>, millis: number, signal: AbortSignal): Promise<boolean> => {
  const { promise: elapsed, resolve } = Promise.withResolvers<false>()
  const timer = setTimeout(() => resolve(false), millis)
  const settled = untilAborted(promise, signal).then(() => true)
  const isSettled = await Promise.race([settled, elapsed])
  clearTimeout(timer)
  return isSettled
}
