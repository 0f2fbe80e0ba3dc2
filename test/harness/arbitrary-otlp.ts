/**
 * Export requests of all kinds for property tests: every field of every message, set to anything that the receiver lets
 * through, or unset where it may be. Keys, names, scopes and resources come from few as well as from all, so that some
 * are equal and have to be told apart by something else.
 */
import * as fc from 'fast-check'
import type {
  AnyValue,
  EntityRef,
  Exemplar,
  ExponentialBuckets,
  ExponentialHistogramDataPoint,
  ExportRequestBySignal,
  HistogramDataPoint,
  InstrumentationScope,
  KeyValue,
  LogRecord,
  Metric,
  NumberDataPoint,
  Resource,
  Signal,
  Span,
  SpanEvent,
  SpanLink,
  SummaryDataPoint,
} from '#telemetry/otlp/messages.ts'

/** When the exports are received. Times of items lie on this day, and a few at the ends of what is let through. */
export const receivedAtMillis = Date.UTC(2026, 10, 20, 22)

const uint64Max = 2n ** 64n - 1n
const int64Max = 2n ** 63n - 1n
const nanosPerHour = 3_600_000_000_000n
const receivedAtNanos = BigInt(receivedAtMillis) * 1_000_000n

const oddTexts = [
  '',
  ' ',
  '\0',
  '\u2028<&>',
  '"\\\n\t',
  '주문 완료',
  '__proto__',
  'NaN',
  'null',
  '7',
  '=',
  'a:b',
]
const text = fc.oneof(
  { weight: 40, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 10, arbitrary: fc.constantFrom(...oddTexts) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(200), '주'.repeat(2000)) },
)
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const anyBytes = fc.uint8Array({ maxLength: 20 })
const int32 = fc.oneof(fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1))
const uint32 = fc.oneof(fc.nat(20), fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constant(2 ** 32 - 1))
const int64 = fc.oneof(
  fc.bigInt({ min: -int64Max - 1n, max: int64Max }),
  fc.constantFrom(-int64Max - 1n, int64Max, 9_007_199_254_740_993n, 0n),
)
const uint64 = fc.oneof(fc.bigInt({ min: 0n, max: uint64Max }), fc.constantFrom(0n, uint64Max))
const double = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(-0, 5e-324, 1e21, 1e-7, 2 ** 53, Number.MAX_VALUE, Number.NaN, -Infinity),
)
/** Known numbers, and such as a later version of OTLP may bring. */
const enumNumber = (knownMax: number): fc.Arbitrary<number> =>
  fc.oneof({ weight: 4, arbitrary: fc.nat(knownMax) }, int32)

/** A time of the item that decides whether it is let through, and in which partition it lies. */
const itemTime = fc.oneof(
  { weight: 30, arbitrary: fc.bigInt({ min: receivedAtNanos - nanosPerHour, max: receivedAtNanos }) },
  { weight: 6, arbitrary: fc.constantFrom(receivedAtNanos, receivedAtNanos + nanosPerHour) },
  { weight: 1, arbitrary: fc.constantFrom(0n, 1n) },
)
/** Another time of an item, which has to be storable only. */
const otherTime = fc.oneof(
  itemTime,
  fc.constant(0n),
  fc.bigInt({ min: 0n, max: int64Max }),
  fc.constant(int64Max),
)

const isUsable = (id: Uint8Array): boolean => id.some((byte) => byte !== 0)
const traceId = fc.oneof(bytes(16).filter(isUsable), fc.constant(new Uint8Array(16).fill(0xab)))
const spanId = fc.oneof(bytes(8).filter(isUsable), fc.constant(new Uint8Array(8).fill(1)))
/** Of whatever length: the receiver looks at the ids of spans only. */
const anyId = (id: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.oneof({ weight: 4, arbitrary: id }, fc.constantFrom(new Uint8Array(0), new Uint8Array(8)), anyBytes)
const parentSpanId = fc.oneof(
  spanId,
  fc.constantFrom(new Uint8Array(0), new Uint8Array(8), new Uint8Array(16)),
)

const key = fc.oneof(text, fc.constantFrom('service.name', 'a', 'b', 'k8s.pod.uid', '10', '9'))

const { anyValue, keyValues } = fc.letrec<{
  anyValue: AnyValue
  keyValue: KeyValue
  keyValues: KeyValue[]
}>((tie) => ({
  anyValue: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'anyValue' },
    fc.record({ stringValue: text }),
    fc.record({ boolValue: fc.boolean() }),
    fc.record({ intValue: int64 }),
    fc.record({ doubleValue: double }),
    fc.record({ bytesValue: anyBytes }),
    fc.constant({}),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie('anyValue'), { maxLength: 4 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: tie('keyValues') }) }),
  ),
  keyValue: fc.record({ key, value: tie('anyValue') }, { requiredKeys: ['key'] }),
  keyValues: fc.array(tie('keyValue'), { maxLength: 5 }),
}))

const entityRef: fc.Arbitrary<EntityRef> = fc.record({
  schemaUrl: text,
  type: text,
  idKeys: fc.array(text, { maxLength: 3 }),
  descriptionKeys: fc.array(text, { maxLength: 3 }),
})

const service = (name: string): KeyValue => ({ key: 'service.name', value: { stringValue: name } })
const version = (number: bigint): KeyValue => ({ key: 'version', value: { intValue: number } })
const plainResource = (...attributes: KeyValue[]): Resource => ({
  attributes,
  droppedAttributesCount: 0,
  entityRefs: [],
})

const resource: fc.Arbitrary<Resource> = fc.oneof(
  fc.record({
    attributes: keyValues,
    droppedAttributesCount: uint32,
    entityRefs: fc.array(entityRef, { maxLength: 2 }),
  }),
  // The same in another order, and what differs in the order of one key only.
  fc.constantFrom(
    plainResource(service('shop'), version(1n)),
    plainResource(version(1n), service('shop')),
    plainResource(service('shop'), version(1n), version(2n)),
    plainResource(version(2n), service('shop'), version(1n)),
    plainResource(),
  ),
)

const scope = fc.oneof(
  fc.record({ name: text, version: text, attributes: keyValues, droppedAttributesCount: uint32 }),
  fc.constantFrom<InstrumentationScope[]>(
    { name: 'shop', version: '1', attributes: [version(1n)], droppedAttributesCount: 0 },
    { name: 'shop', version: '1', attributes: [], droppedAttributesCount: 0 },
  ),
)

const schemaUrl = fc.oneof(fc.constantFrom('', 'https://opentelemetry.io/schemas/1.45.0'), text)

const spanEvent: fc.Arbitrary<SpanEvent> = fc.record({
  timeUnixNano: fc.oneof(otherTime, uint64),
  name: text,
  attributes: keyValues,
  droppedAttributesCount: uint32,
})

const spanLink: fc.Arbitrary<SpanLink> = fc.record({
  traceId: anyId(traceId),
  spanId: anyId(spanId),
  traceState: text,
  attributes: keyValues,
  droppedAttributesCount: uint32,
  flags: uint32,
})

const spanFields = {
  traceId,
  spanId,
  traceState: text,
  parentSpanId,
  flags: uint32,
  name: text,
  kind: enumNumber(5),
  startTimeUnixNano: itemTime,
  endTimeUnixNano: otherTime,
  attributes: keyValues,
  droppedAttributesCount: uint32,
  events: fc.array(spanEvent, { maxLength: 3 }),
  droppedEventsCount: uint32,
  links: fc.array(spanLink, { maxLength: 3 }),
  droppedLinksCount: uint32,
  status: fc.record({ message: text, code: enumNumber(2) }),
}
const requiredSpanFields = Object.keys(spanFields).filter((name) => name !== 'status') as (keyof Omit<
  Span,
  'status'
>)[]
const span: fc.Arbitrary<Span> = fc.record(spanFields, { requiredKeys: requiredSpanFields })

const logFields = {
  timeUnixNano: fc.oneof({ weight: 3, arbitrary: itemTime }, fc.constant(0n)),
  observedTimeUnixNano: fc.oneof(itemTime, fc.constant(0n)),
  severityNumber: enumNumber(24),
  severityText: text,
  body: anyValue,
  attributes: keyValues,
  droppedAttributesCount: uint32,
  flags: uint32,
  traceId: anyId(traceId),
  spanId: anyId(spanId),
  eventName: text,
}
const requiredLogFields = Object.keys(logFields).filter((name) => name !== 'body') as (keyof Omit<
  LogRecord,
  'body'
>)[]
const logRecord: fc.Arbitrary<LogRecord> = fc.record(logFields, { requiredKeys: requiredLogFields })

const pointFields = {
  attributes: keyValues,
  startTimeUnixNano: otherTime,
  timeUnixNano: itemTime,
  flags: uint32,
}

/** A number of one kind or the other, or none. */
const withNumber = <T extends object>(
  message: fc.Arbitrary<T>,
): fc.Arbitrary<T & { asDouble?: number; asInt?: bigint }> => {
  const number = fc.oneof(fc.record({ asDouble: double }), fc.record({ asInt: int64 }), fc.constant({}))
  return fc.tuple(message, number).map(([fields, value]) => ({ ...fields, ...value }))
}

const exemplars: fc.Arbitrary<Exemplar[]> = fc.array(
  withNumber(
    fc.record({
      filteredAttributes: keyValues,
      timeUnixNano: fc.oneof(otherTime, uint64),
      spanId: anyId(spanId),
      traceId: anyId(traceId),
    }),
  ),
  { maxLength: 2 },
)

const numberPoint: fc.Arbitrary<NumberDataPoint> = withNumber(fc.record({ ...pointFields, exemplars }))

const distribution = fc
  .tuple(
    fc.record({ ...pointFields, count: uint64, exemplars }),
    fc.record({ sum: double, min: double, max: double }, { requiredKeys: [] }),
  )
  .map(([fields, optional]) => ({ ...fields, ...optional }))

/** One more count than bounds, or no counts at all. */
const explicitBuckets = fc
  .array(double, { maxLength: 4 })
  .chain((explicitBounds) =>
    fc
      .oneof(
        fc.array(uint64, { minLength: explicitBounds.length + 1, maxLength: explicitBounds.length + 1 }),
        fc.constant<bigint[]>([]),
      )
      .map((bucketCounts) => ({ explicitBounds, bucketCounts })),
  )

const histogramPoint: fc.Arbitrary<HistogramDataPoint> = fc
  .tuple(distribution, explicitBuckets)
  .map(([point, buckets]) => ({ ...point, ...buckets }))

const exponentialBuckets: fc.Arbitrary<ExponentialBuckets> = fc.record({
  offset: int32,
  bucketCounts: fc.array(uint64, { maxLength: 4 }),
})

const exponentialHistogramPoint: fc.Arbitrary<ExponentialHistogramDataPoint> = fc
  .tuple(
    distribution,
    fc.record({ scale: int32, zeroCount: uint64, zeroThreshold: double }),
    fc.record({ positive: exponentialBuckets, negative: exponentialBuckets }, { requiredKeys: [] }),
  )
  .map(([point, fields, buckets]) => ({ ...point, ...fields, ...buckets }))

const summaryPoint: fc.Arbitrary<SummaryDataPoint> = fc.record({
  ...pointFields,
  count: uint64,
  sum: double,
  quantileValues: fc.array(fc.record({ quantile: double, value: double }), { maxLength: 3 }),
})

const some = <T>(items: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(items, { maxLength: 3 })
const aggregationTemporality = enumNumber(2)

const metric: fc.Arbitrary<Metric> = fc
  .tuple(
    fc.record({
      name: fc.oneof(text, fc.constantFrom('requests', 'latency')),
      description: fc.oneof(fc.constant(''), text),
      unit: fc.oneof(fc.constantFrom('', 'ms'), text),
      metadata: fc.oneof(fc.constant<KeyValue[]>([]), keyValues),
    }),
    fc.oneof(
      fc.record({ gauge: fc.record({ dataPoints: some(numberPoint) }) }),
      fc.record({
        sum: fc.record({ dataPoints: some(numberPoint), aggregationTemporality, isMonotonic: fc.boolean() }),
      }),
      fc.record({ histogram: fc.record({ dataPoints: some(histogramPoint), aggregationTemporality }) }),
      fc.record({
        exponentialHistogram: fc.record({
          dataPoints: some(exponentialHistogramPoint),
          aggregationTemporality,
        }),
      }),
      fc.record({ summary: fc.record({ dataPoints: some(summaryPoint) }) }),
      fc.constant({}),
    ),
  )
  .map(([fields, kind]) => ({ ...fields, ...kind }))

/** What holds scopes and items in all three signals. */
const scopeOf = <Items extends object>(items: { [Name in keyof Items]: fc.Arbitrary<Items[Name]> }) =>
  fc
    .tuple(fc.record({ scope }, { requiredKeys: [] }), fc.record({ schemaUrl }), fc.record(items))
    .map(([optional, url, items]) => ({ ...optional, ...url, ...items }))
const resourceOf = <Scopes extends object>(scopes: {
  [Name in keyof Scopes]: fc.Arbitrary<Scopes[Name]>
}) =>
  fc
    .tuple(fc.record({ resource }, { requiredKeys: [] }), fc.record({ schemaUrl }), fc.record(scopes))
    .map(([optional, url, scopes]) => ({ ...optional, ...url, ...scopes }))

export const arbitraryExports: { [S in Signal]: fc.Arbitrary<ExportRequestBySignal[S]> } = {
  traces: fc.record({
    resourceSpans: some(resourceOf({ scopeSpans: some(scopeOf({ spans: some(span) })) })),
  }),
  logs: fc.record({
    resourceLogs: some(resourceOf({ scopeLogs: some(scopeOf({ logRecords: some(logRecord) })) })),
  }),
  metrics: fc.record({
    resourceMetrics: some(resourceOf({ scopeMetrics: some(scopeOf({ metrics: some(metric) })) })),
  }),
}

export const arbitraryValue: fc.Arbitrary<AnyValue> = anyValue
