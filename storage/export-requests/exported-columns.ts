/**
 * The columns that hold what was sent, per physical table, with how each is read. What is not here the sender did not say
 * (tenant, `ingested_at`, `range`) or follows from other columns (the names of the service, `sampling_threshold`).
 */
import { sql } from '../sql.ts'
import {
  type Stored,
  type StoredRow,
  attributeLists,
  attributes,
  bool,
  bytes,
  double,
  integer,
  integer64,
  list,
  nanos,
  optionalDouble,
  rowOf,
  shared,
  text,
} from './stored-columns.ts'

export const resourceRow = rowOf({
  resourceId: text(sql`toString(resource_id)`),
  attributes: attributes(sql`attributes`, sql`attribute_types`),
  droppedAttributesCount: integer(sql`dropped_attributes_count`),
  schemaUrl: text(sql`schema_url`),
  entityRefs: text(sql`entity_refs`),
})
export type ResourceRow = Stored<typeof resourceRow>

/** Of every table but `resources`. */
const commonColumns = {
  resourceId: text(sql`toString(resource_id)`),
  scope: shared({
    name: text(sql`scope_name`),
    version: text(sql`scope_version`),
    attributes: attributes(sql`scope_attributes`, sql`scope_attribute_types`),
    droppedAttributesCount: integer(sql`scope_dropped_attributes_count`),
    schemaUrl: text(sql`scope_schema_url`),
  }),
  attributes: attributes(sql`attributes`, sql`attribute_types`),
}

export type CommonRow = StoredRow<typeof commonColumns>

export const spanRow = rowOf({
  ...commonColumns,
  traceId: bytes(sql`trace_id`),
  spanId: bytes(sql`span_id`),
  parentSpanId: bytes(sql`parent_span_id`),
  traceState: text(sql`trace_state`),
  flags: integer(sql`flags`),
  startTimeUnixNano: nanos(sql`start_time`),
  durationNanos: integer64(sql`duration_nanos`),
  isOpen: bool(sql`is_open`),
  name: text(sql`name`),
  kind: integer(sql`kind`),
  statusCode: integer(sql`status_code`),
  statusMessage: text(sql`status_message`),
  droppedAttributesCount: integer(sql`dropped_attributes_count`),
  eventTimes: list(integer64, sql`events.time_unix_nano`),
  eventNames: list(text, sql`events.name`),
  eventAttributes: attributeLists(sql`events.attributes`, sql`events.attribute_types`),
  eventDroppedAttributesCounts: list(integer, sql`events.dropped_attributes_count`),
  droppedEventsCount: integer(sql`dropped_events_count`),
  linkTraceIds: list(bytes, sql`links.trace_id`),
  linkSpanIds: list(bytes, sql`links.span_id`),
  linkTraceStates: list(text, sql`links.trace_state`),
  linkAttributes: attributeLists(sql`links.attributes`, sql`links.attribute_types`),
  linkDroppedAttributesCounts: list(integer, sql`links.dropped_attributes_count`),
  linkFlags: list(integer, sql`links.flags`),
  droppedLinksCount: integer(sql`dropped_links_count`),
})
export type SpanRow = Stored<typeof spanRow>

export const logRow = rowOf({
  ...commonColumns,
  time: nanos(sql`time`),
  timeSource: integer(sql`time_source`),
  observedTimeUnixNano: integer64(sql`observed_time_unix_nano`),
  traceId: bytes(sql`trace_id`),
  spanId: bytes(sql`span_id`),
  flags: integer(sql`flags`),
  severityNumber: integer(sql`severity_number`),
  severityText: text(sql`severity_text`),
  body: text(sql`body`),
  bodyType: text(sql`body_type`),
  bodyInnerTypes: text(sql`body_inner_types`),
  eventName: text(sql`event_name`),
  droppedAttributesCount: integer(sql`dropped_attributes_count`),
})
export type LogRow = Stored<typeof logRow>

const metricColumns = {
  name: text(sql`metric_name`),
  description: text(sql`metric_description`),
  unit: text(sql`metric_unit`),
  metadata: attributes(sql`metric_metadata`, sql`metric_metadata_types`),
}

const temporalityColumns = { aggregationTemporality: integer(sql`aggregation_temporality`) }

/** Of every table of data points. */
const pointColumns = {
  ...commonColumns,
  timeUnixNano: nanos(sql`time`),
  startTimeUnixNano: integer64(sql`start_time_unix_nano`),
  flags: integer(sql`flags`),
}

const exemplarColumns = {
  exemplarTimes: list(integer64, sql`exemplars.time_unix_nano`),
  exemplarValues: list(double, sql`exemplars.value`),
  exemplarIntValues: list(integer64, sql`exemplars.int_value`),
  exemplarValueTypes: list(integer, sql`exemplars.value_type`),
  exemplarTraceIds: list(bytes, sql`exemplars.trace_id`),
  exemplarSpanIds: list(bytes, sql`exemplars.span_id`),
  exemplarAttributes: attributeLists(sql`exemplars.attributes`, sql`exemplars.attribute_types`),
}

export type ExemplarColumns = StoredRow<typeof exemplarColumns>

const numberColumns = {
  ...pointColumns,
  value: double(sql`value`),
  intValue: integer64(sql`int_value`),
  valueType: integer(sql`value_type`),
  ...exemplarColumns,
}

export const gaugeRow = rowOf({ ...numberColumns, metric: shared(metricColumns) })
export type GaugeRow = Stored<typeof gaugeRow>

export const sumRow = rowOf({
  ...numberColumns,
  metric: shared({ ...metricColumns, ...temporalityColumns, isMonotonic: bool(sql`is_monotonic`) }),
})
export type SumRow = Stored<typeof sumRow>

const distributionColumns = {
  ...pointColumns,
  count: integer64(sql`count`),
  sum: optionalDouble(sql`sum`),
  min: optionalDouble(sql`min`),
  max: optionalDouble(sql`max`),
  metric: shared({ ...metricColumns, ...temporalityColumns }),
  ...exemplarColumns,
}

export const histogramRow = rowOf({
  ...distributionColumns,
  bucketCounts: list(integer64, sql`bucket_counts`),
  explicitBounds: list(double, sql`explicit_bounds`),
})
export type HistogramRow = Stored<typeof histogramRow>

export const exponentialHistogramRow = rowOf({
  ...distributionColumns,
  scale: integer(sql`scale`),
  zeroCount: integer64(sql`zero_count`),
  zeroThreshold: double(sql`zero_threshold`),
  positiveOffset: integer(sql`positive_offset`),
  positiveBucketCounts: list(integer64, sql`positive_bucket_counts`),
  negativeOffset: integer(sql`negative_offset`),
  negativeBucketCounts: list(integer64, sql`negative_bucket_counts`),
})
export type ExponentialHistogramRow = Stored<typeof exponentialHistogramRow>

export const summaryRow = rowOf({
  ...pointColumns,
  metric: shared(metricColumns),
  count: integer64(sql`count`),
  sum: double(sql`sum`),
  quantiles: list(double, sql`quantiles`),
  quantileValues: list(double, sql`quantile_values`),
})
export type SummaryRow = Stored<typeof summaryRow>
