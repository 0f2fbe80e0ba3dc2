/** An OTLP/HTTP endpoint between pods and a backend that passes everything on and remembers what it saw. */
import { createServer, type IncomingMessage, request as sendRequest, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import type { ExportTraceServiceRequest, Resource } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'

export interface RelayedSpan {
  traceId: string
  spanId: string
  name: string
  /** Empty when the resource names no pod. */
  podUid: string
  /** Whether the backend answered the span's export with success. */
  isAcknowledged: boolean
}

export interface RecordingRelay {
  /** Give this to the pods in place of the backend's address. */
  url: string
  /** In the order in which they came; at most `spansMax`, then `isTruncated`. */
  readonly spans: readonly RelayedSpan[]
  readonly isTruncated: boolean
  /** Exports of any signal, by what became of them. */
  readonly exportCounts: { acknowledged: number; refused: number; unanswered: number }
  stop(): Promise<void>
}

const spansMax = 200_000
const tracesPath = '/v1/traces'

export const startRecordingRelay = async (backendUrl: string): Promise<RecordingRelay> => {
  const spans: RelayedSpan[] = []
  const exportCounts = { acknowledged: 0, refused: 0, unanswered: 0 }
  let isTruncated = false

  const record = (body: Buffer, request: IncomingMessage): RelayedSpan[] => {
    if (request.url !== tracesPath) return []
    const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    const recorded = spansOf(decodeExportRequest('traces', bytes))
    const room = spansMax - spans.length
    if (recorded.length > room) isTruncated = true
    spans.push(...recorded.slice(0, room))
    return recorded
  }

  const relay = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request)
    const recorded = record(body, request)
    try {
      const status = await forward({ backendUrl, request, body, response })
      if (status >= 200 && status < 300) {
        exportCounts.acknowledged++
        for (const span of recorded) span.isAcknowledged = true
      } else exportCounts.refused++
    } catch {
      exportCounts.unanswered++
      response.destroy()
    }
  }

  const server = createServer((request, response) => {
    // A pod that is killed in the middle of an export cuts its own request off.
    relay(request, response).catch(() => response.destroy())
  })
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(0, '127.0.0.1', resolve)
  await listening

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get isTruncated() {
      return isTruncated
    },
    exportCounts,
    stop: async () => {
      const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
      server.close(() => onClosed())
      server.closeAllConnections()
      await closed
    },
  }
}

const readAll = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Sends the same bytes under the same headers and gives the backend's answer back; resolves with its status. */
const forward = (options: {
  backendUrl: string
  request: IncomingMessage
  body: Buffer
  response: ServerResponse
}): Promise<number> => {
  const { request, response } = options
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const { host: _host, connection: _connection, 'transfer-encoding': _encoding, ...headers } = request.headers
  const upstream = sendRequest(
    new URL(request.url ?? '/', options.backendUrl),
    { method: request.method, headers: { ...headers, 'content-length': options.body.length } },
    (answer) => {
      const status = answer.statusCode ?? 502
      response.writeHead(status, answer.headers)
      answer.pipe(response)
      answer.once('end', () => resolve(status))
      answer.once('error', reject)
    },
  )
  upstream.once('error', reject)
  upstream.end(options.body)
  return promise
}

const spansOf = (request: ExportTraceServiceRequest): RelayedSpan[] =>
  request.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const podUid = podUidOf(resource)
    return scopeSpans.flatMap((scope) =>
      scope.spans.map((span) => ({
        traceId: Buffer.from(span.traceId).toString('hex'),
        spanId: Buffer.from(span.spanId).toString('hex'),
        name: span.name,
        podUid,
        isAcknowledged: false,
      })),
    )
  })

const podUidOf = (resource: Resource | undefined): string =>
  resource?.attributes.find(({ key }) => key === 'k8s.pod.uid')?.value?.stringValue ?? ''
