import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exporterColumns } from '../harness/exporter-columns.ts'
import { type Pipeline, startPipeline } from '../harness/pipeline.ts'
import { grafanaQueries } from '../fixtures/reader-queries/grafana.ts'
import { hyperdxQueries } from '../fixtures/reader-queries/hyperdx.ts'
import type { ReaderParameters, ReaderQuery } from '../fixtures/reader-queries/reader-query.ts'
import { shopPayloads, spanId, traceIds } from '../fixtures/reader-queries/shop.ts'

const nanosPerMinute = 60_000_000_000n
const startNanos = (BigInt(Date.now()) / 60_000n - 30n) * nanosPerMinute
const nanosAt = (seconds: number): bigint => startNanos + BigInt(Math.round(seconds * 1000)) * 1_000_000n

const parameters: ReaderParameters = {
  database: 'otel',
  from: startNanos,
  to: startNanos + 10n * nanosPerMinute,
  bucketSeconds: 60,
  sampleOneIn: 1,
  service: 'web',
  operation: 'GET /',
  pod: 'web-1',
  traceId: traceIds.checkout,
  spanId: spanId(5),
  logTime: nanosAt(70.1),
  word: 'declined',
  phrase: 'card expired',
  operationWord: 'checkout',
  spanAttribute: { key: 'order.id', value: '17' },
  logAttribute: { key: 'order.id', value: '17' },
  statement: 'SELECT * FROM carts',
  gauge: 'k8s.pod.cpu.utilization',
  sum: 'http.server.requests',
  histogram: 'http.server.request.duration',
  exponentialHistogram: 'rpc.client.duration',
}

let pipeline: Pipeline

beforeAll(async () => {
  pipeline = await startPipeline()
  for (const { signal, payload } of shopPayloads(startNanos))
    await pipeline.queue.append(signal, { tenant: 'default', payload })
  await pipeline.written()
})
afterAll(() => pipeline.stop())

type Row = Record<string, unknown>
/** Rows in this order, or what is to be true of them. 64-bit integers are text, as the engine's JSON has them. */
type Answer = readonly Row[] | ((rows: Row[]) => void)
type Answers = Readonly<Record<string, Answer>>

const inAnyOrder =
  (...expected: Row[]): Answer =>
  (rows) =>
    expect(new Set(rows)).toEqual(new Set(expected))

/** A time of the shop as a DateTime64 of nine digits, and the start of a minute as a DateTime. */
const at = (seconds: number): string =>
  `${new Date(Number(nanosAt(seconds) / 1_000_000n)).toISOString().slice(0, 23).replace('T', ' ')}000000`
const minute = (number: number): string => at(number * 60).slice(0, 19)

const { home, checkout, homeOfNewVersion } = traceIds
const named = (name: string): Row => expect.objectContaining({ name }) as Row

const attributesOfWeb1 = {
  'service.name': 'web',
  'service.namespace': 'shop',
  'service.version': '1.0.0',
  'k8s.namespace.name': 'shop',
  'k8s.pod.name': 'web-1',
  'k8s.pod.uid': 'uid-web-1',
}
const exceptionOfCheckout = { 'exception.type': 'CardDeclined' }
const keysOfResources = [...Object.keys(attributesOfWeb1), 'rum.sessionId']

/** The shop's spans by their length, and the minute in which they start. */
const spanMillis: readonly (readonly [minute: number, millis: number])[] = [
  [0, 100],
  [0, 80],
  [0, 60],
  [0, 40],
  [1, 500],
  [1, 20],
  [1, 10],
  [2, 200],
  [3, 5],
  [3, 50],
]

const grafanaLog = (
  seconds: number,
  level: string,
  body: string,
  traceID: string,
  labels: Row = {},
): Row => ({
  timestamp: at(seconds),
  body,
  level,
  labels,
  traceID,
})
const received17 = grafanaLog(10.05, 'INFO', 'order 17 received', home, { 'order.id': '17', attempt: '1' })
const declined = grafanaLog(70.1, 'ERROR', 'payment declined: card expired, userId=4711', checkout, {
  'order.id': '17',
  'error.type': 'CardDeclined',
})
const declinedAgain = grafanaLog(71, 'WARN', 'payment declined: card expired, userId=12', checkout)
const notRetried = grafanaLog(71.5, 'WARN', 'payment not retried', checkout)
const cartLoaded = grafanaLog(70.02, 'DEBUG', 'cart loaded from cache', checkout, { 'cache.hit': 'true' })

const levels = (counts: Row): Row => ({
  critical: '0',
  error: '0',
  warn: '0',
  info: '0',
  debug: '0',
  trace: '0',
  ...counts,
})

const tagsOf = (attributes: Record<string, string>): Row[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value }))

const grafanaAnswers: Answers = {
  'table picker; is there a table of trace times': (rows) =>
    expect(rows).toEqual(expect.arrayContaining(Object.keys(exporterColumns).map(named))),
  'column picker': (rows) =>
    expect(rows).toEqual(expect.arrayContaining(Object.keys(exporterColumns['otel_logs'] ?? {}).map(named))),
  'ad hoc filter: its columns': (rows) => {
    const expected = { name: 'SpanName', type: 'LowCardinality(String)', table: 'otel_traces' }
    expect(rows).toContainEqual(expected)
  },
  'ad hoc filter: keys of a map': inAnyOrder(...keysOfResources.map((key) => ({ key }))),
  'ad hoc filter: values of a key': (rows) =>
    expect(new Set(rows.map((row) => Object.values(row)[0]))).toEqual(
      new Set(['', 'cart-1', 'web-1', 'web-2']),
    ),
  'ad hoc filter: applied to a panel': [
    { SpanName: 'GET /', count: '1' },
    { SpanName: 'GET cart', count: '2' },
    { SpanName: 'POST /checkout', count: '1' },
  ],
  'variable: services': [{ ServiceName: 'browser' }, { ServiceName: 'cart' }, { ServiceName: 'web' }],
  'variable: busiest services': [{ ServiceName: 'web' }, { ServiceName: 'cart' }, { ServiceName: 'browser' }],
  'variable: operations of a service': [
    { SpanName: 'GET /' },
    { SpanName: 'GET cart' },
    { SpanName: 'POST /checkout' },
  ],
  'Explore: search for traces': [
    {
      traceID: homeOfNewVersion,
      serviceName: 'web',
      operationName: 'GET /',
      startTime: at(130),
      duration: 200,
    },
    {
      traceID: checkout,
      serviceName: 'web',
      operationName: 'POST /checkout',
      startTime: at(70),
      duration: 500,
    },
    { traceID: home, serviceName: 'web', operationName: 'GET /', startTime: at(10), duration: 100 },
  ],
  'Explore: trace by id': (rows) => {
    expect(new Set(rows.map((row) => row['spanID']))).toEqual(new Set([5, 6, 7].map(spanId)))
    expect(rows.find((row) => row['spanID'] === spanId(5))).toEqual({
      traceID: checkout,
      spanID: spanId(5),
      parentSpanID: '',
      serviceName: 'web',
      operationName: 'POST /checkout',
      startTime: Number(nanosAt(70) / 1_000_000n),
      duration: 500,
      tags: tagsOf({ 'http.route': '/checkout', 'order.id': '17' }),
      serviceTags: tagsOf(attributesOfWeb1),
      statusCode: 2,
      logs: [
        {
          name: 'exception',
          timestamp: String(nanosAt(70.4) / 1_000_000n),
          fields: tagsOf(exceptionOfCheckout),
        },
      ],
      references: [{ traceID: home, spanID: spanId(1), tags: tagsOf({ why: 'same visitor' }) }],
      kind: 'Server',
      statusMessage: 'card declined',
      traceState: '',
    })
  },
  'Explore: logs': [declinedAgain, declined],
  'Explore: logs, by the time in whole seconds': [declined, received17],
  'Explore: logs of a trace': [cartLoaded, declined, declinedAgain, notRetried],
  'Explore: log volume': [
    { time: minute(0), ...levels({ info: '1', debug: '1' }) },
    { time: minute(1), ...levels({ error: '1', warn: '2', debug: '1' }) },
    { time: minute(2), ...levels({ info: '2' }) },
    { time: minute(3), ...levels({ info: '1' }) },
  ],
  'Explore: volume of logs that a statement selects': [
    { time: minute(0), logs: '1' },
    { time: minute(1), logs: '3' },
    { time: minute(2), logs: '2' },
  ],
  'Explore: what was logged before a record': [declined, received17],
  'Explore: what was logged after a record': [declined, declinedAgain, notRetried],
  'traces dashboard: nodes of the service map': [
    {
      id: 'web',
      title: 'web',
      mainstat: 'spans: 5',
      secondarystat: 'mean: 180 ms',
      arc__success: 0.8,
      arc__errors: 0.2,
    },
    {
      id: 'cart',
      title: 'cart',
      mainstat: 'spans: 3',
      secondarystat: 'mean: 36.7 ms',
      arc__success: 1,
      arc__errors: 0,
    },
    {
      id: 'browser',
      title: 'browser',
      mainstat: 'spans: 2',
      secondarystat: 'mean: 27.5 ms',
      arc__success: 1,
      arc__errors: 0,
    },
  ],
  'traces dashboard: edges of the service map': [
    { id: 'web to cart', source: 'web', target: 'cart', mainstat: 'calls: 2' },
  ],
  'traces dashboard: search results': [
    {
      TraceId: checkout,
      a_service: 'web',
      an_operation: 'POST /checkout',
      start: at(70),
      longest: '500000000',
      spans: '1',
      status: 'Error',
    },
  ],
  'traces dashboard: sampled durations': [
    { time: minute(0), duration_ms: 80 },
    { time: minute(0), duration_ms: 100 },
    { time: minute(1), duration_ms: 20 },
    { time: minute(1), duration_ms: 500 },
    { time: minute(2), duration_ms: 200 },
  ],
  'traces dashboard: top operations': [
    { operation: 'GET /', calls: '2', errors: '0', 'errors, %': 0, median: 150e6, p99: 199e6, an_error: '' },
    {
      operation: 'GET cart',
      calls: '2',
      errors: '0',
      'errors, %': 0,
      median: 50e6,
      p99: 79.4e6,
      an_error: '',
    },
    {
      operation: 'POST /checkout',
      calls: '1',
      errors: '1',
      'errors, %': 100,
      median: 500e6,
      p99: 500e6,
      an_error: 'card declined',
    },
  ],
  'service dashboard: request rate': [
    { time: minute(0), rate: rounded(1 / 60) },
    { time: minute(2), rate: rounded(1 / 60) },
  ],
  'service dashboard: error rate': [
    { time: minute(0), share: 0 },
    { time: minute(1), share: 0.5 },
    { time: minute(2), share: 0 },
  ],
  'service dashboard: percentiles of duration': [
    { time: minute(0), p50: 90e6, p90: 98e6, p99: 99.8e6 },
    { time: minute(1), p50: 260e6, p90: 452e6, p99: 495.2e6 },
    { time: minute(2), p50: 200e6, p90: 200e6, p99: 200e6 },
  ],
  'service dashboard: top errors': [
    { operation: 'POST /checkout', message: 'card declined', times: '1', latest: at(70) },
  ],
  'service dashboard: spans of a trace': [
    {
      operation: 'POST /checkout',
      service: 'web',
      start: at(70),
      Duration: '500000000',
      status: 'Error',
      SpanKind: 'Server',
    },
    {
      operation: 'GET cart',
      service: 'web',
      start: at(70.01),
      Duration: '20000000',
      status: 'Unset',
      SpanKind: 'Client',
    },
    {
      operation: 'GET /cart',
      service: 'cart',
      start: at(70.015),
      Duration: '10000000',
      status: 'Unset',
      SpanKind: 'Server',
    },
  ].map((span) => ({ TraceId: checkout, ...span })),
  'service dashboard: logs of a trace': [declined, declinedAgain, notRetried].map(
    ({ timestamp, body, level }) => ({
      timestamp,
      body,
      level,
      ServiceName: 'web',
      TraceId: checkout,
      SpanId: spanId(5),
    }),
  ),
  'dashboards: deployments': [
    { time: minute(2), tags: 'web', text: 'web 1.1.0 after 1.0.0', title: 'new version' },
  ],
  'logs dashboard: volume by level': [
    { time: minute(0), metric: 'INFO', records: '1' },
    { time: minute(1), metric: 'ERROR', records: '1' },
    { time: minute(1), metric: 'WARN', records: '2' },
    { time: minute(2), metric: 'INFO', records: '2' },
  ],
  'logs dashboard: services': [
    { service: 'web', records: '6' },
    { service: 'cart', records: '2' },
    { service: 'browser', records: '1' },
  ],
  'logs dashboard: top error messages': inAnyOrder(
    { level: 'ERROR', service: 'web', message: 'payment declined: card expired, userId=*', records: '1' },
    { level: 'WARN', service: 'web', message: 'payment declined: card expired, userId=*', records: '1' },
    { level: 'WARN', service: 'web', message: 'payment not retried', records: '1' },
  ),
  'logs dashboard: records with a word': [declinedAgain, declined].map(({ timestamp, body, level }) => ({
    timestamp,
    body,
    level,
    ServiceName: 'web',
    TraceId: checkout,
    SpanId: spanId(5),
    namespace: 'shop',
    pod: 'web-1',
  })),
  'builder: gauge over time': [
    { time: minute(0), ServiceName: 'cart', value: 0.9 },
    { time: minute(0), ServiceName: 'web', value: 0.3 },
    { time: minute(1), ServiceName: 'cart', value: 0.7 },
    { time: minute(1), ServiceName: 'web', value: 0.6 },
    { time: minute(2), ServiceName: 'web', value: 0.1 },
  ],
  'alert rule: share of errors by service': [
    { ServiceName: 'cart', value: 0 },
    { ServiceName: 'web', value: rounded(1 / 3) },
  ],
}

const foundLog = (seconds: number, level: string, Body: string): Row => ({
  Timestamp: at(seconds),
  service: 'web',
  level,
  Body,
})
const found17 = foundLog(10.05, 'INFO', 'order 17 received')
const foundDeclined = foundLog(70.1, 'ERROR', 'payment declined: card expired, userId=4711')
const foundDeclinedAgain = foundLog(71, 'WARN', 'payment declined: card expired, userId=12')
const foundNotRetried = foundLog(71.5, 'WARN', 'payment not retried')
const found18 = foundLog(131, 'INFO', 'order 18 received')
const foundCoupon = foundLog(131.5, 'INFO', 'order 19: coupon DECLINED')

const foundSpan = (
  seconds: number,
  service: string,
  SpanName: string,
  duration: number,
  level = 'Unset',
): Row => ({
  Timestamp: at(seconds),
  service,
  level,
  duration,
  SpanName,
})
const foundCheckout = foundSpan(70, 'web', 'POST /checkout', 500, 'Error')

const foundOfOtherPods = [
  foundSpan(191, 'browser', 'click', 50),
  foundSpan(190, 'browser', 'record init', 5),
  foundSpan(130, 'web', 'GET /', 200),
  foundSpan(70.015, 'cart', 'GET /cart', 10),
  foundSpan(10.03, 'cart', 'SELECT carts', 40),
  foundSpan(10.02, 'cart', 'GET /cart', 60),
]

/** Members of nested columns that readers know; views have more of them. */
const event = expect.objectContaining({
  Timestamp: at(70.4),
  Name: 'exception',
  Attributes: exceptionOfCheckout,
}) as Row

const hyperdxAnswers: Answers = {
  'sources: tables of OpenTelemetry': [
    'otel_logs',
    'otel_metrics_exp_histogram',
    'otel_metrics_gauge',
    'otel_metrics_histogram',
    'otel_metrics_sum',
    'otel_metrics_summary',
    'otel_traces',
  ].map((name) => ({ database: 'otel', name })),
  'sources: columns': (rows) => {
    const types = new Map(rows.map(({ name, type }) => [name, String(type).replace(", 'UTC'", '')]))
    expect(Object.fromEntries(types)).toMatchObject(exporterColumns['otel_traces'] ?? {})
  },
  // It takes a key's columns for cheap filters; a view has no key, and it then filters by the column of times alone.
  'sources: keys of a table': (rows) =>
    expect(rows).toEqual([expect.objectContaining({ engine: 'View', primary_key: '', partition_key: '' })]),
  'sources: indices of a table': [],
  // The engine's function gives the dictionary with its default value, which HyperDX drops.
  'filters: keys of resources': inAnyOrder(...['', ...keysOfResources].map((name) => ({ name }))),
  'filters: keys of records': inAnyOrder(
    ...['', 'order.id', 'attempt', 'cache.hit', 'error.type'].map((name) => ({ name })),
  ),
  'filters: values of one key': inAnyOrder({ chosen: '17' }, { chosen: '18' }, { chosen: '19' }),
  'filters: values of several keys': (rows) =>
    expect(rows.map((row) => Object.values(row).map((values) => (values as string[]).toSorted()))).toEqual([
      [
        ['browser', 'cart', 'web'],
        ['DEBUG', 'ERROR', 'INFO', 'WARN'],
        ['', 'cart-1', 'web-1', 'web-2'],
      ],
    ]),
  'filters: share of each value': inAnyOrder(
    { shown: 'web-1', times: '4', percentage: rounded(400 / 9) },
    { shown: 'web-2', times: '2', percentage: rounded(200 / 9) },
    { shown: 'cart-1', times: '2', percentage: rounded(200 / 9) },
    { shown: '', times: '1', percentage: rounded(100 / 9) },
  ),
  'search: a word': [foundCoupon, foundDeclinedAgain, foundDeclined],
  'search: a phrase': [foundDeclinedAgain, foundDeclined],
  'search: a service, but not a word': [found18, foundNotRetried, found17],
  'search: logs by attribute': [foundDeclined, found17],
  'search: logs of a pod': [foundNotRetried, foundDeclinedAgain, foundDeclined, found17],
  'search: spans by attribute': [foundCheckout],
  'search: spans by item': [foundCheckout],
  'search: spans of all pods but one': foundOfOtherPods,
  'search: histogram by level': inAnyOrder(
    { 'count()': '1', SeverityText: 'WARN', bucket: minute(1) },
    { 'count()': '1', SeverityText: 'ERROR', bucket: minute(1) },
    { 'count()': '1', SeverityText: 'INFO', bucket: minute(2) },
  ),
  'search: number of results': [{ count: '3' }],
  'search: sample for patterns': (rows) => {
    expect(rows).toHaveLength(9)
    const expected = { pattern_of: 'clicked', time: at(191), level: 'INFO', service: 'browser' }
    expect(rows).toContainEqual(expected)
  },
  'panel: a log record': (rows) =>
    expect(rows).toEqual([
      expect.objectContaining({
        Body: 'payment declined: card expired, userId=4711',
        SeverityNumber: 17,
        row_time: at(70.1),
        row_trace: checkout,
        row_span: spanId(5),
        row_level: 'ERROR',
        row_service: 'web',
        row_resource: attributesOfWeb1,
        row_attributes: { 'order.id': '17', 'error.type': 'CardDeclined' },
      }),
    ]),
  'panel: a span with its events': (rows) =>
    expect(rows).toEqual([
      expect.objectContaining({
        SpanKind: 'Server',
        StatusMessage: 'card declined',
        'Links.TraceId': [home],
        row_body: 'POST /checkout',
        row_level: 'Error',
        row_resource: attributesOfWeb1,
        row_exception: exceptionOfCheckout,
        row_events: [event],
      }),
    ]),
  'panel: what the pod logged around a record': [foundNotRetried, foundDeclinedAgain, foundDeclined],
  'waterfall: spans': (rows) =>
    expect(rows).toEqual([
      {
        Body: 'POST /checkout',
        Timestamp: at(70),
        SpanId: spanId(5),
        ServiceName: 'web',
        Duration: 0.5,
        ParentSpanId: '',
        StatusCode: 'Error',
        SpanAttributes: { 'http.route': '/checkout', 'order.id': '17' },
        SpanEvents: [event],
      },
      expect.objectContaining({ SpanId: spanId(6), ParentSpanId: spanId(5), Duration: 0.02, SpanEvents: [] }),
      expect.objectContaining({ SpanId: spanId(7), ParentSpanId: spanId(6), ServiceName: 'cart' }),
    ]),
  'waterfall: logs': [cartLoaded, declined, declinedAgain, notRetried].map(({ timestamp, body, level }) => ({
    Body: body,
    Timestamp: timestamp,
    SpanId: body === 'cart loaded from cache' ? spanId(7) : spanId(5),
    ServiceName: body === 'cart loaded from cache' ? 'cart' : 'web',
    SeverityText: level,
  })),
  'service map': [
    { callee: 'cart', outcome: 'Unset', caller: 'web', calls: '2' },
    { callee: 'web', outcome: 'Error', caller: '', calls: '1' },
    { callee: 'web', outcome: 'Unset', caller: '', calls: '2' },
  ],
  'heatmap: bounds': [{ low: 5.45, high: 500 }],
  'heatmap: cells': inAnyOrder(
    ...spanMillis.map(([number, millis]) => ({
      spans: '1',
      height: Math.floor((80 * Math.log(millis)) / Math.log(1000)) + 1,
      bucket: minute(number),
    })),
  ),
  'event deltas: slow spans': (rows) =>
    expect(new Set(rows.map((row) => row['SpanId']))).toEqual(new Set([1, 5, 8].map(spanId))),
  'columns of attributes: all pods but one': foundOfOtherPods,
  'columns of attributes: logs by pod': [
    { pod: '', records: '1' },
    { pod: 'cart-1', records: '2' },
    { pod: 'web-1', records: '4' },
    { pod: 'web-2', records: '2' },
  ],
  'charts: releases': [
    { since: at(10), version: '1.0.0', service: 'web' },
    { since: at(10.02), version: '2.0.0', service: 'cart' },
    { since: at(130), version: '1.1.0', service: 'web' },
    { since: at(190), version: '3.0.0', service: 'browser' },
  ],
  'services: their names': inAnyOrder({ service: 'browser' }, { service: 'cart' }, { service: 'web' }),
  'services: error rate': [
    { calls: '1', failed: '0', share: 0, bucket: minute(0) },
    { calls: '1', failed: '1', share: 1, bucket: minute(1) },
    { calls: '1', failed: '0', share: 0, bucket: minute(2) },
  ],
  'services: latency': [100, 500, 200].map((millis, index) => ({
    p95_nanos: millis * 1e6,
    p95: millis,
    median_nanos: millis * 1e6,
    median: millis,
    mean_nanos: millis * 1e6,
    mean: millis,
    bucket: minute(index),
  })),
  'services: latency as histogram': (rows) => {
    const bins = rows[0]?.['bins'] as [from: number, to: number, spans: number][]
    expect([bins.at(0)?.[0], bins.at(-1)?.[1]]).toEqual([100, 500])
    expect(bins.reduce((sum, [, , spans]) => sum + spans, 0)).toBe(3)
  },
  'services: top endpoints': [
    {
      endpoint: 'POST /checkout',
      calls: '1',
      'calls/min': 0.1,
      p95_nanos: 500e6,
      p95: 500,
      sum_nanos: 500e6,
      sum: 500,
      failed: '1',
      'failed/min': 0.1,
    },
    {
      endpoint: 'GET /',
      calls: '2',
      'calls/min': 0.2,
      p95_nanos: 195e6,
      p95: 195,
      sum_nanos: 300e6,
      sum: 300,
      failed: '0',
      'failed/min': 0,
    },
  ],
  'services: spans of a database statement': [{ Timestamp: at(10.03), TraceId: home, millis: 40 }],
  'services: time by database statement': [
    { statement: 'SELECT * FROM carts', millis: 40, of_bucket: minute(0) },
  ],
  'charts: errors of the services with most': [
    { failed: '0', ServiceName: 'web', bucket: minute(0) },
    { failed: '1', ServiceName: 'web', bucket: minute(1) },
    { failed: '0', ServiceName: 'web', bucket: minute(2) },
    { failed: '0', ServiceName: 'browser', bucket: minute(3) },
  ],
  sessions: [
    {
      service: 'browser',
      session: 's-1',
      latest: at(191),
      earliest: at(190),
      spans: '2',
      interactions: '1',
      errors: '0',
      recordings: '1',
      user: '',
    },
  ],
  'metrics: their names': [{ first: ['k8s.pod.cpu.utilization'] }],
  'metrics: attributes of one': (rows) => {
    const pods = rows.map((row) => (row['ResourceAttributes'] as Record<string, string>)['k8s.pod.name'])
    expect(new Set(pods)).toEqual(new Set(['cart-1', 'web-1', 'web-2']))
    expect(rows).toContainEqual({ ScopeAttributes: {}, ResourceAttributes: attributesOfWeb1, Attributes: {} })
  },
  'Kubernetes: a gauge by pod': [
    { mean: 0.9, pod: 'cart-1', bucket: minute(0) },
    // The last point of the minute's two.
    { mean: 0.4, pod: 'web-1', bucket: minute(0) },
    { mean: 0.7, pod: 'cart-1', bucket: minute(1) },
    { mean: 0.6, pod: 'web-1', bucket: minute(1) },
    { mean: 0.1, pod: 'web-2', bucket: minute(2) },
  ],
  // The first point of a series and one after a reset count as no increase.
  'metrics: increase of a sum': [0, 60, 30, 30].map((increase, index) => ({
    increase,
    ServiceName: 'web',
    bucket: minute(index),
  })),
  'metrics: observations in a histogram': [
    { bucket: minute(0), group: ['web'], observations: '4' },
    { bucket: minute(1), group: ['web'], observations: '10' },
  ],
  // Four of four up to 0.1 s; then four, four and two of ten up to 0.1, 0.5 and 1 s.
  'metrics: quantile of a histogram': [
    { bucket: minute(0), median: 0.05 },
    { bucket: minute(1), median: 0.2 },
  ],
  'metrics: observations in an exponential histogram': [
    { bucket: minute(0), observations: '0' },
    { bucket: minute(1), observations: '5' },
  ],
  'metrics: exemplars': [
    { millis: String(nanosAt(70.5) / 1_000_000n), measured: 0.5, trace: checkout, span: spanId(5) },
  ],
}

const readers: readonly (readonly [reader: string, queries: ReaderQuery[], answers: Answers])[] = [
  ['Grafana', grafanaQueries(parameters), grafanaAnswers],
  ['HyperDX', hyperdxQueries(parameters), hyperdxAnswers],
]

describe.each(readers)(
  'what %s asks the exporter’s tables is answered by the views',
  (_reader, queries, answers) => {
    it.each(queries)('$screen', async (query) => {
      expect(answers).toHaveProperty([query.screen])
      await ask(query, answers[query.screen] ?? [])
    })

    it('and no answer is expected without its statement', () => {
      expect(new Set(Object.keys(answers))).toEqual(new Set(queries.map(({ screen }) => screen)))
    })
  },
)

const ask = async ({ sql: statement }: ReaderQuery, answer: Answer): Promise<void> => {
  const rows = (await pipeline.store.query<Row>(statement)).map((row) => rounded(row))
  if (typeof answer === 'function') answer(rows)
  else expect(rows).toEqual(answer)
}

/** Twelve digits of every number, which leaves out what depends on the order of adding. */
function rounded<T>(value: T): T
function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? value : Number(value.toPrecision(12))
  if (Array.isArray(value)) return value.map((item: unknown) => rounded(item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, rounded(item)]))
}
