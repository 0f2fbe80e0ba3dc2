import type {
  Exemplar,
  ExponentialHistogramDataPoint,
  ExportMetricsServiceRequest,
  HistogramDataPoint,
  Metric,
  NumberDataPoint,
  SummaryDataPoint,
} from '#telemetry/otlp/messages.ts'
import { attributeColumnLists, attributeColumns } from '#collector/writer/attributes.ts'
import { type Batch, type RowOrigin, type ScopeColumns, rowOrigin, scopeColumns } from './batch.ts'
import { serviceIdentity } from '#collector/writer/service-identity.ts'

export const addMetricRows = (
  batch: Batch,
  record: { tenant: string; queuedAtMillis: number },
  request: ExportMetricsServiceRequest,
): void => {
  for (const { resource, schemaUrl, scopeMetrics } of request.resourceMetrics) {
    const service = serviceIdentity(resource)
    const origin = rowOrigin(record, batch.addResource(record.tenant, resource, schemaUrl), service)
    for (const { scope, schemaUrl: scopeSchemaUrl, metrics } of scopeMetrics) {
      const shared = scopeColumns(scope, scopeSchemaUrl)
      for (const metric of metrics)
        addPointRows(batch, { ...origin, ...shared, ...metricColumns(metric) }, metric)
    }
  }
}

const addPointRows = (batch: Batch, shared: SharedColumns, metric: Metric): void => {
  const { gauge, sum, histogram, exponentialHistogram, summary } = metric
  for (const point of gauge?.dataPoints ?? [])
    batch.addRow('metric_gauge_points', point.timeUnixNano, {
      ...shared,
      ...pointColumns(point),
      ...numberColumns(point),
      ...exemplarColumns(point.exemplars),
    })
  for (const point of sum?.dataPoints ?? [])
    batch.addRow('metric_sum_points', point.timeUnixNano, {
      ...shared,
      ...pointColumns(point),
      ...numberColumns(point),
      ...exemplarColumns(point.exemplars),
      aggregation_temporality: sum?.aggregationTemporality ?? 0,
      is_monotonic: sum?.isMonotonic ?? false,
    })
  for (const point of histogram?.dataPoints ?? [])
    batch.addRow('metric_histogram_points', point.timeUnixNano, {
      ...shared,
      ...distributionColumns(point, histogram?.aggregationTemporality ?? 0),
      bucket_counts: point.bucketCounts,
      explicit_bounds: point.explicitBounds,
    })
  for (const point of exponentialHistogram?.dataPoints ?? [])
    batch.addRow('metric_exp_histogram_points', point.timeUnixNano, {
      ...shared,
      ...distributionColumns(point, exponentialHistogram?.aggregationTemporality ?? 0),
      scale: point.scale,
      zero_count: point.zeroCount,
      zero_threshold: point.zeroThreshold,
      positive_offset: point.positive?.offset ?? 0,
      positive_bucket_counts: point.positive?.bucketCounts ?? [],
      negative_offset: point.negative?.offset ?? 0,
      negative_bucket_counts: point.negative?.bucketCounts ?? [],
    })
  for (const point of summary?.dataPoints ?? [])
    batch.addRow('metric_summary_points', point.timeUnixNano, {
      ...shared,
      ...pointColumns(point),
      count: point.count,
      sum: point.sum,
      quantiles: point.quantileValues.map(({ quantile }) => quantile),
      quantile_values: point.quantileValues.map(({ value }) => value),
    })
}

type SharedColumns = RowOrigin & ScopeColumns & ReturnType<typeof metricColumns>

const metricColumns = (metric: Metric) => {
  const { map, types } = attributeColumns(metric.metadata)
  return {
    metric_name: metric.name,
    metric_description: metric.description,
    metric_unit: metric.unit,
    metric_metadata: map,
    metric_metadata_types: types,
  }
}

const pointColumns = (
  point: NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint,
) => {
  const { map, types } = attributeColumns(point.attributes)
  return {
    attributes: map,
    attribute_types: types,
    time: point.timeUnixNano,
    start_time_unix_nano: point.startTimeUnixNano,
    flags: point.flags,
  }
}

/** Values of the columns `value_type` and `'exemplars.value_type'`. */
const valueType = { none: 0, double: 1, int: 2 } as const

const numberColumns = ({ asInt, asDouble }: { asInt?: bigint; asDouble?: number }) => {
  if (asInt !== undefined) return { value: Number(asInt), int_value: asInt, value_type: valueType.int }
  if (asDouble !== undefined) return { value: asDouble, int_value: 0n, value_type: valueType.double }
  return { value: 0, int_value: 0n, value_type: valueType.none }
}

const distributionColumns = (
  point: HistogramDataPoint | ExponentialHistogramDataPoint,
  aggregationTemporality: number,
) => ({
  ...pointColumns(point),
  count: point.count,
  sum: point.sum,
  min: point.min,
  max: point.max,
  aggregation_temporality: aggregationTemporality,
  ...exemplarColumns(point.exemplars),
})

const exemplarColumns = (exemplars: readonly Exemplar[]) => {
  const values = exemplars.map((exemplar) => numberColumns(exemplar))
  const attributes = attributeColumnLists(exemplars.map((exemplar) => exemplar.filteredAttributes))
  return {
    'exemplars.time_unix_nano': exemplars.map((exemplar) => exemplar.timeUnixNano),
    'exemplars.value': values.map(({ value }) => value),
    'exemplars.int_value': values.map(({ int_value: intValue }) => intValue),
    'exemplars.value_type': values.map(({ value_type: type }) => type),
    'exemplars.trace_id': exemplars.map((exemplar) => exemplar.traceId),
    'exemplars.span_id': exemplars.map((exemplar) => exemplar.spanId),
    'exemplars.attributes': attributes.maps,
    'exemplars.attribute_types': attributes.types,
  }
}
