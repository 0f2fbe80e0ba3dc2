import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServiceError, status } from '@grpc/grpc-js'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc'
import { TracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Unavailable } from '#runtime/errors.ts'
import { silentLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { responseDescriptors } from '#telemetry/otlp/export-response.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import { type Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, decodeMessage, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import {
  type GrpcCallOptions,
  exportOverGrpc,
  grpcServices,
  retryInfo,
  statusOf,
} from '../../test/harness/export-over-grpc.ts'
import { type LocalLogSettings, openLocalLog } from '../queue/local-log.ts'
import type { QueueAppender } from '../queue/queue.ts'
import { createReceiver, type ReceiverSettings } from './receiver.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop()
})

/** Of a queue that has room. */
const withRoom = { checkRoom: () => undefined }

const dayNanos = 86_400_000_000_000n

const startReceiver = async (
  settings: Partial<ReceiverSettings> = {},
  log: Partial<LocalLogSettings> = {},
) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'receiver-grpc-'))
  stops.push(() => rm(dataDir, { recursive: true }))
  const queue = await openLocalLog({ dataDir, logger: silentLogger, ...log })
  stops.push(() => queue.close())
  const receiver = createReceiver({
    queue,
    retentionNanos: { traces: 7n * dayNanos, logs: 7n * dayNanos, metrics: 7n * dayNanos },
    host: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    tokens: new Map(),
    logger: silentLogger,
    selfMetrics: createSelfMetrics(),
    ...settings,
  })
  stops.push(() => receiver.stop())
  const { grpcUrl } = await receiver.start()

  const send = (signal: Signal, bytes: Uint8Array, options?: GrpcCallOptions) =>
    exportOverGrpc(grpcUrl, signal, bytes, options)
  const refused = (...args: Parameters<typeof send>): Promise<ServiceError> =>
    send(...args).then(
      () => {
        throw new Error('the call was not refused')
      },
      (error: ServiceError) => error,
    )
  const queued = async <S extends Signal>(signal: S) => {
    const limits = { recordsMax: 10, bytesMax: 1 << 26 }
    const records = await queue.partition(signal).read(0, limits, AbortSignal.timeout(2000))
    expect(records).toHaveLength(1)
    return { ...records[0]!, request: decodeExportRequest(signal, records[0]!.payload) }
  }
  return { receiver, grpcUrl, send, refused, queued }
}

const nowNanos = (): bigint => BigInt(Date.now()) * 1_000_000n
const traces = (...spans: Record<string, unknown>[]): Uint8Array => {
  const whole = spans.map((changes) => ({
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    name: 'GET /',
    startTimeUnixNano: String(nowNanos()),
    ...changes,
  }))
  const request = { resourceSpans: [{ scopeSpans: [{ spans: whole }] }] }
  return encodeExportRequest('traces', decodeExportRequestJson('traces', JSON.stringify(request)))
}

describe('OTLP/gRPC', () => {
  it.each([false, true])(
    'queues the bytes as they came (gzip: %s) and answers with nothing',
    async (isGzip) => {
      const { send, queued } = await startReceiver()
      const bytes = traces({})
      expect(await send('traces', bytes, { isGzip })).toHaveLength(0)
      expect(Buffer.from((await queued('traces')).payload).equals(bytes)).toBe(true)
    },
  )

  it('serves all three signals and takes empty requests', async () => {
    const { send } = await startReceiver()
    expect(await send('logs', new Uint8Array(0))).toHaveLength(0)
    expect(await send('metrics', new Uint8Array(0))).toHaveLength(0)
  })

  it('rejects single items by partial success and keeps everything else', async () => {
    const { send, queued } = await startReceiver()
    const far = String(nowNanos() + 2n * 3_600_000_000_000n)
    const response = await send(
      'traces',
      traces({ name: 'kept' }, { spanId: 'ab' }, { startTimeUnixNano: far }),
    )
    const { partialSuccess } = decodeMessage(responseDescriptors.traces, response, 'response')
    expect(partialSuccess?.rejectedSpans).toBe(2n)
    const { request } = await queued('traces')
    expect(request.resourceSpans[0]!.scopeSpans[0]!.spans.map((span) => span.name)).toEqual(['kept'])
  })

  it('refuses truncated bytes as INVALID_ARGUMENT and lives on', async () => {
    const { send, refused } = await startReceiver()
    const error = await refused('traces', traces({}).subarray(0, 25))
    expect(error.code).toBe(status.INVALID_ARGUMENT)
    expect(statusOf(error)).toMatchObject({ code: 3, details: [] })
    expect(await send('traces', traces({}))).toHaveLength(0)
  })

  it('refuses what is too large, before and after decompression, as RESOURCE_EXHAUSTED without RetryInfo', async () => {
    const { send, refused, receiver } = await startReceiver({ requestBytesMax: 1 << 20 })
    const large = Buffer.alloc(8 << 20)
    const plain = await refused('traces', large)
    expect([plain.code, plain.metadata.get('grpc-status-details-bin')]).toEqual([
      status.RESOURCE_EXHAUSTED,
      [],
    ])
    expect((await refused('traces', large, { isGzip: true })).code).toBe(status.RESOURCE_EXHAUSTED)
    await expect.poll(() => receiver.counts().bytesInUse, { timeout: 5000 }).toBe(0)
    expect(await send('traces', traces({}))).toHaveLength(0)
  })

  it('refuses a full queue as UNAVAILABLE with RetryInfo', async () => {
    const { send, refused } = await startReceiver({}, { unwrittenBytesMax: 1 })
    await send('traces', traces({})).catch(() => undefined)
    const error = await refused('traces', traces({ name: 'another' }))
    expect(error.code).toBe(status.UNAVAILABLE)
    expect(statusOf(error).details).toEqual([retryInfo])
  })

  it('refuses more bytes in flight than the budget has as UNAVAILABLE', async () => {
    const { refused, receiver } = await startReceiver({ bytesInUseMax: 1000 })
    expect((await refused('traces', traces({}))).code).toBe(status.UNAVAILABLE)
    expect(receiver.counts().bytesInUse).toBe(0)
  })

  it('ends a call whose message does not come, which would hold budget', async () => {
    const { grpcUrl, receiver } = await startReceiver({ requestMillisMax: 300 })
    const session = connect(grpcUrl)
    stops.push(async () => session.destroy())
    const call = session.request({
      ':method': 'POST',
      ':path': `/${grpcServices.traces}/Export`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    // The begin of a message.
    call.write(Buffer.from([0, 0, 0, 1]))
    await expect.poll(() => receiver.counts().bytesInUse, { timeout: 5000 }).toBeGreaterThan(0)
    const [headers] = (await once(call, 'response')) as [Record<string, string>]
    expect(headers['grpc-status']).toBe(String(status.DEADLINE_EXCEEDED))
    expect(receiver.counts().bytesInUse).toBe(0)
  })

  it('asks for a known token once there are tokens', async () => {
    const { send, refused, queued } = await startReceiver({ tokens: new Map([['k1', 'acme']]) })
    expect((await refused('traces', traces({}))).code).toBe(status.UNAUTHENTICATED)
    expect((await refused('traces', traces({}), { token: 'k2' })).code).toBe(status.UNAUTHENTICATED)
    await send('traces', traces({}), { token: 'k1' })
    expect((await queued('traces')).tenant).toBe('acme')
  })

  it('says that the queue is full before it reads the export', async () => {
    const checkRoom = (): never => {
      throw new Unavailable('the queue is full')
    }
    const append = vi.fn<QueueAppender['append']>()
    const { refused } = await startReceiver({ queue: { append, checkRoom } })
    // A large one is still being sent when the answer comes, and so is what comes right behind it.
    const large = () => refused('traces', Buffer.alloc(8 << 20))
    for (const error of await Promise.all([refused('traces', traces({})), large(), large(), large()]))
      expect(error).toMatchObject({ code: status.UNAVAILABLE, details: 'the queue is full' })
    expect(append).not.toHaveBeenCalled()
  })

  it('hides what a bug is about', async () => {
    const { refused } = await startReceiver({
      queue: { ...withRoom, append: () => Promise.reject(new Error('secret')) },
    })
    expect(await refused('traces', traces({}))).toMatchObject({
      code: status.INTERNAL,
      details: 'internal error',
    })
  })

  it('tells messages that a header cannot carry as they are', async () => {
    const full = new Unavailable(`대기열 \ud800 ${'가득 참 '.repeat(1000)}`)
    const { refused } = await startReceiver({ queue: { ...withRoom, append: () => Promise.reject(full) } })
    const error = await refused('traces', traces({}))
    expect(error.code).toBe(status.UNAVAILABLE)
    expect(error.details).toMatch(/^대기열 \uFFFD 가득 참/)
  })

  it('understands the official exporter', async () => {
    const { grpcUrl, queued } = await startReceiver()
    const exporter = new OTLPTraceExporter({ url: grpcUrl })
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    provider.getTracer('t').startSpan('from the SDK').end()
    await provider.forceFlush()
    await provider.shutdown()
    expect((await queued('traces')).request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!.name).toBe(
      'from the SDK',
    )
  })
})
