import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Logger } from '#runtime/logger.ts'
import { encodeExportResponse, type Encoding, encodeRpcStatus } from '#telemetry/otlp/export-response.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueueAppender } from '../queue/queue.ts'
import type { Authenticate } from './authenticate.ts'
import type { ByteBudget } from './byte-budget.ts'
import { ClientGone, readBody } from './read-body.ts'
import type { Receive } from './receive.ts'
import type { ReceiverMetrics } from './receiver-metrics.ts'
import { Refusal, refusalCodes, type ToRefusal } from './refusal.ts'

export interface HttpReceiverParts {
  receive: Receive
  checkRoom: QueueAppender['checkRoom']
  authenticate: Authenticate
  budget: ByteBudget
  requestBytesMax: number
  requestMillisMax: number
  metrics: ReceiverMetrics
  toRefusal: ToRefusal
  logger: Logger
}

const signalByPath = new Map<string, Signal>([
  ['/v1/traces', 'traces'],
  ['/v1/logs', 'logs'],
  ['/v1/metrics', 'metrics'],
])

const contentTypes: Record<Encoding, string> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
}

const headersTimeoutMillisMax = 10_000
/** Longer than the minute after which load balancers close idle connections, so that they close first. */
const keepAliveTimeoutMillis = 75_000

/**
 * OTLP/HTTP on node:http. Whoever listens closes it too. An answer's content type is the request's, errors included;
 * where the request's is unknown, it is JSON.
 */
export const createHttpReceiver = (parts: HttpReceiverParts): Server => {
  const server = createServer(
    {
      requestTimeout: parts.requestMillisMax,
      headersTimeout: Math.min(headersTimeoutMillisMax, parts.requestMillisMax),
      keepAliveTimeout: keepAliveTimeoutMillis,
    },
    (request, response) => {
      response.once('finish', () => {
        // A connection that was busy when the server stopped listening would otherwise be kept alive.
        if (!server.listening) setImmediate(() => server.closeIdleConnections())
      })
      // The last line of defence: `answer` handles every error, but nothing of a request may end the process.
      answer(parts, request, response).catch((error: unknown) => {
        parts.logger.error({ err: error }, 'cannot answer an export')
        response.destroy()
      })
    },
  )
  return server
}

const answer = async (
  parts: HttpReceiverParts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const lease = parts.budget.lease()
  const encoding = encodingOf(request)
  const signal = signalByPath.get(pathOf(request))
  let bytes = 0
  try {
    const admitted = admit(parts, request, { encoding, signal })
    const body = await readBody(request, { bytesMax: parts.requestBytesMax, lease })
    bytes = body.length
    const partial = await parts.receive({ ...admitted, bytes: body })
    send(response, {
      status: 200,
      encoding: admitted.encoding,
      body: encodeExportResponse(admitted.signal, admitted.encoding, partial),
    })
  } catch (error) {
    if (error instanceof ClientGone) {
      response.destroy()
    } else {
      refuse(response, parts.toRefusal(error), encoding ?? 'json')
      discardRest(request, parts.requestBytesMax)
    }
  } finally {
    lease.release()
    const code = response.headersSent ? String(response.statusCode) : 'client_gone'
    parts.metrics.request({ transport: 'http', signal: signal ?? 'none', code, bytes })
  }
}

/** @throws Refusal for what is wrong before a byte of the body was read */
const admit = (
  parts: HttpReceiverParts,
  request: IncomingMessage,
  { encoding, signal }: { encoding: Encoding | undefined; signal: Signal | undefined },
): { signal: Signal; encoding: Encoding; tenant: string } => {
  if (signal === undefined)
    throw new Refusal('not_found', `exports go to ${[...signalByPath.keys()].join(', ')}`)
  if (request.method !== 'POST') throw new Refusal('method_not_allowed', 'exports are sent with POST')
  const tenant = parts.authenticate(request.headers.authorization)
  if (encoding === undefined) {
    throw new Refusal(
      'unsupported_media_type',
      `Content-Type is none of ${Object.values(contentTypes).join(', ')}`,
    )
  }
  // Compressed it is less than will be queued; whatever is more is found when it is here.
  parts.checkRoom(signal, Number(request.headers['content-length'] ?? 0))
  return { signal, encoding, tenant }
}

const pathOf = (request: IncomingMessage): string => (request.url ?? '').replace(/\?.*$/s, '')

/** Parameters such as `charset=utf-8` do not matter: OTLP/JSON is UTF-8 anyway. */
const encodingOf = (request: IncomingMessage): Encoding | undefined => {
  const mediaType = (request.headers['content-type'] ?? '').replace(/;.*$/s, '').trim().toLowerCase()
  if (mediaType === 'application/x-protobuf' || mediaType === 'application/protobuf') return 'protobuf'
  return mediaType === 'application/json' ? 'json' : undefined
}

const refuse = (response: ServerResponse, refusal: Refusal, encoding: Encoding): void => {
  const { httpStatus, rpcCode } = refusalCodes[refusal.reason]
  const { message, retryAfterSeconds } = refusal
  if (refusal.reason === 'method_not_allowed') response.setHeader('Allow', 'POST')
  if (refusal.reason === 'unauthenticated') response.setHeader('WWW-Authenticate', 'Bearer')
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', Math.ceil(retryAfterSeconds))
  const status = { code: rpcCode, message, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
  send(response, { status: httpStatus, encoding, body: encodeRpcStatus(encoding, status) })
}

const send = (
  response: ServerResponse,
  { status, encoding, body }: { status: number; encoding: Encoding; body: Uint8Array },
): void => {
  response.writeHead(status, { 'Content-Type': contentTypes[encoding], 'Content-Length': body.length })
  response.end(body)
}

/**
 * A client that is still sending would see a reset instead of its answer if the connection closed now. What it sends
 * is dropped unread, up to a bound.
 */
const discardRest = (request: IncomingMessage, bytesMax: number): void => {
  let discarded = 0
  request.on('data', (chunk: Buffer) => {
    discarded += chunk.length
    if (discarded > bytesMax * 2) request.destroy()
  })
  request.resume()
}
