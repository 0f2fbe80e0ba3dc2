import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { validateExport } from '#collector/receiver/validate.ts'
import {
  type ExportLogsServiceRequest,
  type ExportMetricsServiceRequest,
  type ExportRequestBySignal,
  type ExportTraceServiceRequest,
  type KeyValue,
  type LogRecord,
  type Metric,
  type Signal,
  type Span,
  signals,
} from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import {
  absentAttribute,
  absentWord,
  type Corpus,
  createCorpus,
  oneInMillion,
  oneInTen,
  oneInThousand,
  serviceNames,
  spansOf,
  spansPerTrace,
  wordOneInMillion,
  wordOneInTen,
  wordOneInThousand,
} from './corpus.ts'
import { indexAt } from './corpus/known-values.ts'

const startUnixNano = 1_790_000_000_000_000_000n
const hourNanos = 3_600_000_000_000
const collectionNanos = 10_000_000_000n
/** Of a request, as SDKs send them. */
const itemsPerRequest = 512

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
const total = (counts: readonly bigint[]): bigint => counts.reduce((sum, count) => sum + count, 0n)
const isBetween = (low: number, high: number) => (value: number) => value >= low && value <= high
const isNear = (target: number, share: number) => isBetween(target * (1 - share), target * (1 + share))

const valueOf = (attributes: readonly KeyValue[], key: string): string =>
  attributes.find((attribute) => attribute.key === key)?.value?.stringValue ?? ''

const countBy = <Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, number> =>
  new Map([...Map.groupBy(items, keyOf)].map(([key, { length }]) => [key, length]))

const recordsOf = (request: ExportLogsServiceRequest): LogRecord[] =>
  request.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords))

const metricsOf = (request: ExportMetricsServiceRequest): Metric[] =>
  request.resourceMetrics.flatMap(({ scopeMetrics }) => scopeMetrics.flatMap(({ metrics }) => metrics))

const textOf = ({ body }: LogRecord): string =>
  body?.stringValue ?? valueOf(body?.kvlistValue?.values ?? [], 'message')

const digest = (requests: readonly Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const request of requests) hash.update(request)
  return hash.digest('hex')
}

const encoded = <S extends Signal>(signal: S, requests: readonly ExportRequestBySignal[S][]): Uint8Array[] =>
  requests.map((request) => encodeExportRequest(signal, request))

/** Asks twice, so that what goes on from call to call is compared, too. */
const asked: Record<Signal, (corpus: Corpus) => Uint8Array[]> = {
  traces: (corpus) =>
    [0, 1].flatMap(() => encoded('traces', corpus.nextExports(20, startUnixNano, hourNanos))),
  logs: (corpus) =>
    [0, 1].flatMap(() => encoded('logs', corpus.nextLogExports(20, startUnixNano, hourNanos))),
  metrics: (corpus) => {
    corpus.nextMetricExports(startUnixNano)
    const exports = corpus.nextMetricExports(startUnixNano + collectionNanos)
    return encoded(
      'metrics',
      exports.filter((_, pod) => pod % 7 === 0),
    )
  },
}

/** As if each request held as many items as SDKs send together. */
const bytesPerItem = <S extends Signal>(
  signal: S,
  requests: readonly ExportRequestBySignal[S][],
  of: { itemCount: number; withoutItems: (request: ExportRequestBySignal[S]) => ExportRequestBySignal[S] },
): number => {
  const bytes = total(encoded(signal, requests).map(({ length }) => BigInt(length)))
  const envelopes = total(encoded(signal, requests.map(of.withoutItems)).map(({ length }) => BigInt(length)))
  return Number(bytes - envelopes) / of.itemCount + Number(envelopes) / requests.length / itemsPerRequest
}

const corpus = createCorpus(1)
const spanRequests = corpus.nextExports(1000, startUnixNano, hourNanos)
const logRequests = corpus.nextLogExports(1800, startUnixNano, hourNanos)
const metricRequests = [0n, 1n, 2n].flatMap((collection) =>
  corpus.nextMetricExports(startUnixNano + collection * collectionNanos),
)
const spans = spanRequests.flatMap(spansOf)
const records = logRequests.flatMap(recordsOf)
const metrics = metricRequests.flatMap(metricsOf)

describe('the corpus', () => {
  test('is the same for the same seed, in whatever order its signals are asked for, and another for another', () => {
    const digestsOf = (seed: number, order: readonly Signal[]): Partial<Record<Signal, string>> => {
      const corpus = createCorpus(seed)
      return Object.fromEntries(order.map((signal) => [signal, digest(asked[signal](corpus))]))
    }
    const first = digestsOf(7, ['traces', 'logs', 'metrics'])
    expect(digestsOf(7, ['metrics', 'logs', 'traces'])).toEqual(first)
    const other = digestsOf(8, ['traces', 'logs', 'metrics'])
    for (const signal of signals) expect(other[signal]).not.toBe(first[signal])
  })

  test('goes on from call to call as if it were one', () => {
    const [atOnce, inTurns] = [createCorpus(3), createCorpus(3)]
    const idsOf = (requests: ExportTraceServiceRequest[]) =>
      requests.flatMap(spansOf).map(({ spanId }) => hex(spanId))
    const turns = [4, 5].flatMap((traceCount) => idsOf(inTurns.nextExports(traceCount, startUnixNano)))
    expect(new Set(turns)).toEqual(new Set(idsOf(atOnce.nextExports(9, startUnixNano))))
  })

  test.each<[Signal, ExportRequestBySignal[Signal][]]>([
    ['traces', spanRequests],
    ['logs', logRequests],
    ['metrics', metricRequests],
  ])('has %s that the receiver takes as they are', (signal, requests) => {
    for (const request of requests) {
      const requestBytes = encodeExportRequest(signal, request).length
      const nowMillis = Number(startUnixNano / 1_000_000n)
      const retentionNanos = 3_600_000_000_000n
      const validation = validateExport(signal, request, { nowMillis, retentionNanos, requestBytes })
      expect(validation.request).toBe(request)
      expect(validation.tally.accepted).toBeGreaterThan(0)
    }
  })

  test('comes from 20 services in 200 pods with 17 resource attributes', () => {
    const resources = metricRequests.map(
      ({ resourceMetrics }) => resourceMetrics[0]?.resource?.attributes ?? [],
    )
    expect(new Set(resources.map((attributes) => valueOf(attributes, 'service.name')))).toEqual(
      new Set(serviceNames),
    )
    expect(serviceNames).toHaveLength(20)
    expect(new Set(resources.map((attributes) => valueOf(attributes, 'k8s.pod.uid'))).size).toBe(200)
    expect(new Set(resources.map(({ length }) => length))).toEqual(new Set([17]))
  })
})

describe('spans of the corpus', () => {
  const byTrace = Map.groupBy(spans, ({ traceId }) => hex(traceId))
  const byId = new Map(spans.map((span) => [hex(span.spanId), span]))
  const parentOf = (span: Span): Span | undefined => byId.get(hex(span.parentSpanId))

  const withoutSpans = ({ resourceSpans }: ExportTraceServiceRequest): ExportTraceServiceRequest => ({
    resourceSpans: resourceSpans.map((resource) => ({
      ...resource,
      scopeSpans: resource.scopeSpans.map((scope) => ({ ...scope, spans: [] })),
    })),
  })

  test('take 407 bytes and 9 attributes on average', () => {
    expect(
      bytesPerItem('traces', spanRequests, { itemCount: spans.length, withoutItems: withoutSpans }),
    ).toSatisfy(isNear(407, 0.03))
    expect(mean(spans.map(({ attributes }) => attributes.length))).toSatisfy(isNear(9, 0.03))
  })

  test('are 17 a trace, of 8 to 12 operations in most services', () => {
    expect(new Set([...byTrace.values()].map(({ length }) => length))).toEqual(new Set([spansPerTrace]))
    expect(byId.size).toBe(spans.length)
    const operations = Map.groupBy(spanRequests, ({ resourceSpans }) =>
      valueOf(resourceSpans[0]?.resource?.attributes ?? [], 'service.name'),
    )
    const operationCounts = [...operations.values()].map(
      (requests) => new Set(requests.flatMap(spansOf).map(({ name, kind }) => `${kind} ${name}`)).size,
    )
    expect(mean(operationCounts)).toSatisfy(isBetween(8, 12))
  })

  test('have all kinds, few failures and exceptions, and some links and trace states', () => {
    const shareOf = (is: (span: Span) => boolean): number => spans.filter(is).length / spans.length
    expect(new Set(spans.map(({ kind }) => kind))).toEqual(new Set([1, 2, 3, 4, 5]))
    const failed = shareOf(({ status }) => status?.code === 2 && status.message !== '')
    expect(failed).toSatisfy(isBetween(0.01, 0.02))
    expect(shareOf(({ events }) => events[0]?.name === 'exception')).toSatisfy(isBetween(0.02, 0.03))
    expect(shareOf(({ links }) => links.length > 0)).toSatisfy(isBetween(0.0002, 0.002))
    expect(shareOf(({ traceState }) => /^ot=th:8;rv:[89a-f][0-9a-f]{13}$/.test(traceState))).toSatisfy(
      isBetween(0.03, 0.07),
    )
  })

  test('lie inside their parents, and consumers behind their producers', () => {
    const misplaced = spans.filter((span) => {
      const parent = parentOf(span)
      if (span.endTimeUnixNano < span.startTimeUnixNano) return true
      if (parent === undefined) return span.parentSpanId.length > 0
      if (span.kind === 5) return parent.kind !== 4 || span.startTimeUnixNano < parent.endTimeUnixNano
      return (
        span.startTimeUnixNano < parent.startTimeUnixNano || span.endTimeUnixNano > parent.endTimeUnixNano
      )
    })
    expect(misplaced).toEqual([])
    expect(spans.filter((span) => parentOf(span) === undefined)).toHaveLength(byTrace.size)
  })

  test('have values of known frequency', () => {
    const counted = (key: string): Map<string, number> =>
      countBy(spans, ({ attributes }) => valueOf(attributes, key))
    const tenths = counted(oneInTen.key)
    const thousandths = counted(oneInThousand.key)
    const millionths = counted(oneInMillion.key)
    for (let index = 0; index < 1000; index++) {
      expect(tenths.get(oneInTen.value(index % 10))).toBe(spans.length / 10)
      expect(thousandths.get(oneInThousand.value(index))).toBe(spans.length / 1000)
    }
    expect(millionths.size).toBe(spans.length)
    for (let place = 0; place < spans.length; place++)
      expect(millionths.get(oneInMillion.value(indexAt(place, oneInMillion.valueCount)))).toBe(1)
    for (let index = 0; index < 1000; index++)
      expect(millionths.has(absentAttribute.value(index))).toBe(false)
  })
})

test('values of known frequency come once in each run of their number', () => {
  const seen = new Uint8Array(1_000_000)
  for (let place = 3_000_000; place < 4_000_000; place++) {
    const index = indexAt(place, 1_000_000)
    seen[index] = (seen[index] ?? 0) + 1
  }
  expect(seen.every((count) => count === 1)).toBe(true)
})

describe('log records of the corpus', () => {
  const withoutRecords = ({ resourceLogs }: ExportLogsServiceRequest): ExportLogsServiceRequest => ({
    resourceLogs: resourceLogs.map((resource) => ({
      ...resource,
      scopeLogs: resource.scopeLogs.map((scope) => ({ ...scope, logRecords: [] })),
    })),
  })

  test('take 377 bytes, 150 of them text, and 4 to 6 attributes', () => {
    expect(
      bytesPerItem('logs', logRequests, { itemCount: records.length, withoutItems: withoutRecords }),
    ).toSatisfy(isNear(377, 0.03))
    expect(mean(records.map((record) => textOf(record).length))).toSatisfy(isNear(150, 0.05))
    expect(mean(records.map(({ attributes }) => attributes.length))).toSatisfy(isBetween(4, 6))
  })

  test('belong to the traces of the same place: one for three spans', () => {
    const traceOf = new Map(spans.map(({ spanId, traceId }) => [hex(spanId), hex(traceId)]))
    const ofTraces = createCorpus(1).nextLogExports(1000, startUnixNano, hourNanos).flatMap(recordsOf)
    const traced = ofTraces.filter(({ traceId }) => traceId.length > 0)
    for (const { traceId, spanId } of traced) expect(traceOf.get(hex(spanId))).toBe(hex(traceId))
    expect(ofTraces.length / spans.length).toSatisfy(isNear(1 / 3, 0.05))
    expect(traced.length / ofTraces.length).toSatisfy(isBetween(0.85, 0.95))
  })

  test('are mostly information; some are events, some are structured', () => {
    const shareOf = (is: (record: LogRecord) => boolean): number => records.filter(is).length / records.length
    expect(shareOf(({ severityText }) => severityText === 'INFO')).toSatisfy(isBetween(0.65, 0.8))
    for (const severity of ['DEBUG', 'WARN', 'ERROR'])
      expect(shareOf(({ severityText }) => severityText === severity)).toSatisfy(isBetween(0.03, 0.18))
    expect(shareOf(({ eventName }) => eventName !== '')).toSatisfy(isBetween(0.03, 0.1))
    expect(shareOf(({ body }) => body?.kvlistValue !== undefined)).toSatisfy(isBetween(0.03, 0.1))
  })

  test('have words of known frequency', () => {
    const counts = countBy(
      records.flatMap((record) => [...new Set(textOf(record).split(/\W+/))]),
      (word) => word,
    )
    // The last run of ten or of a thousand may not be whole.
    for (let index = 0; index < 1000; index++) {
      const tenths = counts.get(wordOneInTen.word(index % 10)) ?? 0
      const thousandths = counts.get(wordOneInThousand.word(index)) ?? 0
      expect(tenths - Math.floor(records.length / 10)).toSatisfy(isBetween(0, 1))
      expect(thousandths - Math.floor(records.length / 1000)).toSatisfy(isBetween(0, 1))
    }
    for (let place = 0; place < records.length; place++)
      expect(counts.get(wordOneInMillion.word(indexAt(place, wordOneInMillion.wordCount)))).toBe(1)
    for (let index = 0; index < 1000; index++) expect(counts.has(absentWord.word(index))).toBe(false)
  })
})

describe('metrics of the corpus', () => {
  const pointsOf = (metric: Metric): object[] =>
    (metric.gauge ?? metric.sum ?? metric.histogram ?? metric.exponentialHistogram ?? metric.summary)
      ?.dataPoints ?? []

  test('are 40 to 60 series a pod', () => {
    for (const request of metricRequests) {
      const pointCount = metricsOf(request).reduce((sum, metric) => sum + pointsOf(metric).length, 0)
      expect(pointCount).toSatisfy(isBetween(35, 62))
    }
    expect(metrics.flatMap(pointsOf).length / metricRequests.length).toSatisfy(isBetween(40, 60))
  })

  test('are of all kinds: delta and cumulative, whole numbers and fractions, with exemplars', () => {
    const gauges = metrics.flatMap(({ gauge }) => gauge?.dataPoints ?? [])
    const histograms = metrics.flatMap(({ histogram }) => histogram?.dataPoints ?? [])
    const exponential = metrics.flatMap(({ exponentialHistogram }) => exponentialHistogram?.dataPoints ?? [])
    expect(gauges.some(({ asInt }) => asInt !== undefined)).toBe(true)
    expect(gauges.some(({ asDouble }) => asDouble !== undefined)).toBe(true)
    expect(new Set(metrics.flatMap(({ sum }) => (sum ? [sum.aggregationTemporality] : [])))).toEqual(
      new Set([1, 2]),
    )
    expect(new Set(metrics.flatMap(({ sum }) => (sum ? [sum.isMonotonic] : [])))).toEqual(
      new Set([true, false]),
    )
    expect(histograms.filter(({ explicitBounds }) => explicitBounds.length === 15).length).toBeGreaterThan(
      500,
    )
    expect(mean(exponential.map(({ positive }) => positive?.bucketCounts.length ?? 0))).toSatisfy(
      isBetween(25, 45),
    )
    expect(metrics.some(({ summary }) => (summary?.dataPoints.length ?? 0) > 0)).toBe(true)
    expect([...histograms, ...exponential].some(({ exemplars }) => exemplars.length > 0)).toBe(true)
  })

  test('count what their buckets count', () => {
    for (const point of metrics.flatMap(({ histogram }) => histogram?.dataPoints ?? []))
      expect(total(point.bucketCounts)).toBe(point.count)
    for (const point of metrics.flatMap(({ exponentialHistogram }) => exponentialHistogram?.dataPoints ?? []))
      expect(total(point.positive?.bucketCounts ?? [])).toBe(point.count)
  })

  test('grow where they are counters', () => {
    const [before, after] = [metricRequests[0], metricRequests[200]].map((request) =>
      (request === undefined ? [] : metricsOf(request)).filter(
        ({ sum }) => sum?.isMonotonic === true && sum.aggregationTemporality === 2,
      ),
    )
    expect(before?.length).toBeGreaterThan(2)
    for (const [index, metric] of (before ?? []).entries()) {
      const [point] = metric.sum?.dataPoints ?? []
      const [later] = after?.[index]?.sum?.dataPoints ?? []
      expect(later?.startTimeUnixNano).toBe(point?.startTimeUnixNano)
      expect(Number(later?.asInt ?? later?.asDouble)).toBeGreaterThanOrEqual(
        Number(point?.asInt ?? point?.asDouble),
      )
    }
  })
})
