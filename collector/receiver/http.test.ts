import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { OTLPTraceExporter as JsonTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtoTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { TracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Unavailable } from '#runtime/errors.ts'
import { silentLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { responseDescriptors, statusDescriptor } from '#telemetry/otlp/export-response.ts'
import { type Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, decodeMessage, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import { type LocalLogSettings, openLocalLog } from '../queue/local-log.ts'
import type { QueueAppender } from '../queue/queue.ts'
import { createReceiver, type ReceiverSettings } from './receiver.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

const dayNanos = 86_400_000_000_000n
const protobuf = { 'content-type': 'application/x-protobuf' }
const json = { 'content-type': 'application/json' }

const startReceiver = async (
  settings: Partial<ReceiverSettings> = {},
  log: Partial<LocalLogSettings> = {},
) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'receiver-http-'))
  stops.push(() => rm(dataDir, { recursive: true }))
  const queue = await openLocalLog({ dataDir, logger: silentLogger, ...log })
  stops.push(() => queue.close())
  const selfMetrics = createSelfMetrics()
  const receiver = createReceiver({
    queue,
    retentionNanos: { traces: 7n * dayNanos, logs: 7n * dayNanos, metrics: 7n * dayNanos },
    host: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    tokens: new Map(),
    logger: silentLogger,
    selfMetrics,
    ...settings,
  })
  stops.push(() => receiver.stop())
  const { httpUrl } = await receiver.start()

  const post = async (
    signal: Signal,
    body: Uint8Array | string,
    headers: Record<string, string> = protobuf,
  ) => {
    const response = await fetch(`${httpUrl}/v1/${signal}`, {
      method: 'POST',
      headers,
      body: Buffer.from(body),
    })
    const bytes = new Uint8Array(await response.arrayBuffer())
    return { status: response.status, headers: response.headers, bytes, text: Buffer.from(bytes).toString() }
  }
  /** The queue's only record of the signal. */
  const queued = async <S extends Signal>(signal: S) => {
    const limits = { recordsMax: 10, bytesMax: 1 << 26 }
    const records = await queue.partition(signal).read(0, limits, AbortSignal.timeout(2000))
    expect(records).toHaveLength(1)
    return { ...records[0]!, request: decodeExportRequest(signal, records[0]!.payload) }
  }
  const queuedRecords = (signal: Signal): number => queue.partition(signal).lag().recordsBehind
  return { receiver, httpUrl, post, queued, queuedRecords, selfMetrics }
}

/** Of a queue that has room. */
const withRoom = { checkRoom: () => undefined }

const nowNanos = (): bigint => BigInt(Date.now()) * 1_000_000n

const spanJson = (changes: Record<string, unknown> = {}) => ({
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  name: 'GET /',
  kind: 2,
  startTimeUnixNano: String(nowNanos()),
  endTimeUnixNano: String(nowNanos() + 5n),
  ...changes,
})
const tracesJson = (...spans: unknown[]): string =>
  JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
const tracesProtobuf = (...spans: unknown[]): Uint8Array =>
  encodeExportRequest('traces', decodeExportRequestJson('traces', tracesJson(...spans)))
const statusOf = (bytes: Uint8Array) => decodeMessage(statusDescriptor, bytes, 'status')

describe('OTLP/HTTP', () => {
  it('queues protobuf exactly as it came and answers with nothing', async () => {
    const { post, queued } = await startReceiver()
    const body = tracesProtobuf(spanJson())
    const answer = await post('traces', body)
    expect(answer).toMatchObject({ status: 200, text: '' })
    expect(answer.headers.get('content-type')).toBe('application/x-protobuf')
    const record = await queued('traces')
    expect(Buffer.from(record.payload).equals(body)).toBe(true)
    expect(record.tenant).toBe('default')
  })

  it('queues JSON as protobuf and answers {}, whatever parameters the content type has', async () => {
    const { post, queued } = await startReceiver()
    const body = tracesJson({
      ...spanJson({ traceId: '5B8EFFF798038103D269B633813FC60C', spanId: 'EEE19B7EC3C1B174' }),
      unknown: { deep: [1] },
    })
    const answer = await post('traces', body, { 'content-type': 'application/json; charset=utf-8' })
    expect(answer).toMatchObject({ status: 200, text: '{}' })
    expect(answer.headers.get('content-type')).toBe('application/json')
    const { request } = await queued('traces')
    const span = request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!
    expect(Buffer.from(span.traceId).toString('hex')).toBe('5b8efff798038103d269b633813fc60c')
    expect(span.name).toBe('GET /')
  })

  it('keeps 64-bit integers beyond 2^53 exact in both JSON forms', async () => {
    const { post, queued } = await startReceiver()
    const start = nowNanos() + 1n
    const bare = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":${start},"body":{"intValue":9007199254740993}}]}]}]}`
    expect((await post('logs', bare, json)).status).toBe(200)
    const { request } = await queued('logs')
    const record = request.resourceLogs[0]!.scopeLogs[0]!.logRecords[0]!
    expect(record.timeUnixNano).toBe(start)
    expect(record.body).toEqual({ intValue: 9_007_199_254_740_993n })
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['zstd', zstdCompressSync],
    ['identity', (body: Uint8Array) => body],
  ])('reads Content-Encoding %s, small bodies and large ones', async (encoding, compress) => {
    for (const name of ['GET /', randomBytes(1_750_000).toString('hex')]) {
      const { post, queued } = await startReceiver()
      const body = tracesProtobuf(spanJson({ name }))
      const answer = await post('traces', compress(body), { ...protobuf, 'content-encoding': encoding })
      expect(answer.status).toBe(200)
      expect(Buffer.from((await queued('traces')).payload).equals(body)).toBe(true)
    }
  })

  it('answers an empty request with success and queues nothing', async () => {
    const { post, queuedRecords } = await startReceiver()
    expect(await post('metrics', '')).toMatchObject({ status: 200, text: '' })
    expect(await post('metrics', '{}', json)).toMatchObject({ status: 200, text: '{}' })
    expect(queuedRecords('metrics')).toBe(0)
  })

  it('rejects single items by partial success and keeps everything else', async () => {
    const { post, queued, receiver } = await startReceiver()
    const old = String(nowNanos() - 8n * dayNanos)
    const body = tracesProtobuf(
      spanJson({ name: 'kept' }),
      spanJson({ name: 'short id', traceId: '5b8e' }),
      spanJson({ name: 'zero id', spanId: '0000000000000000' }),
      spanJson({ name: 'too old', startTimeUnixNano: old }),
      spanJson({ name: 'kept too', endTimeUnixNano: '0' }),
    )
    const answer = await post('traces', body)
    expect(answer.status).toBe(200)
    const { partialSuccess } = decodeMessage(responseDescriptors.traces, answer.bytes, 'response')
    expect(partialSuccess?.rejectedSpans).toBe(3n)
    expect(partialSuccess?.errorMessage).toContain('3 of 5 spans rejected')
    expect(partialSuccess?.errorMessage).toContain('first "too old"')
    const { request } = await queued('traces')
    expect(request.resourceSpans[0]!.scopeSpans[0]!.spans.map((span) => span.name)).toEqual([
      'kept',
      'kept too',
    ])
    expect(receiver.counts()).toMatchObject({ accepted: { traces: 2 }, refused: { traces: 3 } })
  })

  it('counts rejections in JSON as a decimal string, by signal', async () => {
    const { post, queuedRecords } = await startReceiver()
    const body =
      '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}'
    const answer = await post('metrics', body, json)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ partialSuccess: { rejectedDataPoints: '1' } })
    expect(queuedRecords('metrics')).toBe(0)
  })

  it.each([
    ['truncated protobuf', 'protobuf', tracesProtobuf(spanJson()).subarray(0, 20), {}, 400, 3],
    ['broken JSON', 'json', '{"resourceSpans":[', {}, 400, 3],
    ['a wrong type', 'json', tracesJson(spanJson({ kind: 'SPAN_KIND_SERVER' })), {}, 400, 3],
    ['broken gzip', 'protobuf', 'no gzip', { 'content-encoding': 'gzip' }, 400, 3],
    [
      'truncated gzip',
      'json',
      gzipSync(randomBytes(5000)).subarray(0, 900),
      { 'content-encoding': 'gzip' },
      400,
      3,
    ],
    ['an unknown encoding', 'json', '{}', { 'content-encoding': 'br' }, 415, 3],
  ] as const)(
    'refuses %s with a Status in the content type of the request',
    async (_name, kind, body, headers, status, code) => {
      const { post, queuedRecords } = await startReceiver()
      const contentType = kind === 'json' ? json : protobuf
      const answer = await post('traces', body, { ...contentType, ...headers })
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-type')).toBe(contentType['content-type'])
      const told = kind === 'json' ? JSON.parse(answer.text) : statusOf(answer.bytes)
      expect(told).toMatchObject({ code, message: expect.stringMatching(/.{10}/) })
      expect(queuedRecords('traces')).toBe(0)
      expect((await post('traces', '')).status).toBe(200)
    },
  )

  it.each([
    ['text/plain', 415],
    ['', 415],
    ['application/grpc', 415],
  ])('refuses content type "%s"', async (contentType, status) => {
    const { post } = await startReceiver()
    const answer = await post('logs', '{}', contentType === '' ? {} : { 'content-type': contentType })
    expect(answer.status).toBe(status)
    expect(JSON.parse(answer.text)).toMatchObject({ code: 3 })
  })

  it('knows only its paths and POST', async () => {
    const { httpUrl } = await startReceiver()
    const get = await fetch(`${httpUrl}/v1/traces`)
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await fetch(`${httpUrl}/v1/traces`, { method: 'OPTIONS' })).status).toBe(405)
    expect(
      (await fetch(`${httpUrl}/v1/profiles`, { method: 'POST', headers: json, body: '{}' })).status,
    ).toBe(404)
  })

  it('refuses a gzip bomb before it unfolds', async () => {
    const { post, receiver } = await startReceiver()
    const bomb = gzipSync(Buffer.alloc(200 << 20), { level: 9 })
    expect(bomb.length).toBeLessThan(1 << 20)
    const answer = await post('traces', bomb, { ...protobuf, 'content-encoding': 'gzip' })
    expect(answer.status).toBe(413)
    expect(statusOf(answer.bytes).code).toBe(8)
    expect(receiver.counts().bytesInUse).toBe(0)
  })

  it('refuses a body of 70 MB, told ahead or not', async () => {
    const { post, httpUrl } = await startReceiver()
    const body = Buffer.alloc(70_000_000)
    expect((await post('traces', body)).status).toBe(413)
    const answered = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(
        `${httpUrl}/v1/traces`,
        { method: 'POST', headers: protobuf },
        (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        },
      )
      request.on('error', reject)
      for (let sent = 0; sent < body.length; sent += 1 << 20)
        request.write(body.subarray(sent, sent + (1 << 20)))
      request.end()
    })
    expect(answered).toBe(413)
    expect((await post('traces', '')).status).toBe(200)
  })

  it('says 503 and when to come back while too many bytes are in flight', async () => {
    const { post, httpUrl, receiver } = await startReceiver({ bytesInUseMax: 1000, requestBytesMax: 5000 })
    const url = new URL(httpUrl)
    const slow = connect(Number(url.port), url.hostname)
    stops.push(async () => void slow.destroy())
    slow.write(
      `POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 950\r\n\r\n${' '.repeat(900)}`,
    )
    await expect.poll(() => receiver.counts().bytesInUse, { timeout: 5000 }).toBe(900)
    const answer = await post('traces', ' '.repeat(200), json)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(JSON.parse(answer.text)).toMatchObject({ code: 14, details: [{ retryDelay: '1s' }] })
    slow.destroy()
    await expect.poll(() => receiver.counts().bytesInUse, { timeout: 5000 }).toBe(0)
    expect((await post('traces', `{}${' '.repeat(200)}`, json)).status).toBe(200)
  })

  it('gives no budget to headers that announce a large body', async () => {
    const { post, httpUrl } = await startReceiver({ bytesInUseMax: 1000, requestBytesMax: 5000 })
    const url = new URL(httpUrl)
    const idle = connect(Number(url.port), url.hostname)
    stops.push(async () => void idle.destroy())
    const { promise: isHandled, resolve } = Promise.withResolvers<void>()
    // The server asks for the body once it has taken the request.
    idle.once('data', () => resolve())
    idle.write(
      `POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n`,
    )
    await isHandled
    expect((await post('traces', '{}', json)).status).toBe(200)
  })

  it('says 503 while the queue is full', async () => {
    const { post } = await startReceiver({}, { unwrittenBytesMax: 1 })
    const answer = await post('traces', tracesProtobuf(spanJson()))
    const second = await post('traces', tracesProtobuf(spanJson({ name: 'another' })))
    const refused = answer.status === 503 ? answer : second
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(statusOf(refused.bytes).code).toBe(14)
  })

  it('says so before it reads the export', async () => {
    const checkRoom = (): never => {
      throw new Unavailable('the queue is full')
    }
    const append = vi.fn<QueueAppender['append']>()
    const { httpUrl } = await startReceiver({ queue: { append, checkRoom } })
    const request = httpRequest(`${httpUrl}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-length': 1 << 20 },
    })
    request.on('error', () => undefined)
    request.write('the beginning')
    const [response] = (await once(request, 'response', { signal: AbortSignal.timeout(5000) })) as [
      IncomingMessage,
    ]
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '1'])
    request.destroy()
    expect(append).not.toHaveBeenCalled()
  })

  it('hides what a bug is about', async () => {
    const broken = { ...withRoom, append: () => Promise.reject(new Error('secret internals')) }
    const { post } = await startReceiver({ queue: broken })
    const answer = await post('traces', tracesJson(spanJson()), json)
    expect(answer.status).toBe(500)
    expect(JSON.parse(answer.text)).toEqual({ code: 13, message: 'internal error' })
  })

  it('asks for a known token once there are tokens, and takes the tenant from it', async () => {
    const { post, queued } = await startReceiver({
      tokens: new Map([
        ['k1', 'acme'],
        ['k2', 'other'],
      ]),
    })
    const body = tracesProtobuf(spanJson())
    for (const authorization of [undefined, 'Bearer wrong', 'Basic k1', 'Bearer']) {
      const answer = await post(
        'traces',
        body,
        authorization === undefined ? protobuf : { ...protobuf, authorization },
      )
      expect(answer.status).toBe(401)
      expect(statusOf(answer.bytes).code).toBe(16)
    }
    expect((await post('traces', body, { ...protobuf, authorization: 'Bearer k2' })).status).toBe(200)
    expect((await queued('traces')).tenant).toBe('other')
  })

  it('recognises an export that is sent again', async () => {
    const { post, queuedRecords, receiver } = await startReceiver()
    const body = tracesProtobuf(spanJson())
    expect((await post('traces', body)).status).toBe(200)
    expect((await post('traces', body)).status).toBe(200)
    expect(queuedRecords('traces')).toBe(1)
    expect(receiver.counts()).toMatchObject({ accepted: { traces: 1 }, duplicateRequests: 1 })
  })

  it('takes equal log records without a time of their own for two events', async () => {
    const { post, queuedRecords } = await startReceiver()
    const body = JSON.stringify({
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'tick' } }] }] }],
    })
    expect((await post('logs', body, json)).status).toBe(200)
    expect((await post('logs', body, json)).status).toBe(200)
    expect(queuedRecords('logs')).toBe(2)
  })

  it('counts under the Collector’s names', async () => {
    const { post, selfMetrics } = await startReceiver()
    await post('traces', tracesProtobuf(spanJson(), spanJson({ traceId: '00' })))
    await post('traces', 'x')
    const text = await selfMetrics.render()
    expect(text).toMatch(/receiver_accepted_spans_total(\{.*\})? 1/)
    expect(text).toMatch(/receiver_refused_spans_total\{.*reason="invalid_trace_id".*\} 1/)
    expect(text).toMatch(/receiver_requests_total\{.*code="400".*\} 1/)
  })

  it.each([
    ['protobuf', ProtoTraceExporter],
    ['JSON', JsonTraceExporter],
  ])('understands the official %s exporter', async (_name, Exporter) => {
    const { httpUrl, queued } = await startReceiver()
    const exporter = new Exporter({ url: `${httpUrl}/v1/traces` })
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    provider
      .getTracer('t')
      .startSpan('from the SDK', { attributes: { big: 2 ** 40, list: ['a'] } })
      .end()
    await provider.forceFlush()
    await provider.shutdown()
    const { request } = await queued('traces')
    const span = request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!
    expect(span.name).toBe('from the SDK')
    expect(span.attributes[0]).toEqual({ key: 'big', value: { intValue: 2n ** 40n } })
  })

  it('finishes what is in flight when it stops, and takes nothing new', async () => {
    const gate = Promise.withResolvers<void>()
    const slowQueue = { ...withRoom, append: () => gate.promise.then(() => 'appended' as const) }
    const { post, receiver, httpUrl } = await startReceiver({ queue: slowQueue })
    const answer = post('traces', tracesProtobuf(spanJson()))
    await expect.poll(() => receiver.counts().bytesInUse, { timeout: 5000 }).toBeGreaterThan(0)
    const stopped = receiver.stop()
    await expect(fetch(`${httpUrl}/v1/traces`)).rejects.toThrow('fetch failed')
    gate.resolve()
    expect((await answer).status).toBe(200)
    const before = Date.now()
    await stopped
    expect(Date.now() - before).toBeLessThan(4000)
  })

  it('listens on neither port when one of them is taken', async () => {
    const { httpUrl } = await startReceiver()
    const taken = Number(new URL(httpUrl).port)
    await expect(startReceiver({ httpPort: taken })).rejects.toThrow('EADDRINUSE')
    await expect(startReceiver({ grpcPort: taken })).rejects.toThrow('EADDRINUSE')
  })
})
