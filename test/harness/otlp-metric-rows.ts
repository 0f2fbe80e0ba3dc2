/** What the `otel_metrics_*` views must show for a message; see otlp-rows.ts. */
import type {
  Exemplar,
  ExponentialHistogramDataPoint,
  ExportMetricsServiceRequest,
  HistogramDataPoint,
  KeyValue,
  Metric,
  NumberDataPoint,
  SummaryDataPoint,
} from '#telemetry/otlp/messages.ts'
import {
  dateTime,
  hex,
  nested,
  normal,
  nothingLeft,
  originColumns,
  resourceColumns,
  scopeColumns,
} from './otlp-rows.ts'
import type { ViewRow } from './read-view.ts'

export const metricViews = {
  gauge: 'otel_metrics_gauge',
  sum: 'otel_metrics_sum',
  histogram: 'otel_metrics_histogram',
  exponentialHistogram: 'otel_metrics_exp_histogram',
  summary: 'otel_metrics_summary',
} as const

export type MetricKind = keyof typeof metricViews
export const metricKinds = Object.keys(metricViews) as MetricKind[]

/** The rows of each view. A metric without data points has none: the exporter's tables hold points. */
export const metricRows = (request: ExportMetricsServiceRequest): Record<MetricKind, ViewRow[]> => {
  const rows: Record<MetricKind, ViewRow[]> = {
    gauge: [],
    sum: [],
    histogram: [],
    exponentialHistogram: [],
    summary: [],
  }
  const { resourceMetrics, ...rest } = request
  nothingLeft(rest)
  for (const { resource, schemaUrl, scopeMetrics, ...rest } of resourceMetrics) {
    nothingLeft(rest)
    const { ResourceAttributeItems: _none, ...resourceRow } = resourceColumns(resource, schemaUrl)
    for (const { scope, schemaUrl: scopeSchemaUrl, metrics, ...rest } of scopeMetrics) {
      nothingLeft(rest)
      const { ScopeAttributeItems: _none, ...scopeRow } = scopeColumns(scope, scopeSchemaUrl)
      for (const metric of metrics) {
        const points = pointRows(metric)
        for (const kind of metricKinds)
          for (const point of points[kind])
            rows[kind].push({ ...resourceRow, ...scopeRow, ...point, ...originColumns })
      }
    }
  }
  return rows
}

const pointRows = (metric: Metric): Record<MetricKind, ViewRow[]> => {
  const { name, description, unit, metadata, ...kinds } = metric
  const { gauge, sum, histogram, exponentialHistogram, summary, ...rest } = kinds
  nothingLeft(rest)
  const shared = {
    MetricName: name,
    MetricDescription: description,
    MetricUnit: unit,
    MetricMetadata: normal(metadata),
  }
  const rowsOf = <P>(
    kind: { dataPoints: P[]; aggregationTemporality?: number; isMonotonic?: boolean } | undefined,
    columns: (point: P) => ViewRow,
  ): ViewRow[] => {
    if (kind === undefined) return []
    const { dataPoints, aggregationTemporality, isMonotonic, ...rest } = kind
    nothingLeft(rest)
    const ofKind = {
      ...(aggregationTemporality === undefined ? {} : { AggregationTemporality: aggregationTemporality }),
      ...(isMonotonic === undefined ? {} : { IsMonotonic: isMonotonic }),
    }
    return dataPoints.map((point) => ({ ...shared, ...ofKind, ...columns(point) }))
  }
  return {
    gauge: rowsOf(gauge, numberColumns),
    sum: rowsOf(sum, numberColumns),
    histogram: rowsOf(histogram, histogramColumns),
    exponentialHistogram: rowsOf(exponentialHistogram, exponentialColumns),
    summary: rowsOf(summary, summaryColumns),
  }
}

interface PointFields {
  attributes: KeyValue[]
  startTimeUnixNano: bigint
  timeUnixNano: bigint
  flags: number
}

const pointColumns = ({ attributes, startTimeUnixNano, timeUnixNano, flags }: PointFields): ViewRow => ({
  Attributes: normal(attributes),
  StartTimeUnix: startTimeUnixNano,
  TimeUnix: timeUnixNano,
  Flags: flags,
})

const numberColumns = (point: NumberDataPoint): ViewRow => {
  const { attributes, startTimeUnixNano, timeUnixNano, flags, exemplars, asDouble, asInt, ...rest } = point
  nothingLeft(rest)
  return {
    ...pointColumns({ attributes, startTimeUnixNano, timeUnixNano, flags }),
    ...valueColumns(asDouble, asInt),
    ...exemplarLists(exemplars),
  }
}

const valueColumns = (asDouble: number | undefined, asInt: bigint | undefined) => ({
  Value: asInt === undefined ? (asDouble ?? 0) : Number(asInt),
  IntValue: asInt ?? 0n,
  ValueType: asInt === undefined ? (asDouble === undefined ? 0 : 1) : 2,
})

const histogramColumns = (point: HistogramDataPoint): ViewRow => {
  const { bucketCounts, explicitBounds, ...distribution } = point
  return {
    ...distributionColumns(distribution),
    BucketCounts: bucketCounts,
    ExplicitBounds: explicitBounds,
  }
}

const exponentialColumns = (point: ExponentialHistogramDataPoint): ViewRow => {
  const { scale, zeroCount, zeroThreshold, positive, negative, ...distribution } = point
  const { offset: positiveOffset, bucketCounts: positiveCounts, ...rest } = positive ?? noBuckets
  const { offset: negativeOffset, bucketCounts: negativeCounts, ...negativeRest } = negative ?? noBuckets
  nothingLeft(rest)
  nothingLeft(negativeRest)
  return {
    ...distributionColumns(distribution),
    Scale: scale,
    ZeroCount: zeroCount,
    ZeroThreshold: zeroThreshold,
    PositiveOffset: positiveOffset,
    PositiveBucketCounts: positiveCounts,
    NegativeOffset: negativeOffset,
    NegativeBucketCounts: negativeCounts,
  }
}
const noBuckets = { offset: 0, bucketCounts: [] }

const distributionColumns = (point: Omit<HistogramDataPoint, 'bucketCounts' | 'explicitBounds'>): ViewRow => {
  const { attributes, startTimeUnixNano, timeUnixNano, flags, exemplars, ...distribution } = point
  const { count, sum, min, max, ...rest } = distribution
  nothingLeft(rest)
  return {
    ...pointColumns({ attributes, startTimeUnixNano, timeUnixNano, flags }),
    ...exemplarLists(exemplars),
    Count: count,
    Sum: sum ?? 0,
    HasSum: sum !== undefined,
    Min: min ?? 0,
    HasMin: min !== undefined,
    Max: max ?? 0,
    HasMax: max !== undefined,
  }
}

const summaryColumns = (point: SummaryDataPoint): ViewRow => {
  const { attributes, startTimeUnixNano, timeUnixNano, flags, count, sum, quantileValues, ...rest } = point
  nothingLeft(rest)
  const quantiles = quantileValues.map(({ quantile, value, ...rest }) => {
    nothingLeft(rest)
    return { Quantile: quantile, Value: value }
  })
  return {
    ...pointColumns({ attributes, startTimeUnixNano, timeUnixNano, flags }),
    Count: count,
    Sum: sum,
    ...nested('ValueAtQuantiles', quantiles, ['Quantile', 'Value']),
  }
}

const exemplarLists = (exemplars: readonly Exemplar[]): ViewRow =>
  nested('Exemplars', exemplars.map(exemplarColumns), Object.keys(exemplarColumns(anyExemplar)))

const exemplarColumns = (exemplar: Exemplar) => {
  const { filteredAttributes, timeUnixNano, asDouble, asInt, spanId, traceId, ...rest } = exemplar
  nothingLeft(rest)
  return {
    FilteredAttributes: normal(filteredAttributes),
    TimeUnix: dateTime(timeUnixNano),
    TimeUnixNano: timeUnixNano,
    ...valueColumns(asDouble, asInt),
    SpanId: hex(spanId),
    TraceId: hex(traceId),
  }
}
const anyExemplar: Exemplar = {
  filteredAttributes: [],
  timeUnixNano: 0n,
  spanId: new Uint8Array(),
  traceId: new Uint8Array(),
}
