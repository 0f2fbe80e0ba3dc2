import { Agent, request } from 'node:http'
import { type Answer, outcomes } from './outcome.ts'

export interface Sender {
  /** Never rejects. `signal` gives the export up. */
  send(body: readonly Uint8Array[], options: { isGzip: boolean; signal: AbortSignal }): Promise<Answer>
  close(): void
}

/** A pod or a Collector keeps its connection; this many of them are enough for all exports that are open at a time. */
const socketsMax = 256
/** Statuses that OTLP/HTTP lets a client retry. */
const retryableStatuses = new Set([429, 502, 503, 504])
const retryAfterExpected = '1'

export const createHttpSender = (url: string): Sender => {
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax })
  const { hostname, port } = new URL(url)
  const send: Sender['send'] = (body, { isGzip, signal }) => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const outgoing = request(
      {
        hostname,
        port,
        path: '/v1/traces',
        method: 'POST',
        agent,
        signal,
        headers: {
          'content-type': 'application/x-protobuf',
          'content-length': body.reduce((sum, piece) => sum + piece.length, 0),
          ...(isGzip && { 'content-encoding': 'gzip' }),
        },
      },
      (response) => {
        let bodyBytes = 0
        response.on('data', (chunk: Buffer) => (bodyBytes += chunk.length))
        response.on('end', () =>
          resolve(
            answerOf(response.statusCode ?? 0, { retryAfter: response.headers['retry-after'], bodyBytes }),
          ),
        )
        response.on('error', fail)
      },
    )
    const fail = (error: NodeJS.ErrnoException): void =>
      resolve({ outcome: outcomes.unknown, code: `http ${error.code ?? error.name}` })
    outgoing.on('error', fail)
    for (const piece of body.slice(0, -1)) outgoing.write(piece)
    outgoing.end(body.at(-1))
    return promise
  }
  return { send, close: () => agent.destroy() }
}

const answerOf = (
  status: number,
  { retryAfter, bodyBytes }: { retryAfter: string | undefined; bodyBytes: number },
): Answer => {
  const code = `http ${status}`
  // The answer to an export of which nothing was rejected is an empty message.
  if (status === 200 && bodyBytes > 0)
    return { outcome: outcomes.refusedForGood, code: 'http 200, partial success' }
  if (status === 200) return { outcome: outcomes.acknowledged, code }
  if (!retryableStatuses.has(status)) return { outcome: outcomes.refusedForGood, code }
  return retryAfter === retryAfterExpected
    ? { outcome: outcomes.refusedRetryable, code }
    : {
        outcome: outcomes.refusedRetryable,
        code,
        fault: `${code} with Retry-After ${retryAfter ?? 'missing'}`,
      }
}
