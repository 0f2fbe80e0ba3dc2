/**
 * The OpenTelemetry ClickHouse exporter's own tables, for comparison: its columns, order, codecs and indexes. Traces come
 * with a choice of indexes (none, the bloom filters it makes on older engines, the text indexes of newer ones).
 */
export type ExporterIndexes = 'none' | 'bloom' | 'text'

const map = 'Map(LowCardinality(String), String) CODEC(ZSTD(1))'
const low = 'LowCardinality(String) CODEC(ZSTD(1))'
const text = 'String CODEC(ZSTD(1))'

const items = (column: string): string =>
  `arrayMap(kv -> concat(kv.1, '=', kv.2), CAST(${column}, 'Array(Tuple(String, String))'))`

const attributeIndexes = (
  indexes: Exclude<ExporterIndexes, 'none'>,
  columns: Record<string, string>,
): string[] =>
  Object.entries(columns).flatMap(([short, column]) =>
    indexes === 'bloom'
      ? [
          `INDEX idx_${short}_key mapKeys(${column}) TYPE bloom_filter(0.01) GRANULARITY 1`,
          `INDEX idx_${short}_value mapValues(${column}) TYPE bloom_filter(0.01) GRANULARITY 1`,
        ]
      : [
          `INDEX idx_${short}_key mapKeys(${column}) TYPE text(tokenizer = 'array')`,
          `INDEX idx_${short}_items ${items(column)} TYPE text(tokenizer = 'array')`,
        ],
  )

const traceIdIndex = (indexes: Exclude<ExporterIndexes, 'none'>): string =>
  indexes === 'bloom'
    ? 'INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1'
    : `INDEX idx_trace_id TraceId TYPE text(tokenizer = 'array')`

const columnList = (columns: Record<string, string>): string =>
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(',\n  ')

const traceColumns = {
  Timestamp: 'DateTime64(9) CODEC(Delta(8), ZSTD(1))',
  TraceId: text,
  SpanId: text,
  ParentSpanId: text,
  TraceState: text,
  SpanName: low,
  SpanKind: low,
  ServiceName: low,
  ResourceAttributes: map,
  ScopeName: text,
  ScopeVersion: text,
  SpanAttributes: map,
  Duration: 'UInt64 CODEC(T64, ZSTD(1))',
  StatusCode: low,
  StatusMessage: text,
  '`Events.Timestamp`': 'Array(DateTime64(9)) CODEC(ZSTD(1))',
  '`Events.Name`': 'Array(LowCardinality(String)) CODEC(ZSTD(1))',
  '`Events.Attributes`': 'Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1))',
  '`Links.TraceId`': 'Array(String) CODEC(ZSTD(1))',
  '`Links.SpanId`': 'Array(String) CODEC(ZSTD(1))',
  '`Links.TraceState`': 'Array(String) CODEC(ZSTD(1))',
  '`Links.Attributes`': 'Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1))',
}

const logColumns = {
  Timestamp: 'DateTime64(9) CODEC(Delta(8), ZSTD(1))',
  TraceId: text,
  SpanId: text,
  TraceFlags: 'UInt8',
  SeverityText: low,
  SeverityNumber: 'UInt8',
  ServiceName: low,
  Body: text,
  ResourceSchemaUrl: low,
  ResourceAttributes: map,
  ScopeSchemaUrl: low,
  ScopeName: text,
  ScopeVersion: low,
  ScopeAttributes: map,
  LogAttributes: map,
  EventName: text,
}

const pointColumns = {
  ResourceAttributes: map,
  ResourceSchemaUrl: text,
  ScopeName: text,
  ScopeVersion: text,
  ScopeAttributes: map,
  ScopeDroppedAttrCount: 'UInt32 CODEC(ZSTD(1))',
  ScopeSchemaUrl: text,
  ServiceName: low,
  MetricName: text,
  MetricDescription: text,
  MetricUnit: text,
  Attributes: map,
  StartTimeUnix: 'DateTime64(9) CODEC(Delta(8), ZSTD(1))',
  TimeUnix: 'DateTime64(9) CODEC(Delta(8), ZSTD(1))',
  Flags: 'UInt32 CODEC(ZSTD(1))',
}

const exemplarColumns = {
  '`Exemplars.FilteredAttributes`': 'Array(Map(LowCardinality(String), String)) CODEC(ZSTD(1))',
  '`Exemplars.TimeUnix`': 'Array(DateTime64(9)) CODEC(ZSTD(1))',
  '`Exemplars.Value`': 'Array(Float64) CODEC(ZSTD(1))',
  '`Exemplars.SpanId`': 'Array(String) CODEC(ZSTD(1))',
  '`Exemplars.TraceId`': 'Array(String) CODEC(ZSTD(1))',
}

const float = 'Float64 CODEC(ZSTD(1))'
const int = 'Int32 CODEC(ZSTD(1))'
const counts = 'Array(UInt64) CODEC(ZSTD(1))'

const distribution = {
  Count: 'UInt64 CODEC(Delta(8), ZSTD(1))',
  Sum: float,
  Min: float,
  Max: float,
  AggregationTemporality: int,
}

const pointKinds: Record<string, Record<string, string>> = {
  gauge: { Value: float, ...exemplarColumns },
  sum: { Value: float, AggregationTemporality: int, IsMonotonic: 'Boolean', ...exemplarColumns },
  histogram: {
    ...distribution,
    BucketCounts: counts,
    ExplicitBounds: 'Array(Float64) CODEC(ZSTD(1))',
    ...exemplarColumns,
  },
  exp_histogram: {
    ...distribution,
    Scale: int,
    ZeroCount: 'UInt64 CODEC(ZSTD(1))',
    PositiveOffset: int,
    PositiveBucketCounts: counts,
    NegativeOffset: int,
    NegativeBucketCounts: counts,
    ...exemplarColumns,
  },
  summary: {
    Count: 'UInt64 CODEC(Delta(8), ZSTD(1))',
    Sum: float,
    '`ValueAtQuantiles.Quantile`': 'Array(Float64) CODEC(ZSTD(1))',
    '`ValueAtQuantiles.Value`': 'Array(Float64) CODEC(ZSTD(1))',
  },
}

export interface ExporterTable {
  name: string
  /** The view of ours that shows the same rows. */
  view: string
  /** Our table under that view. */
  table: string
  create: string
  columns: string[]
}

export const exporterTraces = (indexes: ExporterIndexes): ExporterTable => {
  const name = `exporter_traces_${indexes}`
  const parts = [columnList(traceColumns)]
  if (indexes !== 'none')
    parts.push(
      traceIdIndex(indexes),
      ...attributeIndexes(indexes, { res_attr: 'ResourceAttributes', span_attr: 'SpanAttributes' }),
      'INDEX idx_duration Duration TYPE minmax GRANULARITY 1',
      'INDEX idx_lower_span_name lower(SpanName) TYPE tokenbf_v1(32768, 3, 0) GRANULARITY 8',
    )
  return {
    name,
    view: 'otel_traces',
    table: 'spans',
    columns: Object.keys(traceColumns),
    create: `CREATE TABLE ${name} (${parts.join(',\n  ')}) ENGINE = MergeTree PARTITION BY toDate(Timestamp)
PRIMARY KEY (ServiceName, SpanName, toDateTime(Timestamp)) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1`,
  }
}

export const exporterLogs = (): ExporterTable => ({
  name: 'exporter_logs',
  view: 'otel_logs',
  table: 'log_records',
  columns: Object.keys(logColumns),
  create: `CREATE TABLE exporter_logs (${[
    columnList(logColumns),
    traceIdIndex('text'),
    ...attributeIndexes('text', {
      res_attr: 'ResourceAttributes',
      scope_attr: 'ScopeAttributes',
      log_attr: 'LogAttributes',
    }),
    `INDEX idx_lower_body lower(Body) TYPE text(tokenizer = 'splitByNonAlpha')`,
  ].join(',\n  ')}) ENGINE = MergeTree PARTITION BY toDate(Timestamp)
ORDER BY (toStartOfFiveMinutes(Timestamp), ServiceName, Timestamp) SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1`,
})

export const exporterMetrics = (): ExporterTable[] =>
  Object.entries(pointKinds).map(([kind, own]) => {
    const columns = { ...pointColumns, ...own }
    return {
      name: `exporter_metrics_${kind}`,
      view: `otel_metrics_${kind}`,
      table: `metric_${kind}_points`,
      columns: Object.keys(columns),
      create: `CREATE TABLE exporter_metrics_${kind} (${[
        columnList(columns),
        ...attributeIndexes('bloom', {
          res_attr: 'ResourceAttributes',
          scope_attr: 'ScopeAttributes',
          attr: 'Attributes',
        }),
      ].join(',\n  ')}) ENGINE = MergeTree PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, toStartOfHour(TimeUnix), cityHash64(Attributes), TimeUnix) SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1`,
    }
  })
