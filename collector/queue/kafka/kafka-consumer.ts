import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Admin, type Consumer, type EachBatchPayload, type Kafka, PartitionAssigners } from 'kafkajs'
import { messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { type PartitionLag, type QueueConsumer, type WritePartition, topicBySignal } from '../queue.ts'
import { type CommitMetadata, decodeMetadata } from './commit-metadata.ts'
import { type KafkaPartition, createKafkaPartition } from './kafka-partition.ts'

export interface KafkaConsumerSettings {
  kafka: Kafka
  /** What the names of the topics begin with. */
  topicPrefix?: string
  logger: Logger
  /** A member that is silent for so long has its partitions given to others. */
  sessionMillis?: number
  /** Of one partition in one fetch: what a range can be made of at most. */
  partitionBytesMax?: number
  now?: () => number
}

const sessionMillisDefault = 15_000
const heartbeatMillis = 1000
/** How long what is under way may take when the group shares its partitions out anew. */
const handOverMillisMax = 60_000
const partitionBytesMaxDefault = 16 << 20
const fetchBytesMax = 64 << 20
const fetchWaitMillisMax = 500
const concurrencyMax = 32
const retryMillis = 1000
const observeMillis = 5000
/** A coordinator that has just begun is not found at once. */
const adminRetries = { retries: 3 }

/** The group that writes a topic. Each topic has its own, so that one that is stuck holds up no other. */
export const groupOf = (topic: string): string => `aftertrace_${topic}`

/**
 * The partitions of the three topics that the groups give to this process. They are shared out among all writers, and anew
 * when one comes or goes; who loses a partition finishes the range under way and commits before the group goes on.
 */
export const openKafkaConsumer = (settings: KafkaConsumerSettings): QueueConsumer => {
  const topics = signals.map((signal) => createTopicConsumer(settings, signal))
  return {
    start: (write) => {
      for (const topic of topics) topic.start(write)
    },
    lags: () => topics.flatMap(({ lags }) => lags()),
    close: async () => void (await Promise.all(topics.map(({ close }) => close()))),
  }
}

interface Assigned {
  partition: KafkaPartition
  /** Settles when its writer has let go of it. */
  settled: Promise<void>
}

/** A consumer from its connection to its crash. */
interface Life {
  consumer: Consumer
  write: WritePartition
  /** Ends it; another one begins. */
  end: () => void
}

const createTopicConsumer = (settings: KafkaConsumerSettings, signal: Signal) => {
  const { kafka, logger, topicPrefix = '', now = Date.now } = settings
  const topic = `${topicPrefix}${topicBySignal[signal]}`
  const groupId = groupOf(topic)
  const closing = new AbortController()
  let assigned = new Map<number, Promise<Assigned | undefined>>()
  /** Those that are being written. */
  const partitions = new Map<number, KafkaPartition>()
  let generation = new AbortController()
  let running: Promise<void> = Promise.resolve()
  let isComplained = false

  const complain = (error: unknown, what: string): void => {
    if (!isComplained) logger.error({ err: error, topic }, `${what}: ${messageOf(error)}`)
    isComplained = true
  }

  const admin = createAdmin(kafka)

  const settledOf = async (before: Promise<Assigned | undefined> | undefined): Promise<void> => {
    const one = await before
    one?.partition.release()
    await one?.settled
  }

  /** Everything that was assigned before is let go; returns when no writer of this process is at it any more. */
  const releaseAll = async (): Promise<void> => {
    generation.abort()
    await Promise.all([...assigned.values()].map(settledOf))
  }

  const assign = (life: Life, ids: readonly number[]): void => {
    generation.abort()
    generation = new AbortController()
    const { signal: ended } = generation
    const before = assigned
    assigned = new Map(ids.map((id) => [id, takeOver(life, id, ended, before.get(id))]))
    // Those that are not this process's any more.
    for (const [id, one] of before) if (!assigned.has(id)) void settledOf(one)
    logger.info({ topic, partitions: ids }, 'partitions assigned')
  }

  const takeOver = async (
    { consumer, write, end }: Life,
    id: number,
    ended: AbortSignal,
    before: Promise<Assigned | undefined> | undefined,
  ): Promise<Assigned | undefined> => {
    await settledOf(before)
    const committed = await readCommitted(id, ended)
    if (committed === undefined) return undefined
    const partition = createKafkaPartition({
      consumer,
      topic,
      partition: id,
      committed,
      readBounds: () => admin.use((each) => readBounds(each, topic, id)),
      logger,
      now,
    })
    ended.addEventListener('abort', () => partition.release(), { once: true })
    if (ended.aborted) partition.release()
    isComplained = false
    partitions.set(id, partition)
    const settled = write({ signal, partition, released: partition.released })
      .catch((error: unknown) => {
        logger.error({ err: error, partition: partition.name }, 'writing a partition failed; it begins again')
        end()
      })
      .finally(() => {
        if (partitions.get(id) === partition) partitions.delete(id)
      })
    return { partition, settled }
  }

  const readCommitted = async (
    id: number,
    ended: AbortSignal,
  ): Promise<(CommitMetadata & { next: number }) | undefined> => {
    while (!ended.aborted) {
      try {
        return await admin.use((each) => fetchCommitted(each, groupId, topic, id))
      } catch (error) {
        complain(error, `cannot read where the writing of ${topic} stands`)
        await delay(retryMillis, undefined, { signal: ended }).catch(() => undefined)
      }
    }
    return undefined
  }

  const eachBatch = async (payload: EachBatchPayload): Promise<void> => {
    const one = await assigned.get(payload.batch.partition)
    if (one !== undefined) await one.partition.offer(payload, one.settled)
  }

  /** One life of the consumer, until it crashed for a reason that kafkajs does not try again, or is closed. */
  const live = async (write: WritePartition): Promise<void> => {
    const consumer = kafka.consumer({
      groupId,
      partitionAssigners: [PartitionAssigners.roundRobin],
      sessionTimeout: settings.sessionMillis ?? sessionMillisDefault,
      rebalanceTimeout: handOverMillisMax,
      heartbeatInterval: heartbeatMillis,
      maxBytesPerPartition: settings.partitionBytesMax ?? partitionBytesMaxDefault,
      maxBytes: fetchBytesMax,
      maxWaitTimeInMs: fetchWaitMillisMax,
      allowAutoTopicCreation: false,
      retry: { retries: 5, initialRetryTime: 200, maxRetryTime: 2000, restartOnFailure: async () => false },
    })
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
      assign({ consumer, write, end }, payload.memberAssignment[topic] ?? []),
    )
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      complain(payload.error, `reading ${topic} failed and begins again`)
      end()
    })
    const onClose = (): void => end()
    closing.signal.addEventListener('abort', onClose, { once: true })
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: concurrencyMax, eachBatch })
      await ended
    } finally {
      closing.signal.removeEventListener('abort', onClose)
      await releaseAll()
      await consumer.disconnect().catch(() => undefined)
    }
  }

  const observe = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      await delay(observeMillis, undefined, { signal: closing.signal }).catch(() => undefined)
      if (closing.signal.aborted || partitions.size === 0) continue
      const ends = await admin.use((each) => each.fetchTopicOffsets(topic)).catch(() => [])
      for (const { partition, high } of ends) partitions.get(partition)?.observeHigh(Number(high))
    }
  }

  return {
    start: (write: WritePartition): void => {
      const run = async (): Promise<void> => {
        while (!closing.signal.aborted) {
          try {
            await live(write)
          } catch (error) {
            complain(error, `cannot read ${topic}`)
          }
          await delay(retryMillis, undefined, { signal: closing.signal }).catch(() => undefined)
        }
      }
      running = Promise.all([run(), observe()]).then(() => undefined)
    },
    lags: (): PartitionLag[] =>
      [...partitions].map(([id, partition]) => ({ signal, topic, partition: id, ...partition.lag() })),
    close: async (): Promise<void> => {
      closing.abort()
      await running
      await admin.close()
    },
  }
}

/** One admin connection, made when first needed and again after a failure. */
const createAdmin = (kafka: Kafka) => {
  let connected: Promise<Admin> | undefined
  const connect = async (): Promise<Admin> => {
    const admin = kafka.admin({ retry: adminRetries })
    await admin.connect()
    return admin
  }
  return {
    use: async <T>(act: (admin: Admin) => Promise<T>): Promise<T> => {
      const connecting = (connected ??= connect())
      try {
        return await act(await connecting)
      } catch (error) {
        if (connected === connecting) connected = undefined
        void connecting.then((admin) => admin.disconnect()).catch(() => undefined)
        throw error
      }
    },
    close: async (): Promise<void> => {
      const admin = await connected?.catch(() => undefined)
      await admin?.disconnect().catch(() => undefined)
    },
  }
}

const readBounds = async (
  admin: Admin,
  topic: string,
  id: number,
): Promise<{ low: number; high: number }> => {
  const bounds = (await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === id)
  return { low: Number(bounds?.low ?? 0), high: Number(bounds?.high ?? 0) }
}

const fetchCommitted = async (
  admin: Admin,
  groupId: string,
  topic: string,
  id: number,
): Promise<CommitMetadata & { next: number }> => {
  const [entry] = await admin.fetchOffsets({ groupId, topics: [topic] })
  const committed = entry?.partitions.find(({ partition }) => partition === id)
  const { low } = await readBounds(admin, topic, id)
  const next = Number(committed?.offset ?? -1)
  const metadata = decodeMetadata(committed?.metadata ?? null)
  // Nothing was written yet, or the offsets have outlived what they counted.
  if (next < 0) return { next: low, ...(metadata ?? fresh()) }
  return { next: Math.max(next, low), ...(metadata ?? fresh()) }
}

const fresh = (): CommitMetadata => ({ logId: randomBytes(6).toString('hex'), writtenThroughMillis: 0 })
