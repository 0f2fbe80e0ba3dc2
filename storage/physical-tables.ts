import { type Column, column } from './native-block.ts'

/**
 * The columns that the writer fills row by row, per physical table, in the types of schema/; `range` is added when a
 * block is inserted. The one place beside the schema that knows how rows lie; tests compare the two.
 */
const commonColumns = () => ({
  tenant: column.lowCardinality(),
  resource_id: column.uint64(),
  service_name: column.lowCardinality(),
  scope_name: column.lowCardinality(),
  scope_version: column.lowCardinality(),
  scope_attributes: column.textMap(),
  scope_attribute_types: column.lowCardinality(),
  scope_dropped_attributes_count: column.uint32(),
  scope_schema_url: column.lowCardinality(),
  attributes: column.textMap(),
  attribute_types: column.lowCardinality(),
  ingested_at: column.dateTimeMillis(),
})

const metricPointColumns = () => ({
  ...commonColumns(),
  metric_name: column.lowCardinality(),
  metric_description: column.lowCardinality(),
  metric_unit: column.lowCardinality(),
  metric_metadata: column.textMap(),
  metric_metadata_types: column.lowCardinality(),
  time: column.dateTimeNanos(),
  start_time_unix_nano: column.uint64(),
  flags: column.uint32(),
})

const exemplarColumns = () => ({
  'exemplars.time_unix_nano': column.array(column.uint64()),
  'exemplars.value': column.array(column.float64()),
  'exemplars.int_value': column.array(column.int64()),
  'exemplars.value_type': column.array(column.uint8()),
  'exemplars.trace_id': column.array(column.bytes()),
  'exemplars.span_id': column.array(column.bytes()),
  'exemplars.attributes': column.array(column.textMap()),
  'exemplars.attribute_types': column.array(column.lowCardinality()),
})

const numberPointColumns = () => ({
  ...metricPointColumns(),
  value: column.float64(),
  int_value: column.int64(),
  value_type: column.uint8(),
  ...exemplarColumns(),
})

const distributionColumns = () => ({
  ...metricPointColumns(),
  count: column.uint64(),
  sum: column.nullableFloat64(),
  min: column.nullableFloat64(),
  max: column.nullableFloat64(),
  aggregation_temporality: column.int32(),
  ...exemplarColumns(),
})

export const physicalTables = {
  resources: () => ({
    tenant: column.lowCardinality(),
    resource_id: column.uint64(),
    attributes: column.textMap(),
    attribute_types: column.lowCardinality(),
    dropped_attributes_count: column.uint32(),
    schema_url: column.lowCardinality(),
    entity_refs: column.text(),
    seen_at: column.dateTimeSeconds(),
  }),

  spans: () => ({
    ...commonColumns(),
    trace_id: column.fixed(16),
    service_namespace: column.lowCardinality(),
    environment: column.lowCardinality(),
    service_version: column.lowCardinality(),
    span_ids: column.fixed(16),
    trace_state: column.text(),
    sampling_threshold: column.uint64(),
    flags: column.uint32(),
    start_time: column.dateTimeNanos(),
    duration_nanos: column.int64(),
    is_open: column.bool(),
    name: column.lowCardinality(),
    kind: column.int32(),
    status_code: column.int32(),
    status_message: column.text(),
    dropped_attributes_count: column.uint32(),
    'events.time_unix_nano': column.array(column.uint64()),
    'events.name': column.array(column.lowCardinality()),
    'events.attributes': column.array(column.textMap()),
    'events.attribute_types': column.array(column.lowCardinality()),
    'events.dropped_attributes_count': column.array(column.uint32()),
    dropped_events_count: column.uint32(),
    'links.trace_id': column.array(column.bytes()),
    'links.span_id': column.array(column.bytes()),
    'links.trace_state': column.array(column.text()),
    'links.attributes': column.array(column.textMap()),
    'links.attribute_types': column.array(column.lowCardinality()),
    'links.dropped_attributes_count': column.array(column.uint32()),
    'links.flags': column.array(column.uint32()),
    dropped_links_count: column.uint32(),
  }),

  log_records: () => ({
    ...commonColumns(),
    time: column.dateTimeNanos(),
    time_source: column.uint8(),
    observed_time_unix_nano: column.uint64(),
    trace_id: column.bytes(),
    span_id: column.bytes(),
    flags: column.uint32(),
    severity_number: column.int32(),
    severity_text: column.lowCardinality(),
    body: column.text(),
    body_type: column.lowCardinality(),
    body_inner_types: column.lowCardinality(),
    event_name: column.lowCardinality(),
    dropped_attributes_count: column.uint32(),
  }),

  metric_gauge_points: numberPointColumns,

  metric_sum_points: () => ({
    ...numberPointColumns(),
    aggregation_temporality: column.int32(),
    is_monotonic: column.bool(),
  }),

  metric_histogram_points: () => ({
    ...distributionColumns(),
    bucket_counts: column.array(column.uint64()),
    explicit_bounds: column.array(column.float64()),
  }),

  metric_exp_histogram_points: () => ({
    ...distributionColumns(),
    scale: column.int32(),
    zero_count: column.uint64(),
    zero_threshold: column.float64(),
    positive_offset: column.int32(),
    positive_bucket_counts: column.array(column.uint64()),
    negative_offset: column.int32(),
    negative_bucket_counts: column.array(column.uint64()),
  }),

  metric_summary_points: () => ({
    ...metricPointColumns(),
    count: column.uint64(),
    sum: column.float64(),
    quantiles: column.array(column.float64()),
    quantile_values: column.array(column.float64()),
  }),
}

export type PhysicalTable = keyof typeof physicalTables

/** The columns of one block of a table, empty. */
export type TableColumns<Table extends PhysicalTable> = ReturnType<(typeof physicalTables)[Table]>

/** What one row of a table holds, by column. */
export type TableRow<Table extends PhysicalTable> = {
  [Name in keyof TableColumns<Table>]: TableColumns<Table>[Name] extends Column<infer Value> ? Value : never
}
