-- The OpenTelemetry ClickHouse exporter's names, as views over the tables of 003: its columns first, then what it has no
-- columns for. Readers select by name. Times are UTC. `resources` is read FINAL so that a resource that was written twice counts
-- once, and joined LEFT, because the planner then takes the newest rows first and looks up their resources only.

DROP VIEW IF EXISTS otel_traces;

CREATE VIEW otel_traces AS
SELECT
    spans.start_time AS Timestamp,
    lower(hex(spans.trace_id)) AS TraceId,
    lower(hex(substring(spans.span_ids, 1, 8))) AS SpanId,
    if(substring(spans.span_ids, 9, 8) = unhex('0000000000000000'), '', lower(hex(substring(spans.span_ids, 9, 8)))) AS ParentSpanId,
    spans.trace_state AS TraceState,
    spans.name AS SpanName,
    CAST(transform(spans.kind, [0, 1, 2, 3, 4, 5], ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'], ''), 'LowCardinality(String)') AS SpanKind,
    spans.service_name AS ServiceName,
    resource.attributes AS ResourceAttributes,
    CAST(spans.scope_name, 'String') AS ScopeName,
    CAST(spans.scope_version, 'String') AS ScopeVersion,
    spans.attributes AS SpanAttributes,
    toUInt64(greatest(spans.duration_nanos, 0)) AS Duration,
    CAST(transform(spans.status_code, [0, 1, 2], ['Unset', 'Ok', 'Error'], ''), 'LowCardinality(String)') AS StatusCode,
    spans.status_message AS StatusMessage,
    arrayMap(time -> fromUnixTimestamp64Nano(toInt64(least(time, 9223372036854775807)), 'UTC'), spans.`events.time_unix_nano`) AS `Events.Timestamp`,
    spans.`events.name` AS `Events.Name`,
    spans.`events.attributes` AS `Events.Attributes`,
    arrayMap(id -> lower(hex(id)), spans.`links.trace_id`) AS `Links.TraceId`,
    arrayMap(id -> lower(hex(id)), spans.`links.span_id`) AS `Links.SpanId`,
    spans.`links.trace_state` AS `Links.TraceState`,
    spans.`links.attributes` AS `Links.Attributes`,
    arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(resource.attributes, 'Array(Tuple(String, String))')) AS ResourceAttributeItems,
    arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(spans.attributes, 'Array(Tuple(String, String))')) AS SpanAttributeItems,
    spans.kind AS SpanKindNumber,
    spans.status_code AS StatusCodeNumber,
    spans.flags AS SpanFlags,
    spans.is_open AS IsOpen,
    spans.duration_nanos AS SignedDuration,
    spans.attribute_types AS SpanAttributeTypes,
    spans.dropped_attributes_count AS DroppedAttributesCount,
    spans.`events.time_unix_nano` AS `Events.TimeUnixNano`,
    spans.`events.attribute_types` AS `Events.AttributeTypes`,
    spans.`events.dropped_attributes_count` AS `Events.DroppedAttributesCount`,
    spans.dropped_events_count AS DroppedEventsCount,
    spans.`links.attribute_types` AS `Links.AttributeTypes`,
    spans.`links.dropped_attributes_count` AS `Links.DroppedAttributesCount`,
    spans.`links.flags` AS `Links.Flags`,
    spans.dropped_links_count AS DroppedLinksCount,
    resource.schema_url AS ResourceSchemaUrl,
    resource.attribute_types AS ResourceAttributeTypes,
    resource.dropped_attributes_count AS ResourceDroppedAttrCount,
    resource.entity_refs AS ResourceEntityRefs,
    spans.scope_attributes AS ScopeAttributes,
    spans.scope_attribute_types AS ScopeAttributeTypes,
    spans.scope_dropped_attributes_count AS ScopeDroppedAttrCount,
    spans.scope_schema_url AS ScopeSchemaUrl,
    spans.tenant AS Tenant,
    spans.ingested_at AS IngestedAt
FROM spans
LEFT JOIN (SELECT resource_id, attributes, attribute_types, dropped_attributes_count, schema_url, entity_refs FROM resources FINAL) AS resource ON resource.resource_id = spans.resource_id;

DROP VIEW IF EXISTS otel_traces_trace_id_ts;

CREATE VIEW otel_traces_trace_id_ts AS
SELECT lower(hex(trace_id)) AS TraceId, min(toDateTime(start_time)) AS Start, max(toDateTime(start_time)) AS End
FROM spans GROUP BY TraceId;

DROP VIEW IF EXISTS otel_logs;

CREATE VIEW otel_logs AS
SELECT
    logs.time AS Timestamp,
    lower(hex(logs.trace_id)) AS TraceId,
    lower(hex(logs.span_id)) AS SpanId,
    toUInt8(bitAnd(logs.flags, 255)) AS TraceFlags,
    logs.severity_text AS SeverityText,
    toUInt8(greatest(least(logs.severity_number, 255), 0)) AS SeverityNumber,
    logs.service_name AS ServiceName,
    logs.body AS Body,
    resource.schema_url AS ResourceSchemaUrl,
    resource.attributes AS ResourceAttributes,
    logs.scope_schema_url AS ScopeSchemaUrl,
    CAST(logs.scope_name, 'String') AS ScopeName,
    logs.scope_version AS ScopeVersion,
    logs.scope_attributes AS ScopeAttributes,
    logs.attributes AS LogAttributes,
    CAST(logs.event_name, 'String') AS EventName,
    arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(resource.attributes, 'Array(Tuple(String, String))')) AS ResourceAttributeItems,
    arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(logs.scope_attributes, 'Array(Tuple(String, String))')) AS ScopeAttributeItems,
    arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(logs.attributes, 'Array(Tuple(String, String))')) AS LogAttributeItems,
    toDateTime(logs.time) AS TimestampTime,
    logs.time_source AS TimeSource,
    logs.observed_time_unix_nano AS ObservedTimeUnixNano,
    logs.flags AS LogFlags,
    logs.severity_number AS ExactSeverityNumber,
    logs.body_type AS BodyType,
    logs.body_inner_types AS BodyInnerTypes,
    logs.attribute_types AS LogAttributeTypes,
    logs.dropped_attributes_count AS DroppedAttributesCount,
    resource.attribute_types AS ResourceAttributeTypes,
    resource.dropped_attributes_count AS ResourceDroppedAttrCount,
    resource.entity_refs AS ResourceEntityRefs,
    logs.scope_attribute_types AS ScopeAttributeTypes,
    logs.scope_dropped_attributes_count AS ScopeDroppedAttrCount,
    logs.tenant AS Tenant,
    logs.ingested_at AS IngestedAt
FROM log_records AS logs
LEFT JOIN (SELECT resource_id, attributes, attribute_types, dropped_attributes_count, schema_url, entity_refs FROM resources FINAL) AS resource ON resource.resource_id = logs.resource_id;

DROP VIEW IF EXISTS otel_metrics_gauge;

CREATE VIEW otel_metrics_gauge AS
SELECT
    resource.attributes AS ResourceAttributes,
    CAST(resource.schema_url, 'String') AS ResourceSchemaUrl,
    CAST(points.scope_name, 'String') AS ScopeName,
    CAST(points.scope_version, 'String') AS ScopeVersion,
    points.scope_attributes AS ScopeAttributes,
    points.scope_dropped_attributes_count AS ScopeDroppedAttrCount,
    CAST(points.scope_schema_url, 'String') AS ScopeSchemaUrl,
    points.service_name AS ServiceName,
    CAST(points.metric_name, 'String') AS MetricName,
    CAST(points.metric_description, 'String') AS MetricDescription,
    CAST(points.metric_unit, 'String') AS MetricUnit,
    points.attributes AS Attributes,
    fromUnixTimestamp64Nano(toInt64(least(points.start_time_unix_nano, 9223372036854775807)), 'UTC') AS StartTimeUnix,
    points.time AS TimeUnix,
    points.value AS Value,
    points.flags AS Flags,
    points.`exemplars.attributes` AS `Exemplars.FilteredAttributes`,
    arrayMap(time -> fromUnixTimestamp64Nano(toInt64(least(time, 9223372036854775807)), 'UTC'), points.`exemplars.time_unix_nano`) AS `Exemplars.TimeUnix`,
    points.`exemplars.value` AS `Exemplars.Value`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.span_id`) AS `Exemplars.SpanId`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.trace_id`) AS `Exemplars.TraceId`,
    points.int_value AS IntValue,
    points.value_type AS ValueType,
    points.`exemplars.time_unix_nano` AS `Exemplars.TimeUnixNano`,
    points.`exemplars.attribute_types` AS `Exemplars.FilteredAttributeTypes`,
    points.`exemplars.int_value` AS `Exemplars.IntValue`,
    points.`exemplars.value_type` AS `Exemplars.ValueType`,
    points.attribute_types AS AttributeTypes,
    points.metric_metadata AS MetricMetadata,
    points.metric_metadata_types AS MetricMetadataTypes,
    points.scope_attribute_types AS ScopeAttributeTypes,
    resource.attribute_types AS ResourceAttributeTypes,
    resource.dropped_attributes_count AS ResourceDroppedAttrCount,
    resource.entity_refs AS ResourceEntityRefs,
    points.tenant AS Tenant,
    points.ingested_at AS IngestedAt
FROM metric_gauge_points AS points
LEFT JOIN (SELECT resource_id, attributes, attribute_types, dropped_attributes_count, schema_url, entity_refs FROM resources FINAL) AS resource ON resource.resource_id = points.resource_id;

DROP VIEW IF EXISTS otel_metrics_sum;

CREATE VIEW otel_metrics_sum AS
SELECT
    resource.attributes AS ResourceAttributes,
    CAST(resource.schema_url, 'String') AS ResourceSchemaUrl,
    CAST(points.scope_name, 'String') AS ScopeName,
    CAST(points.scope_version, 'String') AS ScopeVersion,
    points.scope_attributes AS ScopeAttributes,
    points.scope_dropped_attributes_count AS ScopeDroppedAttrCount,
    CAST(points.scope_schema_url, 'String') AS ScopeSchemaUrl,
    points.service_name AS ServiceName,
    CAST(points.metric_name, 'String') AS MetricName,
    CAST(points.metric_description, 'String') AS MetricDescription,
    CAST(points.metric_unit, 'String') AS MetricUnit,
    points.attributes AS Attributes,
    fromUnixTimestamp64Nano(toInt64(least(points.start_time_unix_nano, 9223372036854775807)), 'UTC') AS StartTimeUnix,
    points.time AS TimeUnix,
    points.value AS Value,
    points.flags AS Flags,
    points.`exemplars.attributes` AS `Exemplars.FilteredAttributes`,
    arrayMap(time -> fromUnixTimestamp64Nano(toInt64(least(time, 9223372036854775807)), 'UTC'), points.`exemplars.time_unix_nano`) AS `Exemplars.TimeUnix`,
    points.`exemplars.value` AS `Exemplars.Value`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.span_id`) AS `Exemplars.SpanId`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.trace_id`) AS `Exemplars.TraceId`,
    points.aggregation_temporality AS AggregationTemporality,
    points.is_monotonic AS IsMonotonic,
    points.int_value AS IntValue,
    points.value_type AS ValueType,
    points.`exemplars.time_unix_nano` AS `Exemplars.TimeUnixNano`,
    points.`exemplars.attribute_types` AS `Exemplars.FilteredAttributeTypes`,
    points.`exemplars.int_value` AS `Exemplars.IntValue`,
    points.`exemplars.value_type` AS `Exemplars.ValueType`,
    points.attribute_types AS AttributeTypes,
    points.metric_metadata AS MetricMetadata,
    points.metric_metadata_types AS MetricMetadataTypes,
    points.scope_attribute_types AS ScopeAttributeTypes,
    resource.attribute_types AS ResourceAttributeTypes,
    resource.dropped_attributes_count AS ResourceDroppedAttrCount,
    resource.entity_refs AS ResourceEntityRefs,
    points.tenant AS Tenant,
    points.ingested_at AS IngestedAt
FROM metric_sum_points AS points
LEFT JOIN (SELECT resource_id, attributes, attribute_types, dropped_attributes_count, schema_url, entity_refs FROM resources FINAL) AS resource ON resource.resource_id = points.resource_id;

DROP VIEW IF EXISTS otel_metrics_histogram;

CREATE VIEW otel_metrics_histogram AS
SELECT
    resource.attributes AS ResourceAttributes,
    CAST(resource.schema_url, 'String') AS ResourceSchemaUrl,
    CAST(points.scope_name, 'String') AS ScopeName,
    CAST(points.scope_version, 'String') AS ScopeVersion,
    points.scope_attributes AS ScopeAttributes,
    points.scope_dropped_attributes_count AS ScopeDroppedAttrCount,
    CAST(points.scope_schema_url, 'String') AS ScopeSchemaUrl,
    points.service_name AS ServiceName,
    CAST(points.metric_name, 'String') AS MetricName,
    CAST(points.metric_description, 'String') AS MetricDescription,
    CAST(points.metric_unit, 'String') AS MetricUnit,
    points.attributes AS Attributes,
    fromUnixTimestamp64Nano(toInt64(least(points.start_time_unix_nano, 9223372036854775807)), 'UTC') AS StartTimeUnix,
    points.time AS TimeUnix,
    points.count AS Count,
    ifNull(points.sum, 0) AS Sum,
    points.bucket_counts AS BucketCounts,
    points.explicit_bounds AS ExplicitBounds,
    points.`exemplars.attributes` AS `Exemplars.FilteredAttributes`,
    arrayMap(time -> fromUnixTimestamp64Nano(toInt64(least(time, 9223372036854775807)), 'UTC'), points.`exemplars.time_unix_nano`) AS `Exemplars.TimeUnix`,
    points.`exemplars.value` AS `Exemplars.Value`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.span_id`) AS `Exemplars.SpanId`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.trace_id`) AS `Exemplars.TraceId`,
    points.flags AS Flags,
    ifNull(points.min, 0) AS Min,
    ifNull(points.max, 0) AS Max,
    points.aggregation_temporality AS AggregationTemporality,
    CAST(isNotNull(points.sum), 'Bool') AS HasSum,
    CAST(isNotNull(points.min), 'Bool') AS HasMin,
    CAST(isNotNull(points.max), 'Bool') AS HasMax,
    points.`exemplars.time_unix_nano` AS `Exemplars.TimeUnixNano`,
    points.`exemplars.attribute_types` AS `Exemplars.FilteredAttributeTypes`,
    points.`exemplars.int_value` AS `Exemplars.IntValue`,
    points.`exemplars.value_type` AS `Exemplars.ValueType`,
    points.attribute_types AS AttributeTypes,
    points.metric_metadata AS MetricMetadata,
    points.metric_metadata_types AS MetricMetadataTypes,
    points.scope_attribute_types AS ScopeAttributeTypes,
    resource.attribute_types AS ResourceAttributeTypes,
    resource.dropped_attributes_count AS ResourceDroppedAttrCount,
    resource.entity_refs AS ResourceEntityRefs,
    points.tenant AS Tenant,
    points.ingested_at AS IngestedAt
FROM metric_histogram_points AS points
LEFT JOIN (SELECT resource_id, attributes, attribute_types, dropped_attributes_count, schema_url, entity_refs FROM resources FINAL) AS resource ON resource.resource_id = points.resource_id;

DROP VIEW IF EXISTS otel_metrics_exp_histogram;

CREATE VIEW otel_metrics_exp_histogram AS
SELECT
    resource.attributes AS ResourceAttributes,
    CAST(resource.schema_url, 'String') AS ResourceSchemaUrl,
    CAST(points.scope_name, 'String') AS ScopeName,
    CAST(points.scope_version, 'String') AS ScopeVersion,
    points.scope_attributes AS ScopeAttributes,
    points.scope_dropped_attributes_count AS ScopeDroppedAttrCount,
    CAST(points.scope_schema_url, 'String') AS ScopeSchemaUrl,
    points.service_name AS ServiceName,
    CAST(points.metric_name, 'String') AS MetricName,
    CAST(points.metric_description, 'String') AS MetricDescription,
    CAST(points.metric_unit, 'String') AS MetricUnit,
    points.attributes AS Attributes,
    fromUnixTimestamp64Nano(toInt64(least(points.start_time_unix_nano, 9223372036854775807)), 'UTC') AS StartTimeUnix,
    points.time AS TimeUnix,
    points.count AS Count,
    ifNull(points.sum, 0) AS Sum,
    points.scale AS Scale,
    points.zero_count AS ZeroCount,
    points.positive_offset AS PositiveOffset,
    points.positive_bucket_counts AS PositiveBucketCounts,
    points.negative_offset AS NegativeOffset,
    points.negative_bucket_counts AS NegativeBucketCounts,
    points.`exemplars.attributes` AS `Exemplars.FilteredAttributes`,
    arrayMap(time -> fromUnixTimestamp64Nano(toInt64(least(time, 9223372036854775807)), 'UTC'), points.`exemplars.time_unix_nano`) AS `Exemplars.TimeUnix`,
    points.`exemplars.value` AS `Exemplars.Value`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.span_id`) AS `Exemplars.SpanId`,
    arrayMap(id -> lower(hex(id)), points.`exemplars.trace_id`) AS `Exemplars.TraceId`,
    points.flags AS Flags,
    ifNull(points.min, 0) AS Min,
    ifNull(points.max, 0) AS Max,
    points.aggregation_temporality AS AggregationTemporality,
    points.zero_threshold AS ZeroThreshold,
    CAST(isNotNull(points.sum), 'Bool') AS HasSum,
    CAST(isNotNull(points.min), 'Bool') AS HasMin,
    CAST(isNotNull(points.max), 'Bool') AS HasMax,
    points.`exemplars.time_unix_nano` AS `Exemplars.TimeUnixNano`,
    points.`exemplars.attribute_types` AS `Exemplars.FilteredAttributeTypes`,
    points.`exemplars.int_value` AS `Exemplars.IntValue`,
    points.`exemplars.value_type` AS `Exemplars.ValueType`,
    points.attribute_types AS AttributeTypes,
    points.metric_metadata AS MetricMetadata,
    points.metric_metadata_types AS MetricMetadataTypes,
    points.scope_attribute_types AS ScopeAttributeTypes,
    resource.attribute_types AS ResourceAttributeTypes,
    resource.dropped_attributes_count AS ResourceDroppedAttrCount,
    resource.entity_refs AS ResourceEntityRefs,
    points.tenant AS Tenant,
    points.ingested_at AS IngestedAt
FROM metric_exp_histogram_points AS points
LEFT JOIN (SELECT resource_id, attributes, attribute_types, dropped_attributes_count, schema_url, entity_refs FROM resources FINAL) AS resource ON resource.resource_id = points.resource_id;

DROP VIEW IF EXISTS otel_metrics_summary;

CREATE VIEW otel_metrics_summary AS
SELECT
    resource.attributes AS ResourceAttributes,
    CAST(resource.schema_url, 'String') AS ResourceSchemaUrl,
    CAST(points.scope_name, 'String') AS ScopeName,
    CAST(points.scope_version, 'String') AS ScopeVersion,
    points.scope_attributes AS ScopeAttributes,
    points.scope_dropped_attributes_count AS ScopeDroppedAttrCount,
    CAST(points.scope_schema_url, 'String') AS ScopeSchemaUrl,
    points.service_name AS ServiceName,
    CAST(points.metric_name, 'String') AS MetricName,
    CAST(points.metric_description, 'String') AS MetricDescription,
    CAST(points.metric_unit, 'String') AS MetricUnit,
    points.attributes AS Attributes,
    fromUnixTimestamp64Nano(toInt64(least(points.start_time_unix_nano, 9223372036854775807)), 'UTC') AS StartTimeUnix,
    points.time AS TimeUnix,
    points.count AS Count,
    points.sum AS Sum,
    points.quantiles AS `ValueAtQuantiles.Quantile`,
    points.quantile_values AS `ValueAtQuantiles.Value`,
    points.flags AS Flags,
    points.attribute_types AS AttributeTypes,
    points.metric_metadata AS MetricMetadata,
    points.metric_metadata_types AS MetricMetadataTypes,
    points.scope_attribute_types AS ScopeAttributeTypes,
    resource.attribute_types AS ResourceAttributeTypes,
    resource.dropped_attributes_count AS ResourceDroppedAttrCount,
    resource.entity_refs AS ResourceEntityRefs,
    points.tenant AS Tenant,
    points.ingested_at AS IngestedAt
FROM metric_summary_points AS points
LEFT JOIN (SELECT resource_id, attributes, attribute_types, dropped_attributes_count, schema_url, entity_refs FROM resources FINAL) AS resource ON resource.resource_id = points.resource_id;

-- The name that ClickStack and older exporters use.
DROP VIEW IF EXISTS otel_metrics_exponential_histogram;

CREATE VIEW otel_metrics_exponential_histogram AS SELECT * FROM otel_metrics_exp_histogram;
