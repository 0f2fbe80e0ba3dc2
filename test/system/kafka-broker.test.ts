/** What the queue takes for granted of kafkajs and a real broker of Kafka 4, and what other tests do of the broker's harness. */
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { zstdCompress, zstdDecompress } from 'node:zlib'
import {
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  Kafka,
  type KafkaConfig,
  type KafkaMessage,
  logLevel,
  Partitioners,
  type SASLOptions,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../harness/eventually.ts'
import { dockerImage } from '../harness/kafka/broker-engine.ts'
import { type KafkaBroker, type SecuredWays, startKafka } from '../harness/kafka/start-kafka.ts'
import { renderCompose } from '../harness/rendered-compose.ts'

/** The broker that the other tests use is tried by itself only when asked for: it kills and freezes several. */
const isAsked = process.env['KAFKA_HARNESS'] === 'all'

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { buffer: Buffer }) => promisify(zstdCompress)(encoder.buffer),
  decompress: (buffer: Buffer) => promisify(zstdDecompress)(buffer),
})

const user = { username: 'writer', password: 'not-a-secret' }
const topic = 'otlp_spans'
const groupId = 'writers'
const readMillisMax = 30_000
let broker: KafkaBroker
let stopClients: (() => Promise<void>)[] = []

beforeAll(async () => {
  broker = await startKafka({ user })
}, 900_000)
afterAll(async () => {
  for (const stop of stopClients) await stop()
  await broker?.remove()
})

const client = (overrides: Partial<KafkaConfig> = {}): Kafka =>
  new Kafka({
    clientId: 'kafka-broker-test',
    brokers: broker.brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2000,
    requestTimeout: 5000,
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 1000 },
    ...overrides,
  })

const withAdmin = async <T>(act: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> => {
  const admin = client().admin()
  await admin.connect()
  try {
    return await act(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Reads the topic from its start in a group, which it stays a member of. */
const readAll = async (
  count: number,
): Promise<{ messages: KafkaMessage[]; consumer: ReturnType<Kafka['consumer']> }> => {
  const consumer = client().consumer({
    groupId,
    sessionTimeout: 5000,
    heartbeatInterval: 500,
    maxWaitTimeInMs: 100,
  })
  stopClients.push(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const messages: KafkaMessage[] = []
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      messages.push(...batch.messages)
      return Promise.resolve()
    },
  })
  await eventually(() => expect(messages.length).toBeGreaterThanOrEqual(count), readMillisMax)
  return { messages, consumer }
}

describe.runIf(isAsked)('a Kafka 4 broker through kafkajs', { timeout: 120_000 }, () => {
  const headers = { tenant: 'default', digest: Buffer.from([0, 0xff, 10]) }
  const compressions = [CompressionTypes.None, CompressionTypes.GZIP, CompressionTypes.ZSTD]
  const values = compressions.map((_, index) => Buffer.alloc(100_000, `${index} spans `))
  let appendedAt: string[]

  it('stamps what is appended with its own clock, and keeps values and headers as they were sent', async () => {
    await withAdmin((admin) =>
      admin.createTopics({
        waitForLeaders: true,
        topics: [
          {
            topic,
            numPartitions: 1,
            replicationFactor: 1,
            configEntries: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }],
          },
        ],
      }),
    )
    const producer = client().producer({ createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    const sent = []
    for (const [index, compression] of compressions.entries()) {
      const messages = [{ partition: 0, value: values[index] ?? null, headers, timestamp: '1' }]
      sent.push(...(await producer.send({ topic, acks: -1, compression, messages })))
    }
    await producer.disconnect()
    expect(sent.map(({ baseOffset }) => baseOffset)).toEqual(['0', '1', '2'])
    appendedAt = sent.map(({ logAppendTime }) => logAppendTime ?? '')
    for (const time of appendedAt) expect(Math.abs(Date.now() - Number(time))).toBeLessThan(60_000)

    const { messages, consumer } = await readAll(compressions.length)
    expect(messages.map(({ timestamp }) => timestamp)).toEqual(appendedAt)
    for (const [index, message] of messages.entries()) {
      expect(message.value?.equals(values[index] ?? Buffer.alloc(0))).toBe(true)
      expect(message.headers).toEqual({ tenant: Buffer.from('default'), digest: headers.digest })
    }
    await consumer.commitOffsets([{ topic, partition: 0, offset: '1', metadata: '{"last":2}' }])
    await consumer.disconnect()
    expect(await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }))).toEqual([
      { topic, partitions: [{ partition: 0, offset: '1', metadata: '{"last":2}' }] },
    ])
  })

  it('has records and commit metadata after it was killed', async () => {
    const before = broker.pid()
    await broker.kill()
    expect(() => process.kill(before, 0)).toThrow('ESRCH')
    await expect(withAdminOnce((admin) => admin.listTopics())).rejects.toThrow('ECONNREFUSED')
    await broker.start()
    expect(broker.pid()).not.toBe(before)

    expect(await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }))).toEqual([
      { topic, partitions: [{ partition: 0, offset: '1', metadata: '{"last":2}' }] },
    ])
    const { messages, consumer } = await readAll(compressions.length - 1)
    expect(messages.map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
      ['1', appendedAt[1]],
      ['2', appendedAt[2]],
    ])
    await consumer.disconnect()
  })

  it('answers nobody while it is frozen, and goes on after', async () => {
    await broker.freeze()
    await expect(withAdminOnce((admin) => admin.listTopics())).rejects.toThrow(/timed out|timeout/i)
    await broker.thaw()
    expect(await withAdmin((admin) => admin.listTopics())).toContain(topic)
  })

  it('lets in who knows the password or trusts the certificate, and nobody else', async () => {
    const secured = broker.secured as SecuredWays
    const trusting = { ca: [secured.certificatePem] }
    const ways: Partial<KafkaConfig>[] = [
      { brokers: secured.tls, ssl: trusting },
      ...secured.saslMechanisms.flatMap((mechanism) => [
        { brokers: secured.sasl, sasl: login(mechanism, user.password) },
        { brokers: secured.saslOverTls, ssl: trusting, sasl: login(mechanism, user.password) },
      ]),
    ]
    for (const way of ways) expect(await topicsBy(way)).toContain(topic)

    await expect(topicsBy({ brokers: secured.tls, ssl: true })).rejects.toThrow('self-signed certificate')
    for (const mechanism of secured.saslMechanisms)
      await expect(topicsBy({ brokers: secured.sasl, sasl: login(mechanism, 'a guess') })).rejects.toThrow(
        /authentication/i,
      )
  })

  it('knows every setting that the compose file gives it', async () => {
    const resources = [{ type: ConfigResourceTypes.BROKER, name: '1' }]
    const { resources: described } = await withAdmin((admin) =>
      admin.describeConfigs({ resources, includeSynonyms: false }),
    )
    const known = described[0]?.configEntries.map(({ configName }) => configName)
    const given = Object.keys(renderCompose().services['kafka']?.environment ?? {})
      .filter((name) => name.startsWith('KAFKA_') && name !== 'KAFKA_HEAP_OPTS')
      .map((name) => name.slice('KAFKA_'.length).toLowerCase().replaceAll('_', '.'))
    expect(given).toContain('listeners')
    expect(known).toEqual(expect.arrayContaining(given))
  })

  const topicsBy = (way: Partial<KafkaConfig>): Promise<string[]> =>
    withAdminOnce((admin) => admin.listTopics(), way)

  const login = (mechanism: string, password: string): SASLOptions =>
    ({ mechanism: mechanism.toLowerCase(), username: user.username, password }) as SASLOptions

  /** Without a second attempt. */
  const withAdminOnce = async <T>(
    act: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
    way: Partial<KafkaConfig> = {},
  ): Promise<T> => {
    const admin = client({ retry: { retries: 0 }, ...way }).admin()
    try {
      await admin.connect()
      return await act(admin)
    } finally {
      await admin.disconnect()
    }
  }
})

describe.runIf(isAsked)('where the broker comes from', () => {
  it('is the same version from Maven and in Docker', async () => {
    const pom = await readFile(new URL('../harness/kafka/pom.xml', import.meta.url), 'utf8')
    const version = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([\d.]+)</.exec(pom)?.[1]
    expect(dockerImage).toBe(`apache/kafka:${version}`)
  })
})
