/** The columns that readers of the OpenTelemetry ClickHouse exporter's tables select, by table: name and type. */

const attributes = 'Map(LowCardinality(String), String)'
const items = 'Array(String)'
const list = (type: string): string => `Array(${type})`

const traces = {
  Timestamp: 'DateTime64(9)',
  TraceId: 'String',
  SpanId: 'String',
  ParentSpanId: 'String',
  TraceState: 'String',
  SpanName: 'LowCardinality(String)',
  SpanKind: 'LowCardinality(String)',
  ServiceName: 'LowCardinality(String)',
  ResourceAttributes: attributes,
  ScopeName: 'String',
  ScopeVersion: 'String',
  SpanAttributes: attributes,
  Duration: 'UInt64',
  StatusCode: 'LowCardinality(String)',
  StatusMessage: 'String',
  'Events.Timestamp': list('DateTime64(9)'),
  'Events.Name': list('LowCardinality(String)'),
  'Events.Attributes': list(attributes),
  'Links.TraceId': list('String'),
  'Links.SpanId': list('String'),
  'Links.TraceState': list('String'),
  'Links.Attributes': list(attributes),
  ResourceAttributeItems: items,
  SpanAttributeItems: items,
}

const logs = {
  Timestamp: 'DateTime64(9)',
  TraceId: 'String',
  SpanId: 'String',
  TraceFlags: 'UInt8',
  SeverityText: 'LowCardinality(String)',
  SeverityNumber: 'UInt8',
  ServiceName: 'LowCardinality(String)',
  Body: 'String',
  ResourceSchemaUrl: 'LowCardinality(String)',
  ResourceAttributes: attributes,
  ScopeSchemaUrl: 'LowCardinality(String)',
  ScopeName: 'String',
  ScopeVersion: 'LowCardinality(String)',
  ScopeAttributes: attributes,
  LogAttributes: attributes,
  EventName: 'String',
  ResourceAttributeItems: items,
  ScopeAttributeItems: items,
  LogAttributeItems: items,
  // Of the older generation; Grafana detects it and then filters by it.
  TimestampTime: 'DateTime',
}

const metric = {
  ResourceAttributes: attributes,
  ResourceSchemaUrl: 'String',
  ScopeName: 'String',
  ScopeVersion: 'String',
  ScopeAttributes: attributes,
  ScopeDroppedAttrCount: 'UInt32',
  ScopeSchemaUrl: 'String',
  ServiceName: 'LowCardinality(String)',
  MetricName: 'String',
  MetricDescription: 'String',
  MetricUnit: 'String',
  Attributes: attributes,
  StartTimeUnix: 'DateTime64(9)',
  TimeUnix: 'DateTime64(9)',
}

const exemplars = {
  'Exemplars.FilteredAttributes': list(attributes),
  'Exemplars.TimeUnix': list('DateTime64(9)'),
  'Exemplars.Value': list('Float64'),
  'Exemplars.SpanId': list('String'),
  'Exemplars.TraceId': list('String'),
}

const number = { ...metric, Value: 'Float64', Flags: 'UInt32', ...exemplars }

const distribution = { ...metric, Count: 'UInt64', Sum: 'Float64' }

const endOfDistribution = {
  ...exemplars,
  Flags: 'UInt32',
  Min: 'Float64',
  Max: 'Float64',
  AggregationTemporality: 'Int32',
}

const exponentialHistogram = {
  ...distribution,
  Scale: 'Int32',
  ZeroCount: 'UInt64',
  PositiveOffset: 'Int32',
  PositiveBucketCounts: list('UInt64'),
  NegativeOffset: 'Int32',
  NegativeBucketCounts: list('UInt64'),
  ...endOfDistribution,
}

/** In the order of the exporter's tables. */
export const exporterColumns: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  otel_traces: traces,
  otel_traces_trace_id_ts: { TraceId: 'String', Start: 'DateTime', End: 'DateTime' },
  otel_logs: logs,
  otel_metrics_gauge: number,
  otel_metrics_sum: { ...number, AggregationTemporality: 'Int32', IsMonotonic: 'Bool' },
  otel_metrics_histogram: {
    ...distribution,
    BucketCounts: list('UInt64'),
    ExplicitBounds: list('Float64'),
    ...endOfDistribution,
  },
  otel_metrics_exp_histogram: exponentialHistogram,
  otel_metrics_exponential_histogram: exponentialHistogram,
  otel_metrics_summary: {
    ...metric,
    Count: 'UInt64',
    Sum: 'Float64',
    'ValueAtQuantiles.Quantile': list('Float64'),
    'ValueAtQuantiles.Value': list('Float64'),
    Flags: 'UInt32',
  },
}
