/**
 * Values that break batches elsewhere, each between two good items, over every transport: what can be kept is kept as it
 * is, everything else costs one item and is told.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Client, credentials } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { type Descriptor, exportRequestDescriptors } from '#telemetry/otlp/descriptors.ts'
import { type Encoding, responseDescriptors } from '#telemetry/otlp/export-response.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import type { AnyValue, ExportRequestBySignal, LogRecord, Signal, Span } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, decodeMessage, encodeMessage } from '#telemetry/otlp/protobuf.ts'
import { type LocalLog, openLocalLog } from '../queue/local-log.ts'
import { createReceiver, type Receiver } from './receiver.ts'

const yearsNanos = 100n * 365n * 86_400_000_000_000n
/** Of the event loop, in which everybody else waits. */
const delayMillisMax = 1500

let folder: string
let queue: LocalLog
let receiver: Receiver
let httpUrl: string
let grpcClient: Client
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receiver-hostile-'))
  queue = await openLocalLog({ dataDir: folder, logger: silentLogger })
  receiver = createReceiver({
    queue,
    retentionNanos: { traces: 86_400_000_000_000n, logs: yearsNanos, metrics: yearsNanos },
    host: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    tokens: new Map(),
    logger: silentLogger,
    selfMetrics: createSelfMetrics(),
  })
  const urls = await receiver.start()
  httpUrl = urls.httpUrl
  grpcClient = new Client(new URL(urls.grpcUrl).host, credentials.createInsecure(), {
    'grpc.max_send_message_length': -1,
  })
})
afterAll(async () => {
  grpcClient.close()
  await receiver.stop()
  await queue.close()
  await rm(folder, { recursive: true })
})

const services: Record<Signal, string> = {
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService',
  metrics: 'opentelemetry.proto.collector.metrics.v1.MetricsService',
}
const asIs = (bytes: Buffer): Buffer => bytes

interface Told {
  rejected: number
  message: string
}

const sendHttp = async (signal: Signal, encoding: Encoding, body: Uint8Array): Promise<Told> => {
  const headers = { 'content-type': encoding === 'json' ? 'application/json' : 'application/x-protobuf' }
  const response = await fetch(`${httpUrl}/v1/${signal}`, {
    method: 'POST',
    headers,
    body: Buffer.from(body),
  })
  expect(response.status).toBe(200)
  const answer = Buffer.from(await response.arrayBuffer())
  if (encoding === 'protobuf') return toldIn(signal, answer)
  const { partialSuccess } = JSON.parse(answer.toString()) as { partialSuccess?: Record<string, string> }
  const { errorMessage = '', ...counts } = partialSuccess ?? {}
  return { rejected: Number(Object.values(counts)[0] ?? 0), message: errorMessage }
}

const sendGrpc = async (signal: Signal, body: Uint8Array): Promise<Told> => {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const path = `/${services[signal]}/Export`
  grpcClient.makeUnaryRequest(path, asIs, asIs, Buffer.from(body), (error, response) => {
    if (error === null) resolve(response ?? Buffer.alloc(0))
    else reject(error)
  })
  return toldIn(signal, await promise)
}

const toldIn = (signal: Signal, answer: Uint8Array): Told => {
  const { partialSuccess } = decodeMessage(responseDescriptors[signal], answer, 'response')
  const { errorMessage, ...counts } = partialSuccess ?? { errorMessage: '' }
  return { rejected: Number(Object.values(counts)[0] ?? 0n), message: errorMessage }
}

/** What is told, what is queued, and how long the event loop was held. */
const sent = async <S extends Signal>(signal: S, send: () => Promise<Told>) => {
  const partition = queue.partition(signal)
  const offset = partition.lag().recordsBehind
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const told = await send()
  delay.disable()
  const [record] = await partition.read(
    offset,
    { recordsMax: 1, bytesMax: 1 << 27 },
    AbortSignal.timeout(1000),
  )
  expect(delay.max / 1e6).toBeLessThan(delayMillisMax)
  return { told, request: decodeExportRequest(signal, record!.payload) }
}

const now = `${Date.now()}000000`
/** What is left of most exports would be the same, and taken for one sent again. */
let exportCount = 0
const unique = (name: string): string => `${name} ${exportCount++}`
const kindOf = (name: string): string => name.replace(/ \d+$/, '')
const traceId = '5b8efff798038103d269b633813fc60c'
/** As JSON text, because some of the values cannot be held otherwise. */
const spanText = (name: string, fields = ''): string =>
  `{"traceId":"${traceId}","spanId":"eee19b7ec3c1b174","name":"${name}","startTimeUnixNano":"${now}","endTimeUnixNano":"${now}"${fields}}`
const tracesText = (...spans: string[]): Uint8Array =>
  Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${spans.join(',')}]}]}]}`)
const logText = (body: string, fields = ''): string =>
  `{"timeUnixNano":"${now}","body":{"stringValue":"${body}"}${fields}}`
const logsText = (...records: string[]): Uint8Array =>
  Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${records.join(',')}]}]}]}`)
const value = (text: string): string => `,"attributes":[{"key":"k","value":${text}}]`

const spansOf = (request: ExportRequestBySignal['traces']): Span[] =>
  request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
const recordsOf = (request: ExportRequestBySignal['logs']): LogRecord[] =>
  request.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))

const deepText = (depth: number): string =>
  `${'{"arrayValue":{"values":['.repeat(depth)}{"stringValue":"x"}${']}}'.repeat(depth)}`
const deepValue = (depth: number): AnyValue => {
  let deep: AnyValue = { stringValue: 'x' }
  for (let count = 0; count < depth; count++) deep = { arrayValue: { values: [deep] } }
  return deep
}
const messageOf = (descriptor: Descriptor, name: string): Descriptor =>
  descriptor.fields.find((field) => field.name === name)!.message!
const resourceSpansDescriptor = messageOf(exportRequestDescriptors.traces, 'resourceSpans')
const resourceDescriptor = messageOf(resourceSpansDescriptor, 'resource')
const spanDescriptor = messageOf(messageOf(resourceSpansDescriptor, 'scopeSpans'), 'spans')

const field = (number: number, ...content: Uint8Array[]): Buffer => {
  const bytes = Buffer.concat(content)
  const length: number[] = []
  for (let rest = bytes.length; rest > 0 || length.length === 0; rest >>>= 7)
    length.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0))
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes])
}
/** Too deep for the encoder. */
const deepAttribute = (depth: number): Buffer => {
  let deep = field(1, Buffer.from('x'))
  for (let count = 0; count < depth; count++) deep = field(5, field(1, deep))
  return Buffer.concat([field(1, Buffer.from('k')), field(2, deep)])
}

const uint64Max = '18446744073709551615'
const beyond = '18446744073709551616'

describe('in JSON over HTTP', () => {
  it.each([
    ['a number of 2^64', value(`{"intValue":"${beyond}"}`), 'cannot be read'],
    ['a bare number of 2^64', value(`{"intValue":${beyond}}`), 'cannot be read'],
    ['a number below -2^63', value('{"intValue":"-9223372036854775809"}'), 'cannot be read'],
    ['a count beyond 32 bits', ',"droppedAttributesCount":4294967296', 'cannot be read'],
    ['an id that is no hex', ',"parentSpanId":"xyz"', 'cannot be read'],
    ['an id of an odd length', ',"parentSpanId":"abc"', 'cannot be read'],
    ['bytes that are no base64', value('{"bytesValue":"?"}'), 'cannot be read'],
    ['a value 5000 deep', value(deepText(5000)), 'cannot be read'],
    ['a text where a number belongs', ',"kind":"SPAN_KIND_SERVER"', 'cannot be read'],
    ['an over-long trace id', `,"traceId":"${traceId}00"`, 'trace id'],
    ['an over-long span id', `,"spanId":"${traceId}"`, 'span id'],
    ['a start in 1970', ',"startTimeUnixNano":"1"', 'older than the retention'],
    ['a start in 2554', `,"startTimeUnixNano":"${uint64Max}"`, 'more than 1 h ahead'],
    ['an end in 2554', `,"endTimeUnixNano":"${uint64Max}"`, 'beyond the year 2262'],
    ['an end beyond 2554', `,"endTimeUnixNano":"${beyond}"`, 'cannot be read'],
    ['4 MB of empty attributes', `,"attributes":[${'{},'.repeat(1_400_000)}{}]`, 'more than 1024 attributes'],
    [
      'a million keys',
      `,"attributes":[${Array.from({ length: 1_000_000 }, (_, key) => `{"key":"k${key}"}`).join(',')}]`,
      'more than 1024 attributes',
    ],
  ])('%s costs its span only', async (_name, fields, why) => {
    const body = tracesText(spanText(unique('before')), spanText('hostile', fields), spanText('after'))
    const { told, request } = await sent('traces', () => sendHttp('traces', 'json', body))
    expect(told).toEqual({ rejected: 1, message: expect.stringContaining(why) as string })
    expect(spansOf(request).map(({ name }) => kindOf(name))).toEqual(['before', 'after'])
  })

  it.each<[string, string, AnyValue]>([
    ['lone surrogates', '{"stringValue":"a\\ud800b\\udc00"}', { stringValue: 'a\uFFFDb\uFFFD' }],
    ['the greatest number', '{"intValue":"9223372036854775807"}', { intValue: 2n ** 63n - 1n }],
    ['NaN', '{"doubleValue":"NaN"}', { doubleValue: Number.NaN }],
    ['infinity', '{"doubleValue":"-Infinity"}', { doubleValue: -Infinity }],
    ['a value 40 deep', deepText(40), deepValue(40)],
  ])('%s are kept', async (_name, text, expected) => {
    const body = tracesText(spanText(unique('before')), spanText('hostile', value(text)), spanText('after'))
    const { told, request } = await sent('traces', () => sendHttp('traces', 'json', body))
    expect(told).toEqual({ rejected: 0, message: '' })
    expect(spansOf(request)[1]!.attributes).toEqual([{ key: 'k', value: expected }])
  })

  it('an over-long trace id of a log record is left out', async () => {
    const body = logsText(
      logText(unique('before')),
      logText('hostile', `,"traceId":"${traceId}00"`),
      logText('after'),
    )
    const { told, request } = await sent('logs', () => sendHttp('logs', 'json', body))
    expect(told.rejected).toBe(0)
    expect(recordsOf(request).map((record) => record.traceId.length)).toEqual([0, 0, 0])
  })

  it('the time of an event in 2554 is kept', async () => {
    const events = `,"events":[{"name":"e","timeUnixNano":"${uint64Max}"}]`
    const { told, request } = await sent('traces', () =>
      sendHttp('traces', 'json', tracesText(spanText('hostile', events))),
    )
    expect(told.rejected).toBe(0)
    expect(spansOf(request)[0]!.events[0]!.timeUnixNano).toBe(2n ** 64n - 1n)
  })

  it.each([
    ['resource', (hostile: string) => `"resource":{${hostile.slice(1)}},"scopeLogs":[{"logRecords":`, ']}]'],
    ['scope', (hostile: string) => `"scopeLogs":[{"scope":{${hostile.slice(1)}},"logRecords":`, ']}]'],
  ])('a number of 2^64 in a %s costs what comes with it', async (_name, begin, end) => {
    const hostile = `{${begin(value(`{"intValue":"${beyond}"}`))}[${logText('a')},${logText('b')}${end}}`
    const good = `{"scopeLogs":[{"logRecords":[${logText(unique('good'))}]}]}`
    const body = Buffer.from(`{"resourceLogs":[${good},${hostile},${good}]}`)
    const { told, request } = await sent('logs', () => sendHttp('logs', 'json', body))
    expect(told).toEqual({ rejected: 2, message: expect.stringContaining('cannot be read') as string })
    expect(recordsOf(request).map(({ body }) => kindOf(body?.stringValue ?? ''))).toEqual(['good', 'good'])
  })
})

describe.each<[string, (signal: Signal, body: Uint8Array) => Promise<Told>]>([
  ['HTTP', (signal, body) => sendHttp(signal, 'protobuf', body)],
  ['gRPC', sendGrpc],
])('in protobuf over %s', (_transport, send) => {
  const goodSpan = spansOf(decodeExportRequestJson('traces', tracesText(spanText('good'))))[0]!
  const good = (): Buffer => field(2, encodeMessage(spanDescriptor, { ...goodSpan, name: unique('good') }))
  /** @param more further fields of the hostile span, as they are on the wire */
  const around = (hostile: Partial<Span>, more: Uint8Array = new Uint8Array(0)): Uint8Array => {
    const span = encodeMessage(spanDescriptor, { ...goodSpan, name: 'hostile', ...hostile })
    return field(1, field(2, good(), field(2, span, more), good()))
  }
  const id = (length: number): Uint8Array => new Uint8Array(length).fill(1)

  it('a value 5000 deep costs its span only', async () => {
    const body = around({}, field(9, deepAttribute(5000)))
    const { told, request } = await sent('traces', () => send('traces', body))
    expect(told).toEqual({ rejected: 1, message: expect.stringContaining('cannot be read') as string })
    expect(spansOf(request).map(({ name }) => kindOf(name))).toEqual(['good', 'good'])
  })

  it.each<[string, () => Partial<Span>, string]>([
    ['an over-long trace id', () => ({ traceId: id(17) }), 'trace id'],
    ['an over-long parent id', () => ({ parentSpanId: id(9) }), 'parent span id'],
    ['a start in 1970', () => ({ startTimeUnixNano: 1n }), 'older than the retention'],
    ['a start in 2554', () => ({ startTimeUnixNano: 2n ** 64n - 1n }), 'more than 1 h ahead'],
    ['an end in 2554', () => ({ endTimeUnixNano: 2n ** 64n - 1n }), 'beyond the year 2262'],
    [
      '4 MB of empty attributes',
      () => ({ attributes: Array.from({ length: 2 << 20 }, () => ({ key: '' })) }),
      'more than 1024 attributes',
    ],
    [
      'a million keys',
      () => ({ attributes: Array.from({ length: 1_000_000 }, (_, key) => ({ key: `k${key}` })) }),
      'more than 1024 attributes',
    ],
  ])('%s costs its span only', async (_name, hostile, why) => {
    const body = around(hostile())
    const { told, request } = await sent('traces', () => send('traces', body))
    expect(told).toEqual({ rejected: 1, message: expect.stringContaining(why) as string })
    expect(spansOf(request).map(({ name }) => kindOf(name))).toEqual(['good', 'good'])
  })

  it.each<[string, AnyValue]>([
    ['NaN', { doubleValue: Number.NaN }],
    ['infinity', { doubleValue: Infinity }],
    ['the least number', { intValue: -(2n ** 63n) }],
    ['a value 40 deep', deepValue(40)],
  ])('%s is kept', async (_name, kept) => {
    const { told, request } = await sent('traces', () =>
      send('traces', around({ attributes: [{ key: 'k', value: kept }] })),
    )
    expect(told).toEqual({ rejected: 0, message: '' })
    expect(spansOf(request)[1]!.attributes).toEqual([{ key: 'k', value: kept }])
  })

  it('text that is no UTF-8 is kept, and read with U+FFFD', async () => {
    const body = Buffer.from(around({ name: 'a~~~b' }))
    // The bytes of a lone surrogate.
    body.set([0xed, 0xa0, 0x80], body.indexOf('~~~'))
    const { told, request } = await sent('traces', () => send('traces', body))
    expect(told.rejected).toBe(0)
    expect(spansOf(request)[1]!.name).toBe('a\uFFFD\uFFFD\uFFFDb')
  })

  it('a resource with a value 5000 deep, or a million keys, costs what comes with it', async () => {
    const million = Array.from({ length: 1_000_000 }, (_, key) => ({ key: `k${key}` }))
    const resource = encodeMessage(resourceDescriptor, {
      attributes: million,
      droppedAttributesCount: 0,
      entityRefs: [],
    })
    const scope = (): Buffer => field(2, good(), good())
    const body = Buffer.concat([
      field(1, field(1, field(1, deepAttribute(5000))), scope()),
      field(1, scope()),
      field(1, field(1, resource), scope()),
    ])
    const { told, request } = await sent('traces', () => send('traces', body))
    expect(told.rejected).toBe(4)
    expect(spansOf(request).map(({ name }) => kindOf(name))).toEqual(['good', 'good'])
  })
})
