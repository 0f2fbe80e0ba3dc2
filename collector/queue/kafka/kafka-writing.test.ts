import { randomUUID } from 'node:crypto'
import kafkajs, { type Admin, type IHeaders, type Kafka, type Producer } from 'kafkajs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Unavailable } from '#runtime/errors.ts'
import { silentLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { createRangeStore } from '#storage/range-store.ts'
import { sql } from '#storage/sql.ts'
import type { Span } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { eventually } from '../../../test/harness/eventually.ts'
import { type KafkaBroker, startKafka } from '../../../test/harness/kafka/start-kafka.ts'
import { makeSpan } from '../../../test/harness/make-span.ts'
import { type MigratedStore, openMigratedStore } from '../../../test/harness/migrated-store.ts'
import { createWriter } from '../../writer/writer.ts'
import { topicBySignal } from '../queue.ts'
import { connectKafka } from './connection.ts'
import { type KafkaAppender, openKafkaAppender } from './kafka-appender.ts'
import { openKafkaConsumer } from './kafka-consumer.ts'
import { createKafkaDeadLetters, deadLetterTopicOf } from './kafka-dead-letters.ts'
import { ensureTopics } from './topics.ts'

const outcomeMillisMax = 60_000
const nanosPerDay = 86_400_000_000_000n
const weekNanos = 7n * nanosPerDay
const retentionNanos = { traces: weekNanos, logs: weekNanos, metrics: weekNanos }
const selfMetrics = createSelfMetrics()

let broker: KafkaBroker
let kafka: Kafka
let admin: Admin
let producer: Producer
let migrated: MigratedStore
let topicPrefix: string
const closing: (() => Promise<void>)[] = []

beforeAll(async () => {
  broker = await startKafka({ isOwn: true })
  kafka = connectKafka({ brokers: broker.brokers, logger: silentLogger })
}, 180_000)
afterAll(() => broker.remove())

beforeEach(async () => {
  topicPrefix = `w${randomUUID().slice(0, 8)}_`
  migrated = await openMigratedStore()
  admin = kafka.admin({ retry: { retries: 5 } })
  producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await Promise.all([admin.connect(), producer.connect()])
})
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
  await Promise.all([admin.disconnect(), producer.disconnect()])
  await migrated.close()
})

const topicOfTraces = (): string => `${topicPrefix}${topicBySignal.traces}`

const openTopics = async (partitions: number) => {
  const names = Object.values(topicBySignal).map((name) => `${topicPrefix}${name}`)
  const made = { partitions, replicas: 1, retentionSeconds: 3600 }
  return {
    topics: await ensureTopics(kafka, names, made, silentLogger),
    deadLetterTopics: await ensureTopics(kafka, names.map(deadLetterTopicOf), made, silentLogger),
  }
}
type Topics = Awaited<ReturnType<typeof openTopics>>

const openAppender = async ({ topics }: Topics): Promise<KafkaAppender> => {
  const appender = await openKafkaAppender({ kafka, topics, topicPrefix, logger: silentLogger })
  closing.push(() => appender.close())
  return appender
}

/** A writer with a consumer of its own, as a process of its own would have them. */
const startWriter = ({ deadLetterTopics: topics }: Topics): { stop: () => Promise<void> } => {
  const consumer = openKafkaConsumer({ kafka, topicPrefix, logger: silentLogger })
  const deadLetters = createKafkaDeadLetters({ kafka, topics, logger: silentLogger })
  const writer = createWriter({
    queue: consumer,
    store: createRangeStore(migrated.store),
    deadLetters,
    logger: silentLogger,
    selfMetrics,
    retentionNanos,
    gatherMillis: 20,
  })
  writer.start()
  let stopping: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await writer.stop()
    await consumer.close()
    await deadLetters.close()
  }
  closing.push(() => (stopping ??= stop()))
  return { stop: () => (stopping ??= stop()) }
}

const idBytes = (length: number, number: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(length - 4, number)
  return bytes
}
const nowNanos = (): bigint => BigInt(Date.now()) * 1_000_000n
const spanOf = (number: number, more: Partial<Span> = {}): Span =>
  makeSpan({
    traceId: idBytes(16, number),
    spanId: idBytes(8, number),
    name: `span ${number}`,
    startTimeUnixNano: nowNanos(),
    ...more,
  })
const exportOf = (...spans: Span[]): Uint8Array =>
  encodeExportRequest('traces', {
    resourceSpans: [{ schemaUrl: '', scopeSpans: [{ schemaUrl: '', spans }] }],
  })

const readSpans = () =>
  migrated.store.query<{ name: string; found: string; range: string }>(
    sql`SELECT name, toString(count()) AS found, any(range) AS range FROM spans GROUP BY name ORDER BY name`,
  )
const untilSpans = (count: number) =>
  eventually(async () => {
    const rows = await readSpans()
    if (rows.length < count) throw new Error(`${rows.length} of ${count} spans are there`)
    return rows
  }, outcomeMillisMax)

const readDeadLetters = async (count: number) => {
  const letters: { value: Buffer | null; headers: Record<string, string> }[] = []
  const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}`, retry: { retries: 5 } })
  await consumer.connect()
  await consumer.subscribe({ topics: [deadLetterTopicOf(topicOfTraces())], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message: { value, headers } }) => {
      letters.push({ value, headers: textsOf(headers) })
    },
  })
  try {
    await expect.poll(() => letters.length, { timeout: outcomeMillisMax }).toBeGreaterThanOrEqual(count)
  } finally {
    await consumer.disconnect()
  }
  return letters
}
const textsOf = (headers: IHeaders = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))

describe('writing from Kafka', () => {
  it(
    'brings in what others produced, checked, and all good records among bad ones',
    { timeout: 120_000 },
    async () => {
      const topics = await openTopics(1)
      const appender = await openAppender(topics)
      const good = exportOf(spanOf(1))
      const torn = exportOf(spanOf(2)).subarray(0, 20)
      const outOfTime = exportOf(spanOf(3, { startTimeUnixNano: 1n }), spanOf(4))
      await producer.send({
        topic: topicOfTraces(),
        acks: -1,
        messages: [
          { value: Buffer.from(good), headers: { 'from.elsewhere': 'yes' } },
          { value: Buffer.from('no export at all'), headers: { 'from.elsewhere': 'yes' } },
          { value: Buffer.alloc(0) },
          { value: null },
          { value: Buffer.from(torn) },
          { value: Buffer.from(outOfTime) },
        ],
      })
      await appender.append('traces', { tenant: 'default', payload: exportOf(spanOf(5)) })
      startWriter(topics)
      expect((await untilSpans(3)).map(({ name, found }) => [name, found])).toEqual([
        ['span 1', '1'],
        ['span 4', '1'],
        ['span 5', '1'],
      ])
      const letters = await readDeadLetters(2)
      expect(letters.map(({ value }) => value?.toString('hex'))).toEqual([
        Buffer.from('no export at all').toString('hex'),
        Buffer.from(torn).toString('hex'),
      ])
      expect(letters[0]?.headers).toMatchObject({
        'from.elsewhere': 'yes',
        'aftertrace.dead_letter.topic': topicOfTraces(),
        'aftertrace.dead_letter.partition': '0',
        'aftertrace.dead_letter.offset': '1',
        'aftertrace.dead_letter.cause': 'undecodable',
        'aftertrace.dead_letter.error': expect.stringMatching(/./) as unknown,
      })
      expect(await selfMetrics.render()).toMatch(
        /writer_foreign_items_dropped_total\{[^}]*reason="time_out_of_range"[^}]*\} 1\b/,
      )
    },
  )

  it(
    'is shared by those who come and handed over by those who go, each span once',
    { timeout: 120_000 },
    async () => {
      const topics = await openTopics(4)
      const appender = await openAppender(topics)
      const total = 600
      let isSent = false
      const send = async (): Promise<void> => {
        for (let number = 1; number <= total; number++)
          await appender.append('traces', { tenant: 'default', payload: exportOf(spanOf(number)) })
        isSent = true
      }
      const first = startWriter(topics)
      const sending = send()
      await untilSpans(50)
      startWriter(topics)
      await untilSpans(300)
      await first.stop()
      await sending
      expect(isSent).toBe(true)
      const rows = await untilSpans(total)
      expect(rows.filter(({ found }) => found !== '1')).toEqual([])
      expect(new Set(rows.map(({ range }) => range.split('@')[0])).size).toBe(4)
    },
  )

  it(
    'cuts an export that is larger than the broker takes, and tells which items never fit',
    { timeout: 120_000 },
    async () => {
      await admin.createTopics({
        waitForLeaders: true,
        topics: [
          { topic: topicOfTraces(), configEntries: [{ name: 'max.message.bytes', value: String(64 << 10) }] },
        ],
      })
      const topics = await openTopics(1)
      const appender = await openAppender(topics)
      const wide = (number: number, length: number): Span =>
        spanOf(number, {
          attributes: [{ key: 'text', value: { stringValue: randomUUID().repeat(length / 36) } }],
        })
      const spans = Array.from({ length: 40 }, (_, index) => wide(index + 1, 9000))
      const payload = exportOf(...spans, wide(99, 90_000))
      expect(await appender.append('traces', { tenant: 'default', payload })).toMatchObject({ count: 1 })
      startWriter(topics)
      const rows = await untilSpans(40)
      expect(rows.length).toBe(40)
      expect(rows.filter(({ found }) => found !== '1')).toEqual([])
    },
  )

  it(
    'refuses at once while the broker is away, and both ends go on when it is back',
    { timeout: 180_000 },
    async () => {
      const topics = await openTopics(1)
      const appender = await openAppender(topics)
      startWriter(topics)
      await appender.append('traces', { tenant: 'default', payload: exportOf(spanOf(1)) })
      await untilSpans(1)
      await broker.kill()
      const startedAt = performance.now()
      await expect(
        appender.append('traces', { tenant: 'default', payload: exportOf(spanOf(2)) }),
      ).rejects.toThrow(Unavailable)
      expect(performance.now() - startedAt).toBeLessThan(10_000)
      await broker.start()
      await eventually(
        () => appender.append('traces', { tenant: 'default', payload: exportOf(spanOf(3)) }),
        outcomeMillisMax,
      )
      const rows = await eventually(async () => {
        const found = await readSpans()
        if (!found.some(({ name }) => name === 'span 3')) throw new Error('span 3 is not there')
        return found
      }, outcomeMillisMax)
      expect(rows.filter(({ found }) => found !== '1')).toEqual([])
    },
  )
})
