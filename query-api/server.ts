import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { messageOf } from '#runtime/errors.ts'
import { type Logger, logListening } from '#runtime/logger.ts'
import { createApp } from './app.ts'
import type { AppParts, DeadLetterStatus, DiskStatus, StatusParts } from './app-env.ts'
import { createUiFiles } from './ui-files.ts'

export interface QueryApi {
  /** @throws Error when the address cannot be listened on */
  start(): Promise<{ url: string }>
  /** Takes no new requests, lets those under way finish for a few seconds, then ends them. May be called twice. */
  stop(): Promise<void>
}

export interface QueryApiOptions extends Omit<AppParts, 'status'> {
  host: string
  port: number
  /** Where the built UI lies; it need not be there. */
  uiFolder: string
  version: string
  queueLags: () => StatusParts['queue']
  /** What the receiver of this process counted, where it has one. */
  receiverCounts?: () => Record<string, number>
  otlpPorts?: () => StatusParts['otlpPorts']
  deadLetters?: () => Promise<DeadLetterStatus>
  disk?: () => DiskStatus
}

const drainMillis = 5000

export const createQueryApi = (options: QueryApiOptions): QueryApi => {
  const { host, port, logger, version, queueLags, receiverCounts, otlpPorts, deadLetters, disk } = options
  const app = createApp({
    ...options,
    status: async () => ({
      version,
      queue: queueLags(),
      deadLetters: (await deadLetters?.()) ?? null,
      disk: disk?.() ?? null,
      receiver: receiverCounts?.() ?? {},
      otlpPorts: otlpPorts?.() ?? { http: null, grpc: null },
    }),
  })
  const isApi = (path: string): boolean => /^\/(?:api|jaeger)(?:\/|$)/.test(path)
  const serveUi = createUiFiles(options.uiFolder)
  app.get('*', (context, next) => (isApi(context.req.path) ? next() : serveUi(context, next)))

  const server = createAdaptorServer({
    fetch: app.fetch,
    hostname: host,
    // The rest of the process keeps the platform's own Request and Response.
    overrideGlobalObjects: false,
    serverOptions: { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 32 << 10 },
  }) as Server

  return {
    start: async () => {
      const url = await listen(server, { host, port })
      logListening(logger, { name: 'http', url })
      return { url }
    },
    stop: () => close(server, logger),
  }
}

const listen = async (server: Server, { host, port }: { host: string; port: number }): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, resolve)
  try {
    await promise
  } catch (error) {
    throw new Error(`cannot listen on ${host}:${port} for the API and UI (HTTP_PORT): ${messageOf(error)}`, {
      cause: error,
    })
  }
  const address = server.address() as AddressInfo
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${shownHost}:${address.port}`
}

const close = async (server: Server, logger: Logger): Promise<void> => {
  if (!server.listening) return
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeIdleConnections()
  const timer = setTimeout(() => {
    logger.warn({ drainMillis }, 'requests were still under way when the API stopped')
    server.closeAllConnections()
  }, drainMillis)
  await promise
  clearTimeout(timer)
}
