import { setTimeout as delay } from 'node:timers/promises'
import kafkajs, { type Admin, type Kafka } from 'kafkajs'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'

/** How topics that are missing are made. Those that are there stay as they are. */
export interface TopicSettings {
  partitions: number
  /** At most as many as there are brokers. */
  replicas: number
  retentionSeconds: number
}

export interface Topic {
  name: string
  partitionCount: number
  /** The largest batch of records that the brokers take. */
  batchBytesMax: number
}

/** A Collector's full batch of spans fits in, so that few requests have to be split. */
const batchBytesMaxOfNew = 8 << 20
const createRetries = { retries: 5 }
const createMillisMax = 15_000
const askAgainMillis = 200

/**
 * Makes the topics that are missing and tells what the brokers take. Records carry the time at which the log took them
 * (`LogAppendTime`), because that is the only clock that all partitions of a topic share.
 *
 * @throws Unavailable when the brokers cannot be asked.
 */
export const ensureTopics = async (
  kafka: Kafka,
  names: readonly string[],
  settings: TopicSettings,
  logger: Logger,
): Promise<Topic[]> => {
  const admin = kafka.admin({ retry: createRetries })
  try {
    await admin.connect()
    await createMissing(admin, names, settings, logger)
    const partitionCounts = await untilServed(admin, names)
    return await describe(admin, names, partitionCounts, logger)
  } catch (error) {
    throw new Unavailable(`cannot ask Kafka for its topics: ${messageOf(error)}`, { cause: error })
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

const createMissing = async (
  admin: Admin,
  names: readonly string[],
  settings: TopicSettings,
  logger: Logger,
): Promise<void> => {
  const present = new Set(await admin.listTopics())
  const missing = names.filter((name) => !present.has(name))
  if (missing.length === 0) return
  const { brokers } = await admin.describeCluster()
  const replicationFactor = Math.min(settings.replicas, brokers.length)
  if (replicationFactor < settings.replicas)
    logger.warn(
      { replicas: settings.replicas, brokers: brokers.length },
      'there are fewer brokers than replicas are asked for: topics are made with one replica a broker',
    )
  const configEntries = Object.entries({
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(batchBytesMaxOfNew),
    'retention.ms': String(settings.retentionSeconds * 1000),
  }).map(([name, value]) => ({ name, value }))
  const topics = missing.map((topic) => ({
    topic,
    numPartitions: settings.partitions,
    replicationFactor,
    configEntries,
  }))
  // False where another process made one of them in this moment.
  await admin.createTopics({ topics, waitForLeaders: false, timeout: createMillisMax })
  logger.info({ topics: missing, partitions: settings.partitions, replicationFactor }, 'topics created')
}

/** How many partitions each topic has, once each has a leader: brokers hear of a new topic one after another. */
const untilServed = async (admin: Admin, names: readonly string[]): Promise<Map<string, number>> => {
  const deadline = performance.now() + createMillisMax
  for (;;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [...names] })
      const isServed = topics.every(
        ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0),
      )
      if (isServed) return new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
      if (performance.now() > deadline) throw new Error('some partitions have no leader')
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await delay(askAgainMillis)
  }
}

const describe = async (
  admin: Admin,
  names: readonly string[],
  partitionCounts: ReadonlyMap<string, number>,
  logger: Logger,
): Promise<Topic[]> => {
  const configNames = ['max.message.bytes', 'message.timestamp.type']
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name, configNames })),
  })
  return names.map((name) => {
    const partitionCount = partitionCounts.get(name) ?? 1
    const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? []
    const valueOf = (wanted: string): string =>
      entries.find(({ configName }) => configName === wanted)?.configValue ?? ''
    if (valueOf('message.timestamp.type') !== 'LogAppendTime')
      logger.warn(
        { topic: name },
        'records of this topic carry their senders’ clocks: set its message.timestamp.type to LogAppendTime',
      )
    return {
      name,
      partitionCount,
      batchBytesMax: Number(valueOf('max.message.bytes')) || batchBytesMaxDefault,
    }
  })
}

/** Of a broker that does not say: Kafka's own. */
const batchBytesMaxDefault = 1_048_588
