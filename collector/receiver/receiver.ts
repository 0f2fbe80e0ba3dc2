import type { Server as GrpcServer } from '@grpc/grpc-js'
import { ServerCredentials } from '@grpc/grpc-js'
import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import { type Logger, logListening } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueueAppender } from '../queue/queue.ts'
import { createAuthenticate } from './authenticate.ts'
import { createByteBudget } from './byte-budget.ts'
import { createGrpcReceiver } from './grpc.ts'
import { createHttpReceiver } from './http.ts'
import { createPreparePool } from './prepare-pool.ts'
import { createReceive } from './receive.ts'
import { createReceiverMetrics, type ReceiverCounts } from './receiver-metrics.ts'
import { createToRefusal } from './refusal.ts'

export interface ReceiverSettings {
  queue: QueueAppender
  /** How long each signal is kept: what is older when it arrives is rejected. */
  retentionNanos: Readonly<Record<Signal, bigint>>
  host: string
  /** 0 picks a free port. */
  httpPort: number
  grpcPort: number
  /** Bearer tokens and whose they are; without any, everybody may send for the tenant `default`. */
  tokens: ReadonlyMap<string, string>
  logger: Logger
  selfMetrics: SelfMetrics
  now?: () => number
  /** One request, on the wire and after decompression. OTLP recommends 64 MiB. */
  requestBytesMax?: number
  /** How long a request may take to come. Exporters give up after 10 s to 30 s; who is slower only holds memory. */
  requestMillisMax?: number
  /** All requests being received. */
  bytesInUseMax?: number
  /** How long requests in flight may take to finish when the receiver stops. */
  stopMillis?: number
}

export interface Receiver {
  /** @throws Error when an address is in use; nothing listens then */
  start(): Promise<{ httpUrl: string; grpcUrl: string }>
  /** Takes nothing new, finishes what is in flight within `stopMillis`. Safe to call twice. */
  stop(): Promise<void>
  counts(): ReceiverCounts
}

export const createReceiver = (settings: ReceiverSettings): Receiver => {
  const { logger, queue, retentionNanos, now = Date.now, stopMillis = 5000 } = settings
  const budget = createByteBudget(settings.bytesInUseMax ?? 256 * 2 ** 20)
  const metrics = createReceiverMetrics(settings.selfMetrics, budget)
  const preparePool = createPreparePool()
  settings.selfMetrics.meter
    .createObservableGauge('receiver_large_exports_waiting', {
      description: 'Large exports that wait to be decoded',
    })
    .addCallback((result) => result.observe(preparePool.waiting()))
  const parts = {
    receive: createReceive({ queue, preparePool, retentionNanos, metrics, now }),
    checkRoom: (signal: Signal, byteCount: number) => queue.checkRoom(signal, byteCount),
    authenticate: createAuthenticate(settings.tokens),
    budget,
    requestBytesMax: settings.requestBytesMax ?? 64 * 2 ** 20,
    requestMillisMax: settings.requestMillisMax ?? 60_000,
    metrics,
    toRefusal: createToRefusal(logger, now),
    logger,
  }
  const http = createHttpReceiver(parts)
  const grpc = createGrpcReceiver(parts)
  let stopping: Promise<void> | undefined

  const stop = async (): Promise<void> => {
    await Promise.all([stopHttp(http, stopMillis), stopGrpc(grpc, stopMillis)])
    await preparePool.stop()
  }
  return {
    start: async () => {
      try {
        const httpUrl = await listenHttp(http, settings)
        const grpcUrl = await listenGrpc(grpc, settings)
        logListening(logger, { name: 'otlp-http', url: httpUrl })
        logListening(logger, { name: 'otlp-grpc', url: grpcUrl })
        return { httpUrl, grpcUrl }
      } catch (error) {
        await (stopping ??= stop())
        throw error
      }
    },
    stop: () => (stopping ??= stop()),
    counts: () => metrics.counts(),
  }
}

const urlOf = (host: string, port: number): string =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}`

const listenHttp = async (server: HttpServer, { host, httpPort }: ReceiverSettings): Promise<string> => {
  server.listen(httpPort, host)
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null)
    throw new Error(`${host}:${httpPort} is no TCP address`)
  return urlOf(host, address.port)
}

const listenGrpc = (server: GrpcServer, { host, grpcPort }: ReceiverSettings): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const address = `${host.includes(':') ? `[${host}]` : host}:${grpcPort}`
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) => {
    if (error === null) resolve(urlOf(host, port))
    else reject(error)
  })
  return promise
}

const stopHttp = async (server: HttpServer, stopMillis: number): Promise<void> => {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  const timer = setTimeout(() => server.closeAllConnections(), stopMillis)
  await closed
  clearTimeout(timer)
}

const stopGrpc = async (server: GrpcServer, stopMillis: number): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(() => server.forceShutdown(), stopMillis)
  server.tryShutdown(() => resolve())
  await promise
  clearTimeout(timer)
}
