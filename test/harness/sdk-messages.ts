/**
 * The OTLP messages that the SDK's telemetry has to become, after the specification and not after the exporters' own
 * code. Every field is taken out of the SDK's objects; one that is left over is an error (see otlp-rows.ts).
 */
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type ExponentialHistogram,
  type Histogram,
  type MetricData,
} from '@opentelemetry/sdk-metrics'
import type {
  AnyValue,
  ExponentialHistogramDataPoint,
  ExportLogsServiceRequest,
  ExportMetricsServiceRequest,
  ExportTraceServiceRequest,
  HistogramDataPoint,
  InstrumentationScope,
  KeyValue,
  LogRecord,
  Metric,
  NumberDataPoint,
  Resource,
  Span,
} from '#telemetry/otlp/messages.ts'
import { nothingLeft } from './otlp-rows.ts'
import type {
  RecordedContext,
  RecordedLog,
  RecordedMetrics,
  RecordedResource,
  RecordedScope,
  RecordedSpan,
} from './sdk-telemetry.ts'

export const traceMessage = (spans: readonly RecordedSpan[]): ExportTraceServiceRequest => ({
  resourceSpans: spans.map(({ resource, instrumentationScope, ...span }) => ({
    ...resourceMessage(resource),
    scopeSpans: [{ ...scopeMessage(instrumentationScope), spans: [spanMessage(span)] }],
  })),
})

export const logsMessage = (logs: readonly RecordedLog[]): ExportLogsServiceRequest => ({
  resourceLogs: logs.map(({ resource, instrumentationScope, ...log }) => ({
    ...resourceMessage(resource),
    scopeLogs: [{ ...scopeMessage(instrumentationScope), logRecords: [logMessage(log)] }],
  })),
})

export const metricsMessage = (collections: readonly RecordedMetrics[]): ExportMetricsServiceRequest => ({
  resourceMetrics: collections.map(({ resource, scopeMetrics, ...rest }) => {
    nothingLeft(rest)
    return {
      ...resourceMessage(resource),
      scopeMetrics: scopeMetrics.map(({ scope, metrics, ...rest }) => {
        nothingLeft(rest)
        return { ...scopeMessage(scope), metrics: metrics.map(metricMessage) }
      }),
    }
  }),
})

const resourceMessage = ({ attributes, schemaUrl, ...rest }: RecordedResource) => {
  nothingLeft(rest)
  const resource: Resource = { attributes: keyValues(attributes), droppedAttributesCount: 0, entityRefs: [] }
  return { resource, schemaUrl: schemaUrl ?? '' }
}

const scopeMessage = (recorded: RecordedScope) => {
  const { name, version, schemaUrl, attributes, droppedAttributesCount, ...rest } = recorded
  nothingLeft(rest)
  const scope: InstrumentationScope = {
    name,
    version: version ?? '',
    attributes: keyValues(attributes),
    droppedAttributesCount: droppedAttributesCount ?? 0,
  }
  return { scope, schemaUrl: schemaUrl ?? '' }
}

const spanMessage = (recorded: Omit<RecordedSpan, 'resource' | 'instrumentationScope'>): Span => {
  const { name, kind, spanContext, parentSpanContext, startTime, endTime, duration, ended, ...others } =
    recorded
  const { status, attributes, links, events, ...counts } = others
  const { droppedAttributesCount, droppedEventsCount, droppedLinksCount, ...rest } = counts
  nothingLeft(rest)
  if (!ended || nanos(endTime) - nanos(startTime) !== nanos(duration))
    throw new Error(`the span ${name} has no end, or another than its duration says`)
  return {
    ...ids(spanContext),
    traceState: spanContext.traceState,
    parentSpanId: Uint8Array.from(Buffer.from(parentSpanContext?.spanId ?? '', 'hex')),
    flags: contextFlags(spanContext.traceFlags, parentSpanContext?.isRemote),
    name,
    // The SDK counts from INTERNAL = 0, OTLP from UNSPECIFIED = 0.
    kind: kind + 1,
    startTimeUnixNano: nanos(startTime),
    endTimeUnixNano: nanos(endTime),
    attributes: keyValues(attributes),
    droppedAttributesCount,
    events: events.map(({ time, name, attributes, droppedAttributesCount, ...rest }) => {
      nothingLeft(rest)
      const dropped = { droppedAttributesCount: droppedAttributesCount ?? 0 }
      return { timeUnixNano: nanos(time), name, attributes: keyValues(attributes), ...dropped }
    }),
    droppedEventsCount,
    links: links.map(({ context, attributes, droppedAttributesCount, ...rest }) => {
      nothingLeft(rest)
      return {
        ...ids(context),
        traceState: context.traceState,
        attributes: keyValues(attributes),
        droppedAttributesCount: droppedAttributesCount ?? 0,
        flags: contextFlags(context.traceFlags, context.isRemote),
      }
    }),
    droppedLinksCount,
    status: { code: status.code, message: status.message ?? '' },
  }
}

const logMessage = (recorded: Omit<RecordedLog, 'resource' | 'instrumentationScope'>): LogRecord => {
  const { hrTime, hrTimeObserved, spanContext, severityText, severityNumber, body, ...others } = recorded
  const { eventName, attributes, droppedAttributesCount, ...rest } = others
  nothingLeft(rest)
  return {
    timeUnixNano: nanos(hrTime),
    observedTimeUnixNano: nanos(hrTimeObserved),
    severityNumber: severityNumber ?? 0,
    severityText: severityText ?? '',
    body: anyValue(body),
    attributes: keyValues(attributes),
    droppedAttributesCount,
    flags: spanContext?.traceFlags ?? 0,
    ...ids(spanContext ?? { traceId: '', spanId: '' }),
    eventName: eventName ?? '',
  }
}

const metricMessage = (metric: MetricData): Metric => {
  // What else a descriptor has (kind of instrument, advice) steers the SDK and is no part of OTLP.
  const { name, description, unit, valueType } = metric.descriptor
  const shared = { name, description, unit, metadata: [] }
  const aggregationTemporality = metric.aggregationTemporality === AggregationTemporality.DELTA ? 1 : 2
  if (metric.dataPointType === DataPointType.GAUGE)
    return { ...shared, gauge: { dataPoints: metric.dataPoints.map(numberPoint(valueType)) } }
  if (metric.dataPointType === DataPointType.SUM) {
    const dataPoints = metric.dataPoints.map(numberPoint(valueType))
    return { ...shared, sum: { dataPoints, aggregationTemporality, isMonotonic: metric.isMonotonic } }
  }
  if (metric.dataPointType === DataPointType.HISTOGRAM) {
    const dataPoints = metric.dataPoints.map(histogramPoint)
    return { ...shared, histogram: { dataPoints, aggregationTemporality } }
  }
  const dataPoints = metric.dataPoints.map(exponentialPoint)
  return { ...shared, exponentialHistogram: { dataPoints, aggregationTemporality } }
}

const histogramPoint = (point: DataPoint<Histogram>): HistogramDataPoint => {
  const { buckets, count, sum, min, max, ...rest } = point.value
  nothingLeft(rest)
  return {
    ...pointMessage(point),
    ...distribution({ count, sum, min, max }),
    bucketCounts: buckets.counts.map(BigInt),
    explicitBounds: buckets.boundaries,
  }
}

const exponentialPoint = (point: DataPoint<ExponentialHistogram>): ExponentialHistogramDataPoint => {
  const { positive, negative, scale, zeroCount, count, sum, min, max, ...rest } = point.value
  nothingLeft(rest)
  return {
    ...pointMessage(point),
    ...distribution({ count, sum, min, max }),
    scale,
    zeroCount: BigInt(zeroCount),
    zeroThreshold: 0,
    positive: { offset: positive.offset, bucketCounts: positive.bucketCounts.map(BigInt) },
    negative: { offset: negative.offset, bucketCounts: negative.bucketCounts.map(BigInt) },
  }
}

/** SDK 3.1 keeps no exemplars. */
const pointMessage = ({ startTime, endTime, attributes, value: _value, ...rest }: DataPoint<unknown>) => {
  nothingLeft(rest)
  return {
    attributes: keyValues(attributes),
    startTimeUnixNano: nanos(startTime),
    timeUnixNano: nanos(endTime),
    flags: 0,
    exemplars: [],
  }
}

const numberPoint =
  (valueType: ValueType) =>
  (point: DataPoint<number>): NumberDataPoint => ({
    ...pointMessage(point),
    ...(valueType === ValueType.INT ? { asInt: BigInt(point.value) } : { asDouble: point.value }),
  })

const distribution = (value: {
  count: number
  sum: number | undefined
  min: number | undefined
  max: number | undefined
}) => ({
  count: BigInt(value.count),
  ...(value.sum === undefined ? {} : { sum: value.sum }),
  ...(value.min === undefined ? {} : { min: value.min }),
  ...(value.max === undefined ? {} : { max: value.max }),
})

const nanos = ([seconds, nanos]: HrTime): bigint => BigInt(seconds) * 1_000_000_000n + BigInt(nanos)

const ids = ({ traceId, spanId }: Pick<RecordedContext, 'traceId' | 'spanId'>) => ({
  traceId: Uint8Array.from(Buffer.from(traceId, 'hex')),
  spanId: Uint8Array.from(Buffer.from(spanId, 'hex')),
})

/** W3C's flags, and 0x100: 0x200 tells whether the context came from another process. */
const contextFlags = (traceFlags: number, isRemote = false): number =>
  (traceFlags & 0xff) | 0x100 | (isRemote ? 0x200 : 0)

const keyValues = (attributes: Attributes = {}): KeyValue[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))

const anyValue = (value: unknown): AnyValue => {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value }
  if (value instanceof Uint8Array) return { bytesValue: Uint8Array.from(value) }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  if (typeof value === 'object' && value !== null) return { kvlistValue: { values: keyValues({ ...value }) } }
  return {}
}
