-- Physical tables. Resource attributes lie once per resource, ids are binary, spans of a trace lie together.
-- `range` names the range of queued records that a row came from (see storage/range-store.ts); `ingested_at` is the
-- record's queue timestamp. `*_types` holds one letter per entry of the map before it, and
-- after those what the texts of arrays and maps do not tell (see collector/writer/attributes.ts).
-- Retention (TTL) is not here: it follows the settings and is applied at every start (storage/retention.ts).

CREATE TABLE IF NOT EXISTS resources
(
    tenant LowCardinality(String),
    resource_id UInt64,
    attributes Map(LowCardinality(String), String),
    attribute_types LowCardinality(String),
    dropped_attributes_count UInt32,
    schema_url LowCardinality(String),
    -- JSON as in OTLP, empty where there are none
    entity_refs String,
    seen_at DateTime('UTC') CODEC(Delta, ZSTD(1)),
    service_name LowCardinality(String) MATERIALIZED attributes['service.name'],
    service_namespace LowCardinality(String) MATERIALIZED attributes['service.namespace'],
    environment LowCardinality(String) MATERIALIZED if(mapContains(attributes, 'deployment.environment.name'), attributes['deployment.environment.name'], attributes['deployment.environment']),
    service_version LowCardinality(String) MATERIALIZED attributes['service.version'],
    pod_uid String MATERIALIZED attributes['k8s.pod.uid'],
    pod_name String MATERIALIZED attributes['k8s.pod.name']
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY (tenant, resource_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS spans
(
    tenant LowCardinality(String),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) CODEC(ZSTD(1)),
    parent_span_id FixedString(8) CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    start_time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    -- end minus start, negative where clocks ran backwards; 0 and is_open = true while the span has no end
    duration_nanos Int64 CODEC(T64, ZSTD(1)),
    is_open Bool CODEC(ZSTD(1)),
    name LowCardinality(String) CODEC(ZSTD(1)),
    kind Int32 CODEC(ZSTD(1)),
    status_code Int32 CODEC(ZSTD(1)),
    status_message String CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    event_times Array(UInt64) CODEC(ZSTD(1)),
    event_names Array(LowCardinality(String)) CODEC(ZSTD(1)),
    event_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    event_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    event_dropped_attributes_counts Array(UInt32) CODEC(ZSTD(1)),
    dropped_events_count UInt32 CODEC(ZSTD(1)),
    link_trace_ids Array(String) CODEC(ZSTD(1)),
    link_span_ids Array(String) CODEC(ZSTD(1)),
    link_trace_states Array(String) CODEC(ZSTD(1)),
    link_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    link_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    link_dropped_attributes_counts Array(UInt32) CODEC(ZSTD(1)),
    link_flags Array(UInt32) CODEC(ZSTD(1)),
    dropped_links_count UInt32 CODEC(ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1)),
    -- in the key, and so looked up through the view, as the text that the view shows
    INDEX trace_id_text lower(hex(trace_id)) TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(start_time)
ORDER BY (tenant, toStartOfHour(start_time), lower(hex(trace_id)), span_id)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS log_records
(
    tenant LowCardinality(String),
    -- the record's time, else its observed time, else when it was queued; time_source says which: 0, 1, 2
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    time_source UInt8 CODEC(ZSTD(1)),
    observed_time_unix_nano UInt64 CODEC(ZSTD(1)),
    -- empty where the record belongs to no trace, so that the indexed text is the one that the view shows
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    severity_number Int32 CODEC(ZSTD(1)),
    severity_text LowCardinality(String) CODEC(ZSTD(1)),
    body String CODEC(ZSTD(1)),
    body_type LowCardinality(String) CODEC(ZSTD(1)),
    body_inner_types LowCardinality(String) CODEC(ZSTD(1)),
    event_name LowCardinality(String) CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1)),
    INDEX trace_id_text lower(hex(trace_id)) TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, toStartOfFiveMinutes(time), resource_id, time)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS metric_gauge_points
(
    tenant LowCardinality(String),
    metric_name LowCardinality(String) CODEC(ZSTD(1)),
    metric_description LowCardinality(String) CODEC(ZSTD(1)),
    metric_unit LowCardinality(String) CODEC(ZSTD(1)),
    metric_metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    metric_metadata_types LowCardinality(String) CODEC(ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    -- value_type: 0 none, 1 double, 2 int; int_value is exact where value is rounded
    value Float64 CODEC(ZSTD(1)),
    int_value Int64 CODEC(ZSTD(1)),
    value_type UInt8 CODEC(ZSTD(1)),
    exemplar_times Array(UInt64) CODEC(ZSTD(1)),
    exemplar_values Array(Float64) CODEC(ZSTD(1)),
    exemplar_int_values Array(Int64) CODEC(ZSTD(1)),
    exemplar_value_types Array(UInt8) CODEC(ZSTD(1)),
    exemplar_trace_ids Array(String) CODEC(ZSTD(1)),
    exemplar_span_ids Array(String) CODEC(ZSTD(1)),
    exemplar_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    exemplar_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, metric_name, resource_id, time)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS metric_sum_points
(
    tenant LowCardinality(String),
    metric_name LowCardinality(String) CODEC(ZSTD(1)),
    metric_description LowCardinality(String) CODEC(ZSTD(1)),
    metric_unit LowCardinality(String) CODEC(ZSTD(1)),
    metric_metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    metric_metadata_types LowCardinality(String) CODEC(ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    -- value_type: 0 none, 1 double, 2 int; int_value is exact where value is rounded
    value Float64 CODEC(ZSTD(1)),
    int_value Int64 CODEC(ZSTD(1)),
    value_type UInt8 CODEC(ZSTD(1)),
    aggregation_temporality Int32 CODEC(ZSTD(1)),
    is_monotonic Bool CODEC(ZSTD(1)),
    exemplar_times Array(UInt64) CODEC(ZSTD(1)),
    exemplar_values Array(Float64) CODEC(ZSTD(1)),
    exemplar_int_values Array(Int64) CODEC(ZSTD(1)),
    exemplar_value_types Array(UInt8) CODEC(ZSTD(1)),
    exemplar_trace_ids Array(String) CODEC(ZSTD(1)),
    exemplar_span_ids Array(String) CODEC(ZSTD(1)),
    exemplar_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    exemplar_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, metric_name, resource_id, time)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS metric_histogram_points
(
    tenant LowCardinality(String),
    metric_name LowCardinality(String) CODEC(ZSTD(1)),
    metric_description LowCardinality(String) CODEC(ZSTD(1)),
    metric_unit LowCardinality(String) CODEC(ZSTD(1)),
    metric_metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    metric_metadata_types LowCardinality(String) CODEC(ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    count UInt64 CODEC(ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    explicit_bounds Array(Float64) CODEC(ZSTD(1)),
    aggregation_temporality Int32 CODEC(ZSTD(1)),
    exemplar_times Array(UInt64) CODEC(ZSTD(1)),
    exemplar_values Array(Float64) CODEC(ZSTD(1)),
    exemplar_int_values Array(Int64) CODEC(ZSTD(1)),
    exemplar_value_types Array(UInt8) CODEC(ZSTD(1)),
    exemplar_trace_ids Array(String) CODEC(ZSTD(1)),
    exemplar_span_ids Array(String) CODEC(ZSTD(1)),
    exemplar_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    exemplar_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, metric_name, resource_id, time)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS metric_exp_histogram_points
(
    tenant LowCardinality(String),
    metric_name LowCardinality(String) CODEC(ZSTD(1)),
    metric_description LowCardinality(String) CODEC(ZSTD(1)),
    metric_unit LowCardinality(String) CODEC(ZSTD(1)),
    metric_metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    metric_metadata_types LowCardinality(String) CODEC(ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    count UInt64 CODEC(ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    scale Int32 CODEC(ZSTD(1)),
    zero_count UInt64 CODEC(ZSTD(1)),
    zero_threshold Float64 CODEC(ZSTD(1)),
    positive_offset Int32 CODEC(ZSTD(1)),
    positive_bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    negative_offset Int32 CODEC(ZSTD(1)),
    negative_bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    aggregation_temporality Int32 CODEC(ZSTD(1)),
    exemplar_times Array(UInt64) CODEC(ZSTD(1)),
    exemplar_values Array(Float64) CODEC(ZSTD(1)),
    exemplar_int_values Array(Int64) CODEC(ZSTD(1)),
    exemplar_value_types Array(UInt8) CODEC(ZSTD(1)),
    exemplar_trace_ids Array(String) CODEC(ZSTD(1)),
    exemplar_span_ids Array(String) CODEC(ZSTD(1)),
    exemplar_attributes Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    exemplar_attribute_types Array(LowCardinality(String)) CODEC(ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, metric_name, resource_id, time)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE TABLE IF NOT EXISTS metric_summary_points
(
    tenant LowCardinality(String),
    metric_name LowCardinality(String) CODEC(ZSTD(1)),
    metric_description LowCardinality(String) CODEC(ZSTD(1)),
    metric_unit LowCardinality(String) CODEC(ZSTD(1)),
    metric_metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    metric_metadata_types LowCardinality(String) CODEC(ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1)),
    attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    count UInt64 CODEC(ZSTD(1)),
    sum Float64 CODEC(ZSTD(1)),
    quantiles Array(Float64) CODEC(ZSTD(1)),
    quantile_values Array(Float64) CODEC(ZSTD(1)),
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, metric_name, resource_id, time)
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

-- When each resource was seen, over all signals. Minimum and maximum may be applied twice without harm, so this table
-- stays right when a range of records is inserted again after a crash.
CREATE TABLE IF NOT EXISTS resource_sightings
(
    tenant LowCardinality(String),
    resource_id UInt64,
    day Date,
    first_seen SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    last_seen SimpleAggregateFunction(max, DateTime64(9, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toStartOfMonth(day)
ORDER BY (tenant, resource_id, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_spans TO resource_sightings AS
SELECT
    tenant,
    resource_id,
    toDate(start_time) AS day,
    min(least(start_time, toDateTime64(ingested_at, 9, 'UTC'))) AS first_seen,
    -- nobody is seen later than when the record came in; the bound of 30 days keeps the sum from wrapping around
    max(least(addNanoseconds(start_time, least(greatest(duration_nanos, 0), 2592000000000000)), toDateTime64(ingested_at, 9, 'UTC'))) AS last_seen
FROM spans GROUP BY tenant, resource_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_log_records TO resource_sightings AS
SELECT tenant, resource_id, toDate(time) AS day, min(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS first_seen, max(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS last_seen
FROM log_records GROUP BY tenant, resource_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_metric_gauge_points TO resource_sightings AS
SELECT tenant, resource_id, toDate(time) AS day, min(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS first_seen, max(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS last_seen
FROM metric_gauge_points GROUP BY tenant, resource_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_metric_sum_points TO resource_sightings AS
SELECT tenant, resource_id, toDate(time) AS day, min(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS first_seen, max(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS last_seen
FROM metric_sum_points GROUP BY tenant, resource_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_metric_histogram_points TO resource_sightings AS
SELECT tenant, resource_id, toDate(time) AS day, min(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS first_seen, max(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS last_seen
FROM metric_histogram_points GROUP BY tenant, resource_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_metric_exp_histogram_points TO resource_sightings AS
SELECT tenant, resource_id, toDate(time) AS day, min(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS first_seen, max(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS last_seen
FROM metric_exp_histogram_points GROUP BY tenant, resource_id, day;

CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_metric_summary_points TO resource_sightings AS
SELECT tenant, resource_id, toDate(time) AS day, min(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS first_seen, max(least(time, toDateTime64(ingested_at, 9, 'UTC'))) AS last_seen
FROM metric_summary_points GROUP BY tenant, resource_id, day;
