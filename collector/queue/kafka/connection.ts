import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompress } from 'node:zlib'
import kafkajs, { type Kafka, type KafkaConfig, type LogEntry } from 'kafkajs'
import type { Logger } from '#runtime/logger.ts'

// Node finds only some of its names by itself.
const { CompressionCodecs, CompressionTypes, Kafka: KafkaClient, logLevel } = kafkajs

export interface KafkaConnectionSettings {
  /** Such as `kafka-0:9092`. */
  brokers: readonly string[]
  sasl?: KafkaSasl | undefined
  /** The certificate of whoever signed the brokers', as PEM; empty: one that Node trusts. */
  tls?: { ca: string } | undefined
  logger: Logger
}

export interface KafkaSasl {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  username: string
  password: string
}

/** A broker that does not answer so long is taken for gone: senders wait for it. */
const requestMillisMax = 5000
const connectMillisMax = 2000
const metadataRetries = { retries: 3, initialRetryTime: 100, maxRetryTime: 500 }

/**
 * Connections to the brokers, made when first needed. Who is responsible for what in the cluster is asked again a few times;
 * what else fails is told at once to who can wait.
 */
export const connectKafka = (settings: KafkaConnectionSettings): Kafka => {
  CompressionCodecs[CompressionTypes.ZSTD] = () => zstdCodec
  const { brokers, sasl, tls, logger } = settings
  return new KafkaClient({
    clientId: 'aftertrace',
    brokers: [...brokers],
    ...(sasl === undefined ? {} : { sasl: saslOf(sasl) }),
    ...(tls === undefined ? {} : { ssl: tls.ca === '' ? true : { ca: [tls.ca] } }),
    requestTimeout: requestMillisMax,
    enforceRequestTimeout: true,
    connectionTimeout: connectMillisMax,
    authenticationTimeout: requestMillisMax,
    retry: metadataRetries,
    logLevel: logLevel.INFO,
    // One line per retry would be many: who uses a connection says what its failure means.
    logCreator:
      () =>
      ({ namespace, label, log }: LogEntry) =>
        logger.debug({ kafkajs: { namespace, label, ...log } }, log.message),
  })
}

/** Cheap, and about as small as gzip makes it. */
const zstdLevel = 1
const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)
const zstdCodec = {
  compress: ({ buffer }: { buffer: Buffer }): Promise<Buffer> =>
    compress(buffer, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } }),
  decompress: (buffer: Buffer): Promise<Buffer> => decompress(buffer),
}

const saslOf = ({ mechanism, username, password }: KafkaSasl): NonNullable<KafkaConfig['sasl']> => {
  const credentials = { username, password }
  // One after another, because kafkajs ties the type of the credentials to the mechanism.
  if (mechanism === 'plain') return { mechanism, ...credentials }
  return mechanism === 'scram-sha-256' ? { mechanism, ...credentials } : { mechanism, ...credentials }
}
