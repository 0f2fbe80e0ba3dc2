import { type Migration, type MigrationStep, statements } from '../migrations/migration.ts'
import { moveRows } from '../migrations/move-rows.ts'
import { type Sql, sql } from '../sql.ts'

/**
 * The tables as they were settled by measurement (docs/adr/005): rows lie by five minutes, so that a short look reads
 * little; a trace's spans lie together and by time; the names of the service stand in each row, so that views over it
 * need no join to filter by service, and materialised views none to roll up. What is derived while inserting is new:
 * the search table and the rollups.
 *
 * A released migration is never changed: the text below says how tables were made then, not how they are now.
 */
export const howRowsLie = (): Migration => ({
  version: 3,
  name: '003-how-rows-lie.ts',
  steps: [
    statements('stop deriving from tables that are about to move', ...dropViews),
    withServices(moveRows({ table: 'spans', create: createSpans, columns: spanColumns, growth: 1.2 })),
    withServices(
      moveRows({ table: 'log_records', create: createLogRecords, columns: logColumns, growth: 1.5 }),
    ),
    ...pointTables.map((table) => withServices(movePoints(table))),
    statements('forget which service a resource names', sql`DROP TABLE IF EXISTS resource_services_003`),
    moveRows({ table: 'resources', create: createResources, growth: 1.1 }),
    statements('create what is derived', ...createDerived),
    deriveFromRows,
    statements('derive while inserting', ...createDerivingViews),
  ],
})

const own = (text: string): Sql => sql.ownFile(text)

const durable =
  'fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1'
/** Statistics of every column would be computed at each insert, and no query of ours asks for them. */
const rowSettings = own(`ttl_only_drop_parts = 1, auto_statistics_types = '', ${durable}`)

const pointTables = [
  'metric_gauge_points',
  'metric_sum_points',
  'metric_histogram_points',
  'metric_exp_histogram_points',
  'metric_summary_points',
] as const
const rowTables = ['spans', 'log_records', ...pointTables]

const dropViews: Sql[] = [
  ...rowTables.map((table) => own(`DROP VIEW IF EXISTS resource_sightings_from_${table}`)),
  ...[
    'otel_traces',
    'otel_traces_trace_id_ts',
    'otel_logs',
    'otel_metrics_gauge',
    'otel_metrics_sum',
    'otel_metrics_histogram',
    'otel_metrics_exponential_histogram',
    'otel_metrics_exp_histogram',
    'otel_metrics_summary',
  ].map((view) => own(`DROP VIEW IF EXISTS ${view}`)),
]

/**
 * Which service a resource names: a table of the engine Join, because rows are moved by statements that have one source. In
 * memory only: the engine does not sync the file that it would keep, and opens no store in which a loss of power has torn it.
 */
const rememberServices: Sql[] = [
  sql`DROP TABLE IF EXISTS resource_services_003`,
  own(`CREATE TABLE resource_services_003
    (resource_id UInt64, service_name String, service_namespace String, environment String, service_version String)
    ENGINE = Join(ANY, LEFT, resource_id) SETTINGS persistent = 0`),
  sql`INSERT INTO resource_services_003
    SELECT resource_id, service_name, service_namespace, environment, service_version FROM resources LIMIT 1 BY resource_id`,
]

/** Remembers anew before each move: a process that goes on with the migration of another remembers nothing. */
const withServices = (move: MigrationStep): MigrationStep => ({
  ...move,
  run: async (context) => {
    for (const statement of rememberServices) await context.store.command(statement)
    await move.run(context)
  },
})

const serviceOf = (column: string): Sql => own(`joinGet(resource_services_003, '${column}', resource_id)`)

const scopeColumns = `
    scope_name LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    scope_attribute_types LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    scope_schema_url LowCardinality(String) CODEC(ZSTD(1))`

/** With a window that asks for long matches: a fifth smaller than ZSTD(1), for a tenth more CPU of insert and merges. */
const textCodec = 'CODEC(ZSTD(3, 24))'

const attributeColumns = `
    attributes Map(LowCardinality(String), String) ${textCodec},
    attribute_types LowCardinality(String) CODEC(ZSTD(1))`

const originColumns = `
    ingested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1))`

/** The text that the views show, so that a filter on them finds the index. */
const attributeItems = `arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(attributes, 'Array(Tuple(String, String))'))`

const createSpans = (name: Sql): Sql => sql`CREATE TABLE ${name} ${own(`(
    tenant LowCardinality(String),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    -- the span's id and its parent's, side by side: a parent's id is then found a few bytes before and costs little
    span_ids FixedString(16) CODEC(ZSTD(1)),
    span_id FixedString(8) ALIAS toFixedString(substring(span_ids, 1, 8), 8),
    parent_span_id FixedString(8) ALIAS toFixedString(substring(span_ids, 9, 8), 8),
    -- where a trace lies among the others of its five minutes: its last four bytes, which senders make at random
    trace_key UInt32 ALIAS reinterpretAsUInt32(substring(trace_id, 13, 4)),
    trace_state String CODEC(ZSTD(1)),
    -- of trace_state's ot=th, left-aligned in 56 bits: 0 is a span that was sampled always
    sampling_threshold UInt64 CODEC(ZSTD(1)),
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
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    service_namespace LowCardinality(String) CODEC(ZSTD(1)),
    environment LowCardinality(String) CODEC(ZSTD(1)),
    service_version LowCardinality(String) CODEC(ZSTD(1)),${scopeColumns},${attributeColumns},
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    \`events.time_unix_nano\` Array(UInt64) CODEC(ZSTD(1)),
    \`events.name\` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    \`events.attributes\` Array(Map(LowCardinality(String), String)) ${textCodec},
    \`events.attribute_types\` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    \`events.dropped_attributes_count\` Array(UInt32) CODEC(ZSTD(1)),
    dropped_events_count UInt32 CODEC(ZSTD(1)),
    \`links.trace_id\` Array(String) CODEC(ZSTD(1)),
    \`links.span_id\` Array(String) CODEC(ZSTD(1)),
    \`links.trace_state\` Array(String) CODEC(ZSTD(1)),
    \`links.attributes\` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    \`links.attribute_types\` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    \`links.dropped_attributes_count\` Array(UInt32) CODEC(ZSTD(1)),
    \`links.flags\` Array(UInt32) CODEC(ZSTD(1)),
    dropped_links_count UInt32 CODEC(ZSTD(1)),${originColumns},
    INDEX trace_id_text lower(hex(trace_id)) TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX attribute_items ${attributeItems} TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX resource_id_seen resource_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX service_name_seen service_name TYPE set(1000) GRANULARITY 1,
    INDEX start_time_bounds start_time TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(start_time)
PRIMARY KEY (toStartOfFiveMinutes(start_time), tenant, reinterpretAsUInt32(substring(trace_id, 13, 4)))
ORDER BY (toStartOfFiveMinutes(start_time), tenant, reinterpretAsUInt32(substring(trace_id, 13, 4)), trace_id, start_time)`)}
SETTINGS ${rowSettings}`

/** As telemetry/sampling.ts reads it: the digits of the sub-key `th`, left-aligned in 56 bits. */
const samplingThreshold = own(
  `reinterpretAsUInt64(reverse(unhex(concat('00', rightPad(extract(trace_state, '(?:^|,)[[:space:]]*ot=(?:[^,=]*;)?th:([0-9a-f]{1,14})(?:[;=]|[[:space:]]*(?:,|$))'), 14, '0')))))`,
)

const spanColumns: Record<string, Sql> = {
  span_ids: sql`toFixedString(concat(span_id, parent_span_id), 16)`,
  sampling_threshold: samplingThreshold,
  service_name: serviceOf('service_name'),
  service_namespace: serviceOf('service_namespace'),
  environment: serviceOf('environment'),
  service_version: serviceOf('service_version'),
  'events.time_unix_nano': sql`event_times`,
  'events.name': sql`event_names`,
  'events.attributes': sql`event_attributes`,
  'events.attribute_types': sql`event_attribute_types`,
  'events.dropped_attributes_count': sql`event_dropped_attributes_counts`,
  'links.trace_id': sql`link_trace_ids`,
  'links.span_id': sql`link_span_ids`,
  'links.trace_state': sql`link_trace_states`,
  'links.attributes': sql`link_attributes`,
  'links.attribute_types': sql`link_attribute_types`,
  'links.dropped_attributes_count': sql`link_dropped_attributes_counts`,
  'links.flags': sql`link_flags`,
}

const createLogRecords = (name: Sql): Sql => sql`CREATE TABLE ${name} ${own(`(
    tenant LowCardinality(String),
    -- the record's time, else its observed time, else when it was queued; time_source says which: 0, 1, 2
    time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
    time_source UInt8 CODEC(ZSTD(1)),
    observed_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    -- empty where the record belongs to no trace
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    severity_number Int32 CODEC(ZSTD(1)),
    severity_text LowCardinality(String) CODEC(ZSTD(1)),
    body String ${textCodec},
    body_type LowCardinality(String) CODEC(ZSTD(1)),
    body_inner_types LowCardinality(String) CODEC(ZSTD(1)),
    event_name LowCardinality(String) CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),${scopeColumns},${attributeColumns},
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),${originColumns},
    INDEX trace_id_text lower(hex(trace_id)) TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX attribute_items ${attributeItems} TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX resource_id_seen resource_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX body_words lower(body) TYPE text(tokenizer = 'splitByNonAlpha', posting_list_codec = 'bitpacking'),
    INDEX time_bounds time TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(time)
PRIMARY KEY (toStartOfFiveMinutes(time), tenant, service_name)
ORDER BY (toStartOfFiveMinutes(time), tenant, service_name, resource_id, time)`)}
SETTINGS ${rowSettings}`

const logColumns: Record<string, Sql> = { service_name: serviceOf('service_name') }

const exemplarColumns = `
    \`exemplars.time_unix_nano\` Array(UInt64) CODEC(ZSTD(1)),
    \`exemplars.value\` Array(Float64) CODEC(ZSTD(1)),
    \`exemplars.int_value\` Array(Int64) CODEC(ZSTD(1)),
    \`exemplars.value_type\` Array(UInt8) CODEC(ZSTD(1)),
    \`exemplars.trace_id\` Array(String) CODEC(ZSTD(1)),
    \`exemplars.span_id\` Array(String) CODEC(ZSTD(1)),
    \`exemplars.attributes\` Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1)),
    \`exemplars.attribute_types\` Array(LowCardinality(String)) CODEC(ZSTD(1))`

const numberColumns = `
    -- value_type: 0 none, 1 double, 2 int; int_value is exact where value is rounded
    value Float64 CODEC(ZSTD(1)),
    int_value Int64 CODEC(ZSTD(1)),
    value_type UInt8 CODEC(ZSTD(1))`

const distributionColumns = `
    count UInt64 CODEC(ZSTD(1)),
    sum Nullable(Float64) CODEC(ZSTD(1)),
    min Nullable(Float64) CODEC(ZSTD(1)),
    max Nullable(Float64) CODEC(ZSTD(1)),
    aggregation_temporality Int32 CODEC(ZSTD(1))`

const kindColumns: Record<(typeof pointTables)[number], string> = {
  metric_gauge_points: `${numberColumns},${exemplarColumns}`,
  metric_sum_points: `${numberColumns},
    aggregation_temporality Int32 CODEC(ZSTD(1)),
    is_monotonic Bool CODEC(ZSTD(1)),${exemplarColumns}`,
  metric_histogram_points: `${distributionColumns},
    bucket_counts Array(UInt64) CODEC(ZSTD(3)),
    explicit_bounds Array(Float64) CODEC(ZSTD(1)),${exemplarColumns}`,
  metric_exp_histogram_points: `${distributionColumns},
    scale Int32 CODEC(ZSTD(1)),
    zero_count UInt64 CODEC(ZSTD(1)),
    zero_threshold Float64 CODEC(ZSTD(1)),
    positive_offset Int32 CODEC(ZSTD(1)),
    positive_bucket_counts Array(UInt64) CODEC(ZSTD(3)),
    negative_offset Int32 CODEC(ZSTD(1)),
    negative_bucket_counts Array(UInt64) CODEC(ZSTD(3)),${exemplarColumns}`,
  metric_summary_points: `
    count UInt64 CODEC(ZSTD(1)),
    sum Float64 CODEC(ZSTD(1)),
    quantiles Array(Float64) CODEC(ZSTD(1)),
    quantile_values Array(Float64) CODEC(ZSTD(1))`,
}

const exemplarsBefore: Record<string, Sql> = {
  'exemplars.time_unix_nano': sql`exemplar_times`,
  'exemplars.value': sql`exemplar_values`,
  'exemplars.int_value': sql`exemplar_int_values`,
  'exemplars.value_type': sql`exemplar_value_types`,
  'exemplars.trace_id': sql`exemplar_trace_ids`,
  'exemplars.span_id': sql`exemplar_span_ids`,
  'exemplars.attributes': sql`exemplar_attributes`,
  'exemplars.attribute_types': sql`exemplar_attribute_types`,
}

const movePoints = (table: (typeof pointTables)[number]): MigrationStep =>
  moveRows({
    table,
    growth: 1.2,
    columns: {
      service_name: serviceOf('service_name'),
      ...(table === 'metric_summary_points' ? {} : exemplarsBefore),
    },
    create: (name) => sql`CREATE TABLE ${name} ${own(`(
    tenant LowCardinality(String),
    metric_name LowCardinality(String) CODEC(ZSTD(1)),
    metric_description LowCardinality(String) CODEC(ZSTD(1)),
    metric_unit LowCardinality(String) CODEC(ZSTD(1)),
    metric_metadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    metric_metadata_types LowCardinality(String) CODEC(ZSTD(1)),
    time DateTime64(9, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    start_time_unix_nano UInt64 CODEC(Delta, ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    resource_id UInt64 CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),${scopeColumns},${attributeColumns},${kindColumns[table]},${originColumns},
    INDEX resource_id_seen resource_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toDate(time)
PRIMARY KEY (metric_name, tenant, service_name, toStartOfHour(time))
ORDER BY (metric_name, tenant, service_name, toStartOfHour(time), resource_id, cityHash64(mapKeys(attributes), mapValues(attributes)), time)`)}
SETTINGS ${rowSettings}`,
  })

const nameIndexes = ['k8s.pod.name', 'k8s.pod.uid', 'service.instance.id', 'container.id', 'host.name']
  .map(
    (key) =>
      `INDEX attribute_${key.replaceAll('.', '_')} getSubcolumn(attributes, 'key_${key}') TYPE bloom_filter(0.001) GRANULARITY 1`,
  )
  .join(',\n    ')

/**
 * Rows are looked up one by one, so granules are small. The indexes are on what the planner makes of a filter on a key of the map
 * that a view shows, so that such a filter finds them.
 */
const createResources = (name: Sql): Sql => sql`CREATE TABLE ${name} ${own(`(
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
    pod_name String MATERIALIZED attributes['k8s.pod.name'],
    ${nameIndexes},
    INDEX attribute_items ${attributeItems} TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY (tenant, resource_id)`)}
SETTINGS index_granularity = 1024, auto_statistics_types = '', ${own(durable)}`

const serviceKey = 'tenant, service_name, service_namespace, environment'
const serviceKeyColumns = `
    tenant LowCardinality(String),
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    service_namespace LowCardinality(String) CODEC(ZSTD(1)),
    environment LowCardinality(String) CODEC(ZSTD(1))`
const operationKey = `${serviceKey}, operation, kind, service_version, sampling_threshold`
const operationKeyColumns = `${serviceKeyColumns},
    operation LowCardinality(String) CODEC(ZSTD(1)),
    kind Int32 CODEC(ZSTD(1)),
    service_version LowCardinality(String) CODEC(ZSTD(1)),
    -- spans that were kept by chance stand for several: readers weigh what they count, see telemetry/sampling.ts
    sampling_threshold UInt64 CODEC(ZSTD(1))`
const timeColumn = `time DateTime('UTC') CODEC(Delta, ZSTD(1))`
const sum = (type: string): string => `SimpleAggregateFunction(sum, ${type}) CODEC(ZSTD(3))`
const measureColumns = `
    span_count ${sum('UInt64')},
    error_count ${sum('UInt64')},
    -- how many spans in which duration bucket (telemetry/duration-buckets.ts), buckets ascending
    durations SimpleAggregateFunction(sumMap, Tuple(Array(UInt16), Array(UInt64))) CODEC(ZSTD(3))`

const tiers = [
  { name: '10s', seconds: 10, partition: 'toDate(time)', near: 'toStartOfHour(time)' },
  { name: '1m', seconds: 60, partition: 'toDate(time)', near: 'toStartOfHour(time)' },
  { name: '1h', seconds: 3600, partition: 'toStartOfMonth(time)', near: 'toDate(time)' },
]

const rollupSettings = `ttl_only_drop_parts = 1, index_granularity = 1024, auto_statistics_types = '', ${durable}`

const createDerived: Sql[] = [
  own(`CREATE TABLE IF NOT EXISTS span_search
(${serviceKeyColumns},
    -- to the millisecond, and the duration to its bucket: candidates are found here, and looked at in spans
    start_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    trace_key UInt32 CODEC(ZSTD(1)),
    operation LowCardinality(String) CODEC(ZSTD(1)),
    kind Int8 CODEC(ZSTD(1)),
    is_error Bool CODEC(ZSTD(1)),
    is_root Bool CODEC(ZSTD(1)),
    duration_bucket UInt16 CODEC(T64, ZSTD(1)),
    range LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(start_time)
ORDER BY (tenant, service_name, start_time)
SETTINGS ttl_only_drop_parts = 1, auto_statistics_types = '', ${durable}`),
  own(`CREATE TABLE IF NOT EXISTS red_additions
(${operationKeyColumns},
    time_10s DateTime('UTC'),${measureColumns}
)
ENGINE = Null`),
  ...tiers.flatMap(({ name, partition, near }) => [
    own(`CREATE TABLE IF NOT EXISTS operation_red_${name}
(${operationKeyColumns},
    ${timeColumn},${measureColumns}
)
ENGINE = AggregatingMergeTree
PARTITION BY ${partition}
PRIMARY KEY (${near}, tenant, service_name)
ORDER BY (${near}, ${operationKey}, time)
SETTINGS ${rollupSettings}`),
    own(`CREATE TABLE IF NOT EXISTS service_red_${name}
(${serviceKeyColumns},
    sampling_threshold UInt64 CODEC(ZSTD(1)),
    ${timeColumn},
    span_count ${sum('UInt64')},
    -- entry spans only, of kind server or consumer; what follows counts these
    request_count ${sum('UInt64')},
    error_count ${sum('UInt64')},
    durations SimpleAggregateFunction(sumMap, Tuple(Array(UInt16), Array(UInt64))) CODEC(ZSTD(3))
)
ENGINE = AggregatingMergeTree
PARTITION BY ${partition}
PRIMARY KEY (${near}, tenant, service_name)
ORDER BY (${near}, ${serviceKey}, sampling_threshold, time)
SETTINGS ${rollupSettings}`),
  ]),
]

/** Twenty buckets an octave from a microsecond on: telemetry/duration-buckets.ts computes the same. */
const durationBucket = `toUInt16(least(719, greatest(0, floor(20 * log2(greatest(duration_nanos, 1) / 1000)))))`

const spanSearchRows = `SELECT ${serviceKey}, toDateTime64(spans.start_time, 3, 'UTC') AS start_time,
    reinterpretAsUInt32(substring(trace_id, 13, 4)) AS trace_key, name AS operation,
    toInt8(if(kind BETWEEN 0 AND 5, kind, -1)) AS kind, status_code = 2 AS is_error,
    substring(span_ids, 9, 8) = unhex('0000000000000000') AS is_root, ${durationBucket} AS duration_bucket, range
FROM spans`

/** Counted by bucket first, because one map for each span would be much dearer. Spans without an end have no duration yet. */
const redAdditions = (
  where = '',
): string => `SELECT ${operationKey}, time_10s, sum(spans_in_bucket) AS span_count, sum(errors_in_bucket) AS error_count,
    (groupArray(bucket), groupArray(spans_in_bucket)) AS durations
FROM
(
    SELECT ${serviceKey}, name AS operation, kind, service_version, sampling_threshold,
        toStartOfInterval(toDateTime(start_time), toIntervalSecond(10)) AS time_10s, ${durationBucket} AS bucket,
        count() AS spans_in_bucket, countIf(status_code = 2) AS errors_in_bucket
    FROM spans
    WHERE NOT is_open${where}
    GROUP BY ${operationKey}, time_10s, bucket
    ORDER BY bucket
)
GROUP BY ${operationKey}, time_10s`

const inTier = (seconds: number): string => `toStartOfInterval(time_10s, toIntervalSecond(${seconds}))`

const operationRed = (
  seconds: number,
  from: string,
): string => `SELECT ${operationKey}, ${inTier(seconds)} AS time,
    sum(added.span_count) AS span_count, sum(added.error_count) AS error_count,
    sumMap(added.durations) AS durations
FROM ${from} AS added GROUP BY ${operationKey}, time`

const isEntry = 'kind IN (2, 5)'

const serviceRed = (
  seconds: number,
  from: string,
): string => `SELECT ${serviceKey}, sampling_threshold, ${inTier(seconds)} AS time,
    sum(added.span_count) AS span_count, sumIf(added.span_count, ${isEntry}) AS request_count,
    sumIf(added.error_count, ${isEntry}) AS error_count,
    sumMapIf(added.durations, ${isEntry}) AS durations
FROM ${from} AS added GROUP BY ${serviceKey}, sampling_threshold, time`

const sightings = (table: string): string => {
  const start = table === 'spans' ? 'start_time' : 'time'
  const seen = `toDateTime64(ingested_at, 9, 'UTC')`
  // Nobody is seen later than when the record came in; the bound of 30 days keeps the sum from wrapping around.
  const end =
    table === 'spans'
      ? 'addNanoseconds(start_time, least(greatest(duration_nanos, 0), 2592000000000000))'
      : 'time'
  return `SELECT tenant, resource_id, toDate(${start}) AS day, min(least(${start}, ${seen})) AS first_seen,
    max(least(${end}, ${seen})) AS last_seen
FROM ${table} GROUP BY tenant, resource_id, day`
}

/** Days apart, because a span and what is derived from it lie in one day, and a day is what memory surely holds. */
const deriveFromRows: MigrationStep = {
  name: 'derive from the rows that are there',
  run: async ({ store, report }) => {
    for (const table of derivedFromSpans) await store.command(sql`TRUNCATE TABLE ${sql.identifier(table)}`)
    const days = await store.query<{ day: number; row_count: string }>(sql`
      SELECT toUInt16(toDate(start_time)) AS day, toString(count()) AS row_count FROM spans GROUP BY day ORDER BY day DESC`)
    const rowsTotal = days.reduce((total, { row_count }) => total + Number(row_count), 0)
    let rowsDone = 0
    for (const [index, { day, row_count }] of days.entries()) {
      const ofDay = ` AND toDate(spans.start_time) = toDate(${day})`
      await store.command(own(`INSERT INTO span_search ${spanSearchRows} WHERE true${ofDay}`))
      for (const { name, seconds } of tiers) {
        const additions = `(${redAdditions(ofDay)})`
        await store.command(own(`INSERT INTO operation_red_${name} ${operationRed(seconds, additions)}`))
        await store.command(own(`INSERT INTO service_red_${name} ${serviceRed(seconds, additions)}`))
      }
      rowsDone += Number(row_count)
      report({
        table: 'spans',
        partitionsDone: index + 1,
        partitionsTotal: days.length,
        rowsDone,
        rowsTotal,
      })
    }
  },
}

const derivedFromSpans = [
  'span_search',
  ...tiers.flatMap(({ name }) => [`operation_red_${name}`, `service_red_${name}`]),
]

const createDerivingViews: Sql[] = [
  ...rowTables.map((table) =>
    own(
      `CREATE MATERIALIZED VIEW IF NOT EXISTS resource_sightings_from_${table} TO resource_sightings AS ${sightings(table)}`,
    ),
  ),
  own(`CREATE MATERIALIZED VIEW IF NOT EXISTS span_search_from_spans TO span_search AS ${spanSearchRows}`),
  own(
    `CREATE MATERIALIZED VIEW IF NOT EXISTS red_additions_from_spans TO red_additions AS ${redAdditions()}`,
  ),
  ...tiers.flatMap(({ name, seconds }) => [
    own(
      `CREATE MATERIALIZED VIEW IF NOT EXISTS operation_red_${name}_from_red_additions TO operation_red_${name} AS ${operationRed(seconds, 'red_additions')}`,
    ),
    own(
      `CREATE MATERIALIZED VIEW IF NOT EXISTS service_red_${name}_from_red_additions TO service_red_${name} AS ${serviceRed(seconds, 'red_additions')}`,
    ),
  ]),
]
