/**
 * Exports of four days as real senders make them, the same in every run: what the rows of a release are recorded from
 * (record-rows.ts). Several services and tenants, all signals and kinds of metrics, and what is rare: open spans, clocks
 * that ran backwards, events, links, typed attributes, records without a time, rows that come days late.
 */
import { readFileSync } from 'node:fs'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import type {
  AnyValue,
  ExportLogsServiceRequest,
  ExportMetricsServiceRequest,
  ExportRequestBySignal,
  ExportTraceServiceRequest,
  InstrumentationScope,
  KeyValue,
  Metric,
  Resource,
  Signal,
  Span,
} from '#telemetry/otlp/messages.ts'
import { type Corpus, createCorpus } from '../bench/corpus.ts'
import { seededIntegers } from './seeded-random.ts'

/** What is queued together, and when. */
export interface SampleDay {
  queuedAtMillis: number
  exports: { signal: Signal; tenant: string; request: ExportRequestBySignal[Signal] }[]
}

const dayCount = 4
const tracesPerDay = 5
const logsPerPod = 12
const pointsPerPod = 6
const podsWithMetrics = 5
const millisPerDay = 86_400_000
const nanosPerDay = 86_400_000_000_000n
const nanosPerMinute = 60_000_000_000n
const firstDayMillis = Date.UTC(2026, 10, 16)

export const sampleDays = (): SampleDay[] => {
  const corpus = createCorpus(31)
  const below = seededIntegers(32)
  return Array.from({ length: dayCount }, (_, index) => {
    const startMillis = firstDayMillis + index * millisPerDay
    return sampleDay(corpus, below, BigInt(startMillis) * 1_000_000n, startMillis + millisPerDay - 60_000)
  })
}

const sampleDay = (
  corpus: Corpus,
  below: (bound: number) => number,
  dayNanos: bigint,
  queuedAtMillis: number,
): SampleDay => {
  const traces = corpus.nextExports(tracesPerDay, dayNanos + 3600n * 1_000_000_000n, 20 * 3.6e12)
  for (const request of traces) for (const span of spansOf(request)) makeRare(span, below)
  const late = corpus.nextExports(1, dayNanos - 2n * nanosPerDay)
  const pods = traces.map(podOf)
  const exports: SampleDay['exports'] = [
    ...[...traces, ...late].map((request) => ({ signal: 'traces' as const, tenant: 'default', request })),
    ...pods.slice(0, 8).map(({ resource, span }) => ({
      signal: 'logs' as const,
      tenant: 'default',
      request: logsOf(resource, span, below),
    })),
    ...pods.slice(0, podsWithMetrics).map(({ resource, span }) => ({
      signal: 'metrics' as const,
      tenant: 'default',
      request: metricsOf(resource, span, dayNanos, below),
    })),
    ...(['traces', 'logs', 'metrics'] as const).map((signal) => ({
      signal,
      tenant: 'acme',
      request: rareExport(signal, dayNanos + nanosPerDay / 2n),
    })),
  ]
  return { queuedAtMillis, exports }
}

const spansOf = (request: ExportTraceServiceRequest): Span[] =>
  request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))

const podOf = (request: ExportTraceServiceRequest): { resource: Resource; span: Span } => {
  const [span] = spansOf(request)
  const resource = request.resourceSpans[0]?.resource
  if (span === undefined || resource === undefined) throw new Error('the corpus made an export without spans')
  return { resource, span }
}

/** One span in five is something else than finished, plain and punctual. */
const makeRare = (span: Span, below: (bound: number) => number): void => {
  const rarities: (() => void)[] = [
    () => void (span.endTimeUnixNano = 0n),
    () => void (span.endTimeUnixNano = span.startTimeUnixNano - 1500n),
    () => void (span.traceState = 'ot=th:c;rv:abcdef01234567,vendor=1'),
    () => span.attributes.push(...typedAttributes(below)),
    () => {
      span.events = [0, 1].map((index) => ({
        timeUnixNano: span.startTimeUnixNano + BigInt(index * 1000),
        name: index === 0 ? 'exception' : 'retry',
        attributes: [text('exception.type', 'TimeoutError'), ...typedAttributes(below).slice(index)],
        droppedAttributesCount: index,
      }))
      span.droppedEventsCount = below(3)
    },
    () => {
      span.links = [
        {
          traceId: span.traceId.toReversed(),
          spanId: span.spanId.toReversed(),
          traceState: 'a=b',
          attributes: [integer('position', below(100))],
          droppedAttributesCount: 2,
          flags: 0x301,
        },
      ]
      span.droppedLinksCount = below(2)
    },
  ]
  if (below(5) === 0) rarities[below(rarities.length)]?.()
}

const logsOf = (
  resource: Resource,
  span: Span,
  below: (bound: number) => number,
): ExportLogsServiceRequest => ({
  resourceLogs: [
    {
      resource,
      schemaUrl: 'https://opentelemetry.io/schemas/1.44.0',
      scopeLogs: [
        {
          scope,
          schemaUrl: '',
          logRecords: Array.from({ length: logsPerPod }, (_, index) => {
            const isOfSpan = index % 2 === 0
            const observed = span.startTimeUnixNano + BigInt(below(3_600_000)) * 1_000_000n
            return {
              // The observed time stands in for some; none at all is in the fixtures of OTLP.
              timeUnixNano: index % 5 === 4 ? 0n : observed - 1000n,
              observedTimeUnixNano: observed,
              severityNumber: [9, 13, 17][index % 3] ?? 0,
              severityText: ['INFO', 'WARN', 'ERROR'][index % 3] ?? '',
              body: bodies[index % bodies.length] ?? {},
              attributes: index % 4 === 0 ? typedAttributes(below) : [integer('attempt', below(5))],
              droppedAttributesCount: index % 7 === 0 ? 1 : 0,
              flags: isOfSpan ? 1 : 0,
              traceId: isOfSpan ? span.traceId : new Uint8Array(),
              spanId: isOfSpan ? span.spanId : new Uint8Array(),
              eventName: index % 6 === 5 ? 'payment.declined' : '',
            }
          }),
        },
      ],
    },
  ],
})

const metricsOf = (
  resource: Resource,
  span: Span,
  dayNanos: bigint,
  below: (bound: number) => number,
): ExportMetricsServiceRequest => {
  const start = dayNanos + nanosPerMinute
  const exemplars = [
    {
      filteredAttributes: typedAttributes(below),
      timeUnixNano: start,
      asDouble: below(1000) / 8,
      ...idsOf(span),
    },
    { filteredAttributes: [], timeUnixNano: start + 5n, asInt: BigInt(below(1000)), ...idsOf(span) },
  ]
  const points = Array.from({ length: pointsPerPod }, (_, index) => ({
    attributes: [text('http.route', `/api/${index % 3}`), integer('shard', index % 2)],
    startTimeUnixNano: start,
    timeUnixNano: start + BigInt(1 + index * 60) * nanosPerMinute,
    flags: index === 5 ? 1 : 0,
    exemplars: index % 3 === 0 ? exemplars : [],
  }))
  const numbers = points.map((point, index) => ({
    ...point,
    ...(index % 2 === 0 ? { asDouble: below(1_000_000) / 7 } : { asInt: (1n << 60n) + BigInt(below(1000)) }),
  }))
  const counts = (length: number): bigint[] => Array.from({ length }, () => BigInt(below(50)))
  const optional = (index: number) => (index % 2 === 0 ? { sum: below(1000) / 3, min: 0.5, max: 99.5 } : {})
  const metrics: Metric[] = [
    { ...named('process.memory.usage', 'By'), gauge: { dataPoints: numbers } },
    {
      ...named('http.server.active_requests', '{request}'),
      sum: { dataPoints: numbers, aggregationTemporality: 2, isMonotonic: below(2) === 0 },
    },
    {
      ...named('http.server.request.duration', 's'),
      histogram: {
        aggregationTemporality: 1,
        dataPoints: points.map((point, index) => ({
          ...point,
          ...optional(index),
          count: BigInt(below(200)),
          bucketCounts: counts(4),
          explicitBounds: [0.1, 1, 10],
        })),
      },
    },
    {
      ...named('rpc.server.duration', 'ms'),
      exponentialHistogram: {
        aggregationTemporality: 2,
        dataPoints: points.map((point, index) => ({
          ...point,
          ...optional(index),
          count: BigInt(below(200)),
          scale: 5 - index,
          zeroCount: BigInt(index),
          zeroThreshold: 1e-9,
          positive: { offset: -2, bucketCounts: counts(5) },
          negative: { offset: 1, bucketCounts: counts(2) },
        })),
      },
    },
    {
      ...named('gc.pause', 'ms'),
      summary: {
        dataPoints: points.map(({ exemplars: _none, ...point }) => ({
          ...point,
          count: BigInt(below(200)),
          sum: below(10_000) / 16,
          quantileValues: [0.5, 0.99].map((quantile) => ({ quantile, value: below(1000) / 4 })),
        })),
      },
    },
  ]
  return {
    resourceMetrics: [
      { resource, schemaUrl: '', scopeMetrics: [{ scope, schemaUrl: 'https://x.test/1', metrics }] },
    ],
  }
}

/** What the fixtures of OTLP hold (every field, values at the edges of their types), moved to a day. */
const rareExport = <S extends Signal>(signal: S, nanos: bigint): ExportRequestBySignal[S] => {
  const text = readFileSync(new URL(`../fixtures/otlp/${signal}.json`, import.meta.url), 'utf8')
  const request = decodeExportRequestJson(signal, text)
  moveTimes(request, nanos - 1_700_000_000_000_000_000n)
  return request
}

const moveTimes = (message: object, byNanos: bigint): void => {
  for (const [name, value] of Object.entries(message)) {
    if (name.endsWith('UnixNano') && value > 0n && value < 2n ** 63n)
      Object.assign(message, { [name]: value + byNanos })
    else if (typeof value === 'object' && !(value instanceof Uint8Array)) moveTimes(value, byNanos)
  }
}

const text = (key: string, value: string): KeyValue => ({ key, value: { stringValue: value } })
const integer = (key: string, value: number): KeyValue => ({ key, value: { intValue: BigInt(value) } })
const named = (name: string, unit: string) => ({
  name,
  unit,
  description: `${name} of a sample`,
  metadata: [text('prometheus.type', 'unknown')],
})
const idsOf = ({ traceId, spanId }: Span) => ({ traceId, spanId })

const scope: InstrumentationScope = {
  name: 'sample',
  version: '1.0.0',
  attributes: [integer('generation', 7), text('variant', 'a')],
  droppedAttributesCount: 1,
}

const typedAttributes = (below: (bound: number) => number): KeyValue[] => [
  integer('big', -(2 ** 53) + below(1000)),
  { key: 'ratio', value: { doubleValue: below(1000) / 4 } },
  { key: 'is.cached', value: { boolValue: below(2) === 0 } },
  { key: 'raw', value: { bytesValue: Uint8Array.of(0, below(256), 255) } },
  { key: 'none', value: {} },
  { key: 'steps', value: { arrayValue: { values: [{ doubleValue: 2 }, { stringValue: 'b' }] } } },
  {
    key: '7',
    value: { kvlistValue: { values: [integer('code', below(10)), text('why', 'it\'s \\ "odd"')] } },
  },
]

const bodies: AnyValue[] = [
  { stringValue: 'payment of order declined: card expired' },
  { stringValue: '결제 실패 🙈\nat charge (payment.ts:12)' },
  { kvlistValue: { values: [integer('order', 5), text('state', 'lost')] } },
  { intValue: 42n },
  {},
]
