/** Telemetry that uses what the SDK for JavaScript can say, each kind at least once. */
import {
  type Attributes,
  ROOT_CONTEXT,
  SeverityNumber,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  ValueType,
  createTraceState,
  trace,
} from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { LoggerProvider } from '@opentelemetry/sdk-logs'
import { AggregationType, type MeterProvider, type ViewOptions } from '@opentelemetry/sdk-metrics'
import type { SpanLimits, TracerProvider } from '@opentelemetry/sdk-trace'

const attributes: Attributes = {
  text: '주문 "완료" <&> \\ \n',
  empty: '',
  '7': 'a key that looks like a number',
  int: 42,
  negative: -9_007_199_254_740_991,
  double: 0.1,
  tiny: 5e-324,
  nan: Number.NaN,
  endless: -Infinity,
  yes: true,
  no: false,
  texts: ['a', '', 'b'],
  ints: [1, 2, 3],
  doubles: [0.5, -0.25],
  flags: [true, false],
  none: [],
  bytes: Uint8Array.of(0, 1, 255),
  mixed: ['x', 1, 1.5, false, null, Uint8Array.of(7), [Number.NaN]],
  map: { b: 1, a: { deep: [true], bytes: Uint8Array.of(9) }, '10': 'ten', '9': 'nine' },
  nothing: null,
}

export const workloadResource = (serviceName: string) =>
  resourceFromAttributes(
    {
      'service.name': serviceName,
      'service.namespace': 'shop',
      'deployment.environment.name': 'test',
      'process.pid': process.pid,
      'process.command_args': ['node', 'app.js'],
      'k8s.pod.uid': crypto.randomUUID(),
    },
    { schemaUrl: 'https://opentelemetry.io/schemas/1.45.0' },
  )

const scopeOptions = { schemaUrl: 'https://opentelemetry.io/schemas/1.44.0' }

/** Low, so that the SDK drops something of each kind and says how much. */
export const workloadSpanLimits: SpanLimits = {
  attributeCountLimit: Object.keys(attributes).length,
  eventCountLimit: 3,
  linkCountLimit: 2,
  attributePerEventCountLimit: 2,
  attributePerLinkCountLimit: 1,
}

const remote: SpanContext = {
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  traceFlags: TraceFlags.SAMPLED,
  isRemote: true,
  traceState: createTraceState('vendor=1,other=two'),
}

export const makeSpans = (provider: TracerProvider): SpanContext => {
  const tracer = provider.getTracer('shop.checkout', '2.1.0', scopeOptions)
  const server = tracer.startSpan(
    'POST /checkout',
    { kind: SpanKind.SERVER, attributes },
    trace.setSpanContext(ROOT_CONTEXT, remote),
  )
  server.setAttribute('one too many', 1)
  for (const position of [1, 2, 3, 4])
    server.addEvent(`event ${position}`, { position, ratio: position / 3, dropped: true })
  server.recordException(new RangeError('card limit'))
  server.setStatus({ code: SpanStatusCode.ERROR, message: 'declined ✗' })

  const inServer = trace.setSpan(ROOT_CONTEXT, server)
  const links = [1, 2, 3].map((position) => ({
    context: { ...remote, spanId: `00000000000000a${position}`, isRemote: position === 2 },
    attributes: { position, dropped: true },
  }))
  const client = tracer.startSpan('charge', { kind: SpanKind.CLIENT, links }, inServer)
  client.setStatus({ code: SpanStatusCode.OK })
  client.end()
  server.end()

  const startTime = Date.now()
  const other = provider.getTracer('shop.mail')
  other.startSpan('send mail', { kind: SpanKind.PRODUCER, root: true, startTime }).end(startTime + 0.125)
  other.startSpan('take mail', { kind: SpanKind.CONSUMER, startTime }).end(startTime)
  other.startSpan('', { attributes: { text: 'no name, no kind' } }).end()
  return server.spanContext()
}

const severities = [
  SeverityNumber.UNSPECIFIED,
  SeverityNumber.TRACE,
  SeverityNumber.DEBUG2,
  SeverityNumber.INFO,
  SeverityNumber.WARN3,
  SeverityNumber.ERROR,
  SeverityNumber.FATAL4,
]

/** Each record carries its position, by which a reader tells them apart. */
export const makeLogs = (provider: LoggerProvider, spanContext: SpanContext): void => {
  const logger = provider.getLogger('shop.billing', '3.0.0', {
    ...scopeOptions,
    attributes: { strict: true, level: 2 },
  })
  const bodies = [
    '결제 실패',
    '',
    5,
    0.25,
    true,
    Uint8Array.of(1, 2),
    ['a', 1, null],
    { code: 51, raw: Uint8Array.of(3) },
    undefined,
  ]
  for (const [position, body] of bodies.entries())
    logger.emit({
      body,
      severityNumber: severities[position] ?? SeverityNumber.UNSPECIFIED,
      severityText: `level ${position}`,
      attributes: { position },
    })
  logger.emit({
    eventName: 'payment.declined',
    timestamp: Date.now() - 1500,
    observedTimestamp: Date.now(),
    context: trace.setSpanContext(ROOT_CONTEXT, spanContext),
    attributes: { position: bodies.length, ...attributes },
  })
  provider.getLogger('shop.plain').emit({ body: 'no version', attributes: { position: bodies.length + 1 } })
}

export const workloadViews: ViewOptions[] = [
  { instrumentName: 'latency.fine', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
  {
    instrumentName: 'size.rough',
    aggregation: {
      type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM,
      options: { boundaries: [], recordMinMax: false },
    },
  },
]

export const makeMetrics = (provider: MeterProvider): void => {
  const meter = provider.getMeter('shop.cart', '1.0.0', scopeOptions)
  const int = { valueType: ValueType.INT }
  const counter = meter.createCounter('orders', { ...int, description: 'Orders placed', unit: '{order}' })
  counter.add(9_007_199_254_740_991, { paid: true })
  counter.add(2)
  meter.createCounter('revenue', { unit: 'EUR' }).add(19.99, { ...attributes })
  meter.createUpDownCounter('carts', int).add(-3)
  meter.createUpDownCounter('balance').add(-0.5)
  meter.createGauge('depth', int).record(7, { shard: 1 })
  meter.createGauge('load').record(0.75)
  const latency = meter.createHistogram('latency', {
    unit: 'ms',
    description: 'How long a request took',
    advice: { explicitBucketBoundaries: [0.5, 10, 250] },
  })
  const fine = meter.createHistogram('latency.fine')
  for (const value of [0, 0.4, 0.5, 7, 12.5, 9000]) {
    latency.record(value, { route: '/cart' })
    fine.record(value)
  }
  meter.createHistogram('size.rough', int).record(1024)
  meter.createObservableCounter('cpu.time').addCallback((result) => result.observe(1.5, { state: 'user' }))
  meter.createObservableUpDownCounter('threads', int).addCallback((result) => result.observe(11))
  meter.createObservableGauge('temperature').addCallback((result) => result.observe(-40.5))
}
