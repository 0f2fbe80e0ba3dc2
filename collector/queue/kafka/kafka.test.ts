import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { type KafkaBroker, startKafka } from '../../../test/harness/kafka/start-kafka.ts'
import { type OpenQueue, describeQueue } from '../describe-queue.ts'
import { topicBySignal } from '../queue.ts'
import { connectKafka } from './connection.ts'
import { openKafkaAppender } from './kafka-appender.ts'
import { openKafkaConsumer } from './kafka-consumer.ts'
import { ensureTopics } from './topics.ts'

let broker: KafkaBroker

beforeAll(async () => {
  broker = await startKafka()
}, 180_000)
afterAll(() => broker.remove())

const open = async (topicPrefix: string): Promise<OpenQueue> => {
  const kafka = connectKafka({ brokers: broker.brokers, logger: silentLogger })
  const names = Object.values(topicBySignal).map((name) => `${topicPrefix}${name}`)
  const made = { partitions: 1, replicas: 1, retentionSeconds: 3600 }
  const topics = await ensureTopics(kafka, names, made, silentLogger)
  const appender = await openKafkaAppender({ kafka, topics, topicPrefix, logger: silentLogger })
  const consumer = openKafkaConsumer({ kafka, topicPrefix, logger: silentLogger })
  return {
    appender,
    consumer,
    close: async () => {
      await consumer.close()
      await appender.close()
    },
  }
}

describeQueue('Kafka as a queue', async () => {
  const topicPrefix = `t${randomUUID().slice(0, 8)}_`
  return { queue: await open(topicPrefix), reopen: () => open(topicPrefix) }
})
