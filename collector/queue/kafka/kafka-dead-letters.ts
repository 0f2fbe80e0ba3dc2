import kafkajs, { type IHeaders, type Kafka, type Message } from 'kafkajs'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { DeadLetters, NewDeadLetter } from '../../writer/dead-letters.ts'
import type { Topic } from './topics.ts'

/** Where records of a topic go that cannot be written. */
export const deadLetterTopicOf = (topic: string): string => `${topic}_dead_letter`

export interface KafkaDeadLettersSettings {
  kafka: Kafka
  /** The dead letters' own. */
  topics: readonly Topic[]
  logger: Logger
  selfMetrics?: SelfMetrics
}

export interface KafkaDeadLetters extends Pick<DeadLetters, 'add' | 'flush'> {
  close(): Promise<void>
}

const reasonCharactersMax = 2000
/** Headers and what Kafka adds. */
const overheadBytes = 32 << 10

/**
 * Dead letters in Kafka: the record as it was, its own headers, and in others why and where it came from. After a crash one may
 * come twice; partition and offset tell.
 */
export const createKafkaDeadLetters = (settings: KafkaDeadLettersSettings): KafkaDeadLetters => {
  const { kafka, topics, logger } = settings
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    retry: { retries: 0 },
  })
  let connecting: Promise<void> | undefined
  const waiting: { topic: string; message: Message }[] = []
  let flushing: Promise<void> = Promise.resolve()
  const counter = settings.selfMetrics?.meter.createCounter('writer_dead_letters', {
    description: 'Queued records that were set aside, by cause, and whether there was room to keep them',
  })

  const connect = async (): Promise<void> => {
    connecting ??= producer.connect()
    try {
      await connecting
    } catch (error) {
      connecting = undefined
      throw error
    }
  }

  const sendAll = async (): Promise<void> => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      try {
        await connect()
        await producer.send({ topic: next.topic, messages: [next.message], acks: -1 })
      } catch (error) {
        throw new Unavailable(`cannot write to ${next.topic}: ${messageOf(error)}`, { cause: error })
      }
      waiting.shift()
    }
  }

  return {
    add: (letter) => {
      const { topic, partition } = placeOf(letter)
      const { offset } = letter.record
      const reason = messageOf(letter.error).slice(0, reasonCharactersMax)
      const context = { topic, partition, offset, cause: letter.cause, reason }
      logger.error(context, 'a queued record cannot be written: it is set aside')
      const to = deadLetterTopicOf(topic)
      const bytesMax = (topics.find(({ name }) => name === to)?.batchBytesMax ?? 0) - overheadBytes
      const isCut = letter.record.payload.length > bytesMax
      // Better its beginning than a partition that stands still.
      if (isCut) logger.error({ ...context, bytesMax }, 'a dead letter is cut to what its topic takes')
      waiting.push({
        topic: to,
        message: {
          value: Buffer.from(letter.record.payload.subarray(0, bytesMax)),
          headers: headersOf(letter, reason, isCut),
        },
      })
      counter?.add(1, { signal: letter.signal, cause: letter.cause, outcome: isCut ? 'cut' : 'kept' })
    },
    flush: async () => {
      // One at a time: writers of all partitions flush, and each has to find its own in the topic.
      flushing = flushing.catch(() => undefined).then(sendAll)
      await flushing
    },
    close: () => producer.disconnect(),
  }
}

const placeOf = ({ partition }: NewDeadLetter): { topic: string; partition: string } => {
  const [topic = '', rest = ''] = partition.split('/')
  return { topic, partition: rest.split('@')[0] ?? '' }
}

const headersOf = (letter: NewDeadLetter, reason: string, isCut: boolean): IHeaders => {
  const { topic, partition } = placeOf(letter)
  const { record, cause } = letter
  return {
    ...record.headers,
    'aftertrace.dead_letter.error': reason,
    'aftertrace.dead_letter.cause': cause,
    'aftertrace.dead_letter.topic': topic,
    'aftertrace.dead_letter.partition': partition,
    'aftertrace.dead_letter.offset': String(record.offset),
    'aftertrace.dead_letter.queued_at_millis': String(record.queuedAtMillis),
    'aftertrace.dead_letter.tenant': record.tenant,
    ...(isCut ? { 'aftertrace.dead_letter.cut_from_bytes': String(record.payload.length) } : {}),
  }
}
