import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import { rpcCodes, statusDescriptor } from '#telemetry/otlp/export-response.ts'
import { decodeMessage } from '#telemetry/otlp/protobuf.ts'
import type { Sender } from './http-sender.ts'
import { type Answer, outcomes } from './outcome.ts'
import { frameHeadBytes } from './payload-source.ts'

const connectionCount = 4
const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const retryInfoType = 'type.googleapis.com/google.rpc.RetryInfo'
const retryableCodes = new Set<number>([rpcCodes.resourceExhausted, rpcCodes.unavailable])

/**
 * Unary gRPC calls on node:http2, a few connections as from a few Collectors. A client library would cost the sender more
 * than all the rest.
 */
export const createGrpcSender = (url: string): Sender => {
  const sessions: (ClientHttp2Session | undefined)[] = Array.from({ length: connectionCount })
  let callCount = 0
  const sessionFor = (index: number): ClientHttp2Session => {
    const known = sessions[index]
    if (known !== undefined && !known.closed && !known.destroyed) return known
    const session = connect(url)
    // Every call on it is told by itself.
    session.on('error', () => undefined)
    sessions[index] = session
    return session
  }
  const send: Sender['send'] = (body, { isGzip, signal }) => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const stream = sessionFor(callCount++ % connectionCount).request(
      {
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(isGzip && { 'grpc-encoding': 'gzip' }),
      },
      { signal },
    )
    let ended: IncomingHttpHeaders = {}
    let messageBytes = 0
    stream.on('response', (headers) => {
      if (headers['grpc-status'] !== undefined) ended = headers
    })
    stream.on('data', (chunk: Buffer) => (messageBytes += chunk.length))
    stream.on('trailers', (trailers) => (ended = trailers))
    stream.on('error', (error: NodeJS.ErrnoException) =>
      resolve(
        // A server that answers before it has read everything resets the stream, so that the rest is not sent.
        ended['grpc-status'] === undefined
          ? { outcome: outcomes.unknown, code: `grpc ${error.code ?? error.name}` }
          : answerOf(ended, messageBytes),
      ),
    )
    stream.on('close', () => resolve(answerOf(ended, messageBytes)))
    for (const piece of body.slice(0, -1)) stream.write(piece)
    stream.end(body.at(-1))
    return promise
  }
  return {
    send,
    close: () => {
      for (const session of sessions) session?.close()
    },
  }
}

/** The five bytes before a message: whether it is compressed, and its length. */
export const writeFrameHead = (head: Buffer, options: { isGzip: boolean; messageBytes: number }): void => {
  head.writeUInt8(options.isGzip ? 1 : 0, 0)
  head.writeUInt32BE(options.messageBytes, 1)
}

const answerOf = (ended: IncomingHttpHeaders, messageBytes: number): Answer => {
  const status = ended['grpc-status']
  if (typeof status !== 'string') return { outcome: outcomes.unknown, code: 'grpc without status' }
  const code = `grpc ${status}`
  if (status === '0' && messageBytes > frameHeadBytes)
    return { outcome: outcomes.refusedForGood, code: 'grpc 0, partial success' }
  if (status === '0') return { outcome: outcomes.acknowledged, code }
  if (!retryableCodes.has(Number(status))) return { outcome: outcomes.refusedForGood, code }
  return hasRetryInfo(ended['grpc-status-details-bin'])
    ? { outcome: outcomes.refusedRetryable, code }
    : { outcome: outcomes.refusedRetryable, code, fault: `${code} without RetryInfo` }
}

const hasRetryInfo = (details: string | string[] | undefined): boolean => {
  if (typeof details !== 'string') return false
  const { details: all } = decodeMessage(statusDescriptor, Buffer.from(details, 'base64'), 'status')
  return all.some(({ typeUrl }) => typeUrl === retryInfoType)
}
