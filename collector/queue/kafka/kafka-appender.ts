import { setTimeout as delay } from 'node:timers/promises'
import { CompressionTypes, type Kafka, type Message, Partitioners, type Producer } from 'kafkajs'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { splitExport } from '#telemetry/otlp/split-export.ts'
import { type AppendOutcome, type NewRecord, type QueueAppender, topicBySignal } from '../queue.ts'
import { contentHashOf, createRecentExports } from '../recent-exports.ts'
import { headersOf } from './record-headers.ts'
import { brokerErrorTypes } from './broker-errors.ts'
import type { Topic } from './topics.ts'

export interface KafkaAppenderSettings {
  kafka: Kafka
  /** Of the three signals, as the brokers hold them. */
  topics: readonly Topic[]
  /** What the names of the topics begin with. */
  topicPrefix?: string
  logger: Logger
  selfMetrics?: SelfMetrics
  compression?: Compression
  /** Records that wait for the brokers may take so many bytes of memory; beyond, appending is refused. */
  pendingBytesMax?: number
  now?: () => number
}

export type Compression = 'none' | 'gzip' | 'zstd'

export interface KafkaAppender extends QueueAppender {
  close(): Promise<void>
}

const compressionTypes: Readonly<Record<Compression, CompressionTypes>> = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  zstd: CompressionTypes.ZSTD,
}
const pendingBytesMaxDefault = 128 << 20
/** How long the brokers may take until all replicas have a batch. */
const acknowledgeMillisMax = 4000
/** Key, headers, lengths and the batch's own head, and what a codec adds to bytes that it cannot make smaller. */
const recordOverheadBytes = 4096
const recordBytesMaxOf = ({ batchBytesMax }: Topic): number =>
  Math.max(1024, Math.floor(batchBytesMax * 0.99) - recordOverheadBytes)

/**
 * Exports go to Kafka as the OpenTelemetry Collector's exporter writes them: a record's value is one OTLP protobuf request.
 * An append resolves when all replicas in sync have it. Records that come while a batch is on its way share the next one.
 *
 * Nothing is sent again by itself: when the outcome of a batch is not known its senders are told to try again, and what
 * they send is then theirs to have twice. An export that exceeds what the brokers take is cut in several records.
 */
export const openKafkaAppender = async (settings: KafkaAppenderSettings): Promise<KafkaAppender> => {
  const { kafka, topics, logger, topicPrefix = '' } = settings
  const pendingBytesMax = settings.pendingBytesMax ?? pendingBytesMaxDefault
  const now = settings.now ?? Date.now
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    // Whether a batch that failed was taken is not known: to send it again would be to have it twice.
    retry: { retries: 0 },
  })
  const sendMillis = settings.selfMetrics?.meter.createHistogram('queue_produce_duration', {
    description: 'How long the brokers took to acknowledge a batch of records',
    unit: 'ms',
  })
  let pendingBytes = 0
  let isClosed = false
  const lanes = new Map<Signal, Lane>()
  for (const signal of signals) {
    const topic = topics.find(({ name }) => name === `${topicPrefix}${topicBySignal[signal]}`)
    if (topic === undefined) throw new Error(`no topic for ${signal}`)
    const compression = compressionTypes[settings.compression ?? 'zstd']
    const onSent = (durationMillis: number): void => sendMillis?.record(durationMillis, { topic: topic.name })
    lanes.set(signal, createLane({ producer, topic, compression, logger, onSent }))
  }
  const laneOf = (signal: Signal): Lane => {
    const lane = lanes.get(signal)
    if (lane === undefined) throw new Error(`no topic for ${signal}`)
    return lane
  }
  // A broker that is away now may be there when the first export comes.
  await producer
    .connect()
    .catch((error: unknown) => logger.warn({ err: error }, `cannot reach Kafka yet: ${messageOf(error)}`))

  const appendPart = async (lane: Lane, record: NewRecord, payload: Uint8Array) => {
    const nowMillis = now()
    const contentHash = record.mayRepeat === true ? '' : await contentHashOf(record.tenant, payload)
    const known = contentHash === '' ? undefined : lane.recentExports.find(contentHash, nowMillis)
    if (known !== undefined) {
      await known
      return 'duplicate'
    }
    pendingBytes += payload.length
    try {
      const sent = lane.send({ value: asBuffer(payload), headers: headersOf(record.tenant) })
      if (contentHash !== '') lane.recentExports.add(contentHash, nowMillis, sent)
      await sent
    } finally {
      pendingBytes -= payload.length
    }
    return 'appended'
  }

  const checkRoom = (byteCount: number): void => {
    if (isClosed) throw new Unavailable('the queue is closed')
    if (pendingBytes + byteCount > pendingBytesMax)
      throw new Unavailable('the queue is busy: too many bytes wait for Kafka')
  }

  return {
    checkRoom: (_signal, byteCount) => checkRoom(byteCount),
    append: async (signal, record): Promise<AppendOutcome> => {
      checkRoom(record.payload.length)
      const lane = laneOf(signal)
      const { parts, oversized } = splitExport(signal, record.payload, lane.recordBytesMax)
      const outcomes = await Promise.all(parts.map((part) => appendPart(lane, record, part)))
      if (oversized.count > 0) return { ...oversized, bytesMax: lane.recordBytesMax }
      return outcomes.every((outcome) => outcome === 'duplicate') && outcomes.length > 0
        ? 'duplicate'
        : 'appended'
    },
    close: async () => {
      isClosed = true
      await Promise.all([...lanes.values()].map((lane) => lane.idle()))
      await producer.disconnect()
    },
  }
}

interface Waiting {
  message: Message & { value: Buffer }
  done: PromiseWithResolvers<void>
}

/** What waits for one topic, and the batch that is on its way there. */
interface Lane {
  recordBytesMax: number
  recentExports: ReturnType<typeof createRecentExports>
  send(message: Waiting['message']): Promise<void>
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>
}

const createLane = (settings: {
  producer: Producer
  topic: Topic
  compression: CompressionTypes
  logger: Logger
  onSent: (durationMillis: number) => void
}): Lane => {
  const { producer, topic, compression, logger, onSent } = settings
  const recordBytesMax = recordBytesMaxOf(topic)
  let waiting: Waiting[] = []
  let sending: Promise<void> | undefined
  let batchCount = 0
  let isFailing = false

  const sendAll = async (): Promise<void> => {
    try {
      while (waiting.length > 0) await sendBatch(nextBatch())
    } finally {
      // In the same breath as the loop's last look: a record that comes later begins a turn of its own.
      sending = undefined
    }
  }

  /** As many as one batch of the topic may hold. */
  const nextBatch = (): Waiting[] => {
    let byteCount = 0
    let count = 0
    for (const { message } of waiting) {
      byteCount += message.value.length + recordHeadBytes
      if (count > 0 && byteCount > recordBytesMax) break
      count += 1
    }
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    return batch
  }

  const sendBatch = async (batch: readonly Waiting[]): Promise<void> => {
    const startedAt = performance.now()
    // A batch goes to one partition whole, and the next batch to the next one: few large batches, evenly spread.
    const partition = batchCount++ % topic.partitionCount
    try {
      const send = () =>
        producer.send({
          topic: topic.name,
          messages: batch.map(({ message }) => ({ ...message, partition })),
          acks: -1,
          timeout: acknowledgeMillisMax,
          compression,
        })
      const answers = await againWhereNothingWasTaken(send)
      // kafkajs drops what is for a partition that is not there, and says so by saying nothing.
      if (answers.length !== 1) throw new Error(`the brokers know no partition ${partition}`)
      onSent(performance.now() - startedAt)
      if (isFailing) logger.info({ topic: topic.name }, 'Kafka takes records again')
      isFailing = false
      for (const { done } of batch) done.resolve()
    } catch (error) {
      // One line per episode.
      if (!isFailing)
        logger.error({ err: error, topic: topic.name }, `cannot write to Kafka: ${messageOf(error)}`)
      isFailing = true
      // What waits behind would wait as long again, and its senders give up meanwhile.
      const failed = [...batch, ...waiting]
      waiting = []
      const unavailable = new Unavailable(`cannot write to Kafka: ${messageOf(error)}`, { cause: error })
      for (const { done } of failed) done.reject(unavailable)
    }
  }

  return {
    recordBytesMax,
    recentExports: createRecentExports(),
    send: (message) => {
      const done = Promise.withResolvers<void>()
      waiting.push({ message, done })
      sending ??= sendAll()
      return done.promise
    },
    idle: async () => sending,
  }
}

/** Of a record in a batch, beside its value: lengths, header and tenant. */
const recordHeadBytes = 256

const againMax = 5
const againMillis = 200
/** What a broker answers that is not responsible: it took nothing, and kafkajs has asked meanwhile who is. */
const notResponsible = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
])

const againWhereNothingWasTaken = async <T>(send: () => Promise<T>): Promise<T> => {
  for (let again = 0; ; again++) {
    try {
      return await send()
    } catch (error) {
      if (again >= againMax || !brokerErrorTypes(error).some((type) => notResponsible.has(type))) throw error
    }
    await delay(againMillis)
  }
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
