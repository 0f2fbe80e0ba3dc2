import { describe, expect, it } from 'vitest'
import type {
  HistogramDataPoint,
  KeyValue,
  LogRecord,
  Metric,
  Signal,
  Span,
} from '#telemetry/otlp/messages.ts'
import { describeRejections } from './rejections.ts'
import { validateExport } from './validate.ts'
import { makeSpan } from '../../test/harness/make-span.ts'

const nowMillis = 1_800_000_000_000
const now = BigInt(nowMillis) * 1_000_000n
const day = 86_400_000_000_000n
const hour = 3_600_000_000_000n
const options = { nowMillis, retentionNanos: 7n * day, requestBytes: 10_000 }

const id = (length: number, value = 1): Uint8Array => new Uint8Array(length).fill(value)
const attributes = (count: number): KeyValue[] =>
  Array.from({ length: count }, (_, index) => ({ key: `k${index}` }))

const span = (changes: Partial<Span> = {}): Span =>
  makeSpan({
    traceId: id(16),
    spanId: id(8),
    name: 'GET /',
    startTimeUnixNano: now,
    endTimeUnixNano: now + 1n,
    ...changes,
  })

const record = (changes: Partial<LogRecord> = {}): LogRecord => ({
  timeUnixNano: now,
  observedTimeUnixNano: 0n,
  severityNumber: 9,
  severityText: '',
  attributes: [],
  droppedAttributesCount: 0,
  flags: 0,
  traceId: id(0),
  spanId: id(0),
  eventName: '',
  ...changes,
})

const point = (changes: Partial<HistogramDataPoint> = {}): HistogramDataPoint => ({
  attributes: [],
  startTimeUnixNano: 0n,
  timeUnixNano: now,
  flags: 0,
  count: 1n,
  bucketCounts: [],
  explicitBounds: [],
  exemplars: [],
  ...changes,
})

const spansRequest = (spans: Span[]) => ({
  resourceSpans: [{ schemaUrl: '', scopeSpans: [{ schemaUrl: '', spans }] }],
})
const logsRequest = (logRecords: LogRecord[]) => ({
  resourceLogs: [{ schemaUrl: '', scopeLogs: [{ schemaUrl: '', logRecords }] }],
})
const metricsRequest = (metrics: Metric[]) => ({
  resourceMetrics: [{ schemaUrl: '', scopeMetrics: [{ schemaUrl: '', metrics }] }],
})
const histogram = (dataPoints: HistogramDataPoint[]): Metric => ({
  name: 'latency',
  description: '',
  unit: '',
  metadata: [],
  histogram: { dataPoints, aggregationTemporality: 2 },
})

const reasonsOf = <S extends Signal>(
  signal: S,
  request: Parameters<typeof validateExport<S>>[1],
): string[] => [...validateExport(signal, request, options).tally.reasons.keys()]

describe('validateExport of spans', () => {
  it('hands back the same object when every span is kept, so that its bytes can go on as they came', () => {
    const request = spansRequest([span(), span({ endTimeUnixNano: 0n, kind: 99, parentSpanId: id(8, 0) })])
    const { request: kept, tally } = validateExport('traces', request, options)
    expect(kept).toBe(request)
    expect(tally).toMatchObject({ accepted: 2, rejected: 0 })
    expect(describeRejections('traces', tally)).toBe('')
  })

  it.each<[string, Partial<Span>, string]>([
    ['a trace id of 15 bytes', { traceId: id(15) }, 'invalid_trace_id'],
    ['a trace id of zeros', { traceId: id(16, 0) }, 'invalid_trace_id'],
    ['no trace id', { traceId: id(0) }, 'invalid_trace_id'],
    ['a span id of 16 bytes', { spanId: id(16) }, 'invalid_span_id'],
    ['a span id of zeros', { spanId: id(8, 0) }, 'invalid_span_id'],
    ['a parent id of 4 bytes', { parentSpanId: id(4) }, 'invalid_parent_span_id'],
    ['no start', { startTimeUnixNano: 0n }, 'time_out_of_range'],
    ['a start before the retention', { startTimeUnixNano: now - 7n * day - 1n }, 'time_out_of_range'],
    ['a start more than an hour ahead', { startTimeUnixNano: now + hour + 1n }, 'time_out_of_range'],
    ['an end beyond 2^63', { endTimeUnixNano: 2n ** 63n }, 'time_not_storable'],
    ['too many attributes', { attributes: attributes(1025) }, 'too_many_attributes'],
  ])('rejects a span with %s and keeps its neighbours', (_name, changes, reason) => {
    const good = [span({ name: 'before' }), span({ name: 'after' })] as const
    const { request, tally } = validateExport(
      'traces',
      spansRequest([good[0], span({ name: 'bad', ...changes }), good[1]]),
      options,
    )
    expect(request.resourceSpans[0]?.scopeSpans[0]?.spans).toEqual(good)
    expect([...tally.reasons]).toEqual([[reason, { count: 1, example: 'bad' }]])
    expect(tally).toMatchObject({ accepted: 2, rejected: 1 })
  })

  it('keeps both ends of the window', () => {
    const edges = [now - 7n * day, now + hour].map((startTimeUnixNano) => span({ startTimeUnixNano }))
    expect(reasonsOf('traces', spansRequest(edges))).toEqual([])
  })

  it('takes a parent id of zeros for no parent, whatever its length', () => {
    const { request, tally } = validateExport(
      'traces',
      spansRequest([span({ parentSpanId: id(16, 0) })]),
      options,
    )
    expect(tally.rejected).toBe(0)
    expect(request.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.parentSpanId).toHaveLength(0)
  })

  it('tells the first of each reason by name, shortened', () => {
    const bad = [
      span({ name: 'x'.repeat(500), traceId: id(1) }),
      span({ traceId: id(2) }),
      span({ spanId: id(1) }),
    ]
    const { tally } = validateExport('traces', spansRequest([...bad, span()]), options)
    expect(describeRejections('traces', tally)).toBe(
      `3 of 4 spans rejected: the trace id is not 16 bytes or all zero (2, first "${'x'.repeat(80)}"); ` +
        'the span id is not 8 bytes or all zero (1, first "GET /")',
    )
  })
})

describe('validateExport of what items share', () => {
  const scope = (bytes: number) => ({
    name: 'http',
    version: '',
    attributes: [{ key: 'k', value: { stringValue: 'x'.repeat(bytes - 1) } }],
    droppedAttributesCount: 0,
  })

  it('keeps as many items as the attributes of their scope may be copied for, over all scopes', () => {
    const spans = Array.from({ length: 30 }, () => span())
    const scopeSpans = [
      { schemaUrl: '', scope: scope(4000), spans },
      { schemaUrl: '', scope: scope(4000), spans },
      { schemaUrl: '', spans },
    ]
    const { request, tally } = validateExport(
      'traces',
      { resourceSpans: [{ schemaUrl: '', scopeSpans }] },
      options,
    )
    expect(request.resourceSpans[0]?.scopeSpans.map((kept) => kept.spans.length)).toEqual([30, 10, 30])
    expect(tally.reasons.get('shared_attributes_too_large')?.count).toBe(20)
  })

  it('counts the metadata of a metric with the attributes of its scope', () => {
    const metric = {
      ...histogram(Array.from({ length: 30 }, () => point())),
      metadata: scope(4000).attributes,
    }
    const { tally } = validateExport(
      'metrics',
      {
        resourceMetrics: [
          { schemaUrl: '', scopeMetrics: [{ schemaUrl: '', scope: scope(4000), metrics: [metric] }] },
        ],
      },
      options,
    )
    expect(tally).toMatchObject({ accepted: 20, rejected: 10 })
  })
})

describe('validateExport of log records', () => {
  it('judges the time, else the observed time, else takes now', () => {
    const old = now - 8n * day
    expect(reasonsOf('logs', logsRequest([record({ timeUnixNano: 0n })]))).toEqual([])
    expect(reasonsOf('logs', logsRequest([record({ observedTimeUnixNano: old })]))).toEqual([])
    expect(reasonsOf('logs', logsRequest([record({ timeUnixNano: 0n, observedTimeUnixNano: old })]))).toEqual(
      ['time_out_of_range'],
    )
    expect(reasonsOf('logs', logsRequest([record({ observedTimeUnixNano: 2n ** 64n - 1n })]))).toEqual([
      'time_not_storable',
    ])
  })

  it('keeps a record with invalid ids, as one that belongs to no trace', () => {
    const records = [
      record({ traceId: id(15), spanId: id(8) }),
      record({ traceId: id(16), spanId: id(3) }),
      record({ traceId: id(16), spanId: id(8) }),
    ]
    const { request, tally } = validateExport('logs', logsRequest(records), options)
    const kept = request.resourceLogs[0]?.scopeLogs[0]?.logRecords ?? []
    expect(tally.rejected).toBe(0)
    expect(kept.map(({ traceId, spanId }) => [traceId.length, spanId.length])).toEqual([
      [0, 0],
      [16, 0],
      [16, 8],
    ])
    expect(kept[2]).toBe(records[2])
  })
})

describe('validateExport of data points', () => {
  it('rejects single points and keeps the metric', () => {
    const points = [
      point(),
      point({ timeUnixNano: 0n }),
      point({ startTimeUnixNano: 2n ** 63n }),
      point({ bucketCounts: [1n, 2n], explicitBounds: [1, 2] }),
      point({ bucketCounts: [1n, 2n, 3n], explicitBounds: [1, 2] }),
      point({ explicitBounds: [1, 2] }),
    ]
    const { request, tally } = validateExport('metrics', metricsRequest([histogram(points)]), options)
    expect(request.resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]?.histogram?.dataPoints).toEqual([
      points[0],
      points[4],
      points[5],
    ])
    expect([...tally.reasons.keys()]).toEqual([
      'time_out_of_range',
      'time_not_storable',
      'bucket_counts_mismatch',
    ])
    expect(tally.reasons.get('time_out_of_range')?.example).toBe('latency')
  })

  it('leaves a metric of no kind alone', () => {
    const request = metricsRequest([{ name: 'empty', description: '', unit: '', metadata: [] }])
    const { request: kept, tally } = validateExport('metrics', request, options)
    expect(kept).toBe(request)
    expect(tally).toMatchObject({ accepted: 0, rejected: 0 })
  })
})
