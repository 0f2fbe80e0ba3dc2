import type {
  Exemplar,
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  Metric,
  NumberDataPoint,
  SummaryDataPoint,
} from '#telemetry/otlp/messages.ts'
import type {
  ExemplarColumns,
  ExponentialHistogramRow,
  GaugeRow,
  HistogramRow,
  SumRow,
  SummaryRow,
} from './exported-columns.ts'
import { grouped } from './group-rows.ts'

export const sentGauges = (rows: readonly GaugeRow[]): Metric[] =>
  metricsOf(rows, ({ key: _key, ...metric }, points) => ({
    ...metric,
    gauge: { dataPoints: points.map(numberPoint) },
  }))

export const sentSums = (rows: readonly SumRow[]): Metric[] =>
  metricsOf(rows, ({ key: _key, aggregationTemporality, isMonotonic, ...metric }, points) => ({
    ...metric,
    sum: { dataPoints: points.map(numberPoint), aggregationTemporality, isMonotonic },
  }))

export const sentHistograms = (rows: readonly HistogramRow[]): Metric[] =>
  metricsOf(rows, ({ key: _key, aggregationTemporality, ...metric }, points) => ({
    ...metric,
    histogram: { dataPoints: points.map(histogramPoint), aggregationTemporality },
  }))

export const sentExponentialHistograms = (rows: readonly ExponentialHistogramRow[]): Metric[] =>
  metricsOf(rows, ({ key: _key, aggregationTemporality, ...metric }, points) => ({
    ...metric,
    exponentialHistogram: { dataPoints: points.map(exponentialHistogramPoint), aggregationTemporality },
  }))

export const sentSummaries = (rows: readonly SummaryRow[]): Metric[] =>
  metricsOf(rows, ({ key: _key, ...metric }, points) => ({
    ...metric,
    summary: { dataPoints: points.map(summaryPoint) },
  }))

/** One metric for all points that are equal in what a metric says of them all. */
const metricsOf = <Row extends { metric: { key: string } }>(
  rows: readonly Row[],
  metricOf: (metric: Row['metric'], points: readonly Row[]) => Metric,
): Metric[] =>
  [...grouped(rows, (row) => row.metric.key).values()].map((points) => metricOf(points[0].metric, points))

type PointRow = Pick<GaugeRow, 'attributes' | 'startTimeUnixNano' | 'timeUnixNano' | 'flags'>

const pointOf = ({ attributes, startTimeUnixNano, timeUnixNano, flags }: PointRow) => ({
  attributes,
  startTimeUnixNano,
  timeUnixNano,
  flags,
})

const numberPoint = (row: GaugeRow | SumRow): NumberDataPoint => ({
  ...pointOf(row),
  ...numberOf(row.valueType, row.value, row.intValue),
  exemplars: exemplarsOf(row),
})

/** Values of the columns `value_type` and `exemplar_value_types`; any other: the point has no value. */
const valueTypes = { double: 1, int: 2 } as const

const numberOf = (type: number, asDouble: number, asInt: bigint): { asDouble?: number; asInt?: bigint } => {
  if (type === valueTypes.int) return { asInt }
  return type === valueTypes.double ? { asDouble } : {}
}

const distributionOf = (row: HistogramRow | ExponentialHistogramRow) => ({
  ...pointOf(row),
  count: row.count,
  ...(row.sum === undefined ? {} : { sum: row.sum }),
  ...(row.min === undefined ? {} : { min: row.min }),
  ...(row.max === undefined ? {} : { max: row.max }),
  exemplars: exemplarsOf(row),
})

const histogramPoint = (row: HistogramRow): HistogramDataPoint => ({
  ...distributionOf(row),
  bucketCounts: row.bucketCounts,
  explicitBounds: row.explicitBounds,
})

const exponentialHistogramPoint = (row: ExponentialHistogramRow): ExponentialHistogramDataPoint => ({
  ...distributionOf(row),
  scale: row.scale,
  zeroCount: row.zeroCount,
  positive: { offset: row.positiveOffset, bucketCounts: row.positiveBucketCounts },
  negative: { offset: row.negativeOffset, bucketCounts: row.negativeBucketCounts },
  zeroThreshold: row.zeroThreshold,
})

const summaryPoint = (row: SummaryRow): SummaryDataPoint => ({
  ...pointOf(row),
  count: row.count,
  sum: row.sum,
  quantileValues: row.quantiles.map((quantile, index) => ({
    quantile,
    value: row.quantileValues[index] ?? 0,
  })),
})

const noId = new Uint8Array(0)

const exemplarsOf = (row: ExemplarColumns): Exemplar[] =>
  row.exemplarTimes.map((timeUnixNano, index) => ({
    filteredAttributes: row.exemplarAttributes[index] ?? [],
    timeUnixNano,
    ...numberOf(
      row.exemplarValueTypes[index] ?? 0,
      row.exemplarValues[index] ?? 0,
      row.exemplarIntValues[index] ?? 0n,
    ),
    spanId: row.exemplarSpanIds[index] ?? noId,
    traceId: row.exemplarTraceIds[index] ?? noId,
  }))
