/**
 * The messages of OTLP 1.11 as this project holds them in memory: names as in OTLP/JSON, 64-bit integers as `bigint`,
 * ids and bytes as `Uint8Array`. A decoder fills every field with its protobuf default, so only fields that
 * protobuf itself calls optional, and the members of a oneof, may be absent.
 */
export type Signal = 'traces' | 'logs' | 'metrics'
export const signals: readonly Signal[] = ['traces', 'logs', 'metrics']

/** At most one member is set; none means an empty value, which OTLP allows. */
export interface AnyValue {
  stringValue?: string
  boolValue?: boolean
  intValue?: bigint
  doubleValue?: number
  arrayValue?: { values: AnyValue[] }
  kvlistValue?: { values: KeyValue[] }
  bytesValue?: Uint8Array
}

export interface KeyValue {
  key: string
  value?: AnyValue
}

export interface EntityRef {
  schemaUrl: string
  type: string
  idKeys: string[]
  descriptionKeys: string[]
}

export interface Resource {
  attributes: KeyValue[]
  droppedAttributesCount: number
  entityRefs: EntityRef[]
}

export interface InstrumentationScope {
  name: string
  version: string
  attributes: KeyValue[]
  droppedAttributesCount: number
}

export interface ExportTraceServiceRequest {
  resourceSpans: ResourceSpans[]
}

export interface ResourceSpans {
  resource?: Resource
  scopeSpans: ScopeSpans[]
  schemaUrl: string
}

export interface ScopeSpans {
  scope?: InstrumentationScope
  spans: Span[]
  schemaUrl: string
}

export interface Span {
  traceId: Uint8Array
  spanId: Uint8Array
  traceState: string
  parentSpanId: Uint8Array
  flags: number
  name: string
  kind: number
  startTimeUnixNano: bigint
  /** 0 while the span is still open. */
  endTimeUnixNano: bigint
  attributes: KeyValue[]
  droppedAttributesCount: number
  events: SpanEvent[]
  droppedEventsCount: number
  links: SpanLink[]
  droppedLinksCount: number
  status?: Status
}

export interface SpanEvent {
  timeUnixNano: bigint
  name: string
  attributes: KeyValue[]
  droppedAttributesCount: number
}

export interface SpanLink {
  traceId: Uint8Array
  spanId: Uint8Array
  traceState: string
  attributes: KeyValue[]
  droppedAttributesCount: number
  flags: number
}

export interface Status {
  message: string
  code: number
}

export interface ExportLogsServiceRequest {
  resourceLogs: ResourceLogs[]
}

export interface ResourceLogs {
  resource?: Resource
  scopeLogs: ScopeLogs[]
  schemaUrl: string
}

export interface ScopeLogs {
  scope?: InstrumentationScope
  logRecords: LogRecord[]
  schemaUrl: string
}

export interface LogRecord {
  timeUnixNano: bigint
  observedTimeUnixNano: bigint
  severityNumber: number
  severityText: string
  body?: AnyValue
  attributes: KeyValue[]
  droppedAttributesCount: number
  flags: number
  traceId: Uint8Array
  spanId: Uint8Array
  eventName: string
}

export interface ExportMetricsServiceRequest {
  resourceMetrics: ResourceMetrics[]
}

export interface ResourceMetrics {
  resource?: Resource
  scopeMetrics: ScopeMetrics[]
  schemaUrl: string
}

export interface ScopeMetrics {
  scope?: InstrumentationScope
  metrics: Metric[]
  schemaUrl: string
}

/** Exactly one of the five kinds is set in a valid metric. */
export interface Metric {
  name: string
  description: string
  unit: string
  metadata: KeyValue[]
  gauge?: { dataPoints: NumberDataPoint[] }
  sum?: { dataPoints: NumberDataPoint[]; aggregationTemporality: number; isMonotonic: boolean }
  histogram?: { dataPoints: HistogramDataPoint[]; aggregationTemporality: number }
  exponentialHistogram?: { dataPoints: ExponentialHistogramDataPoint[]; aggregationTemporality: number }
  summary?: { dataPoints: SummaryDataPoint[] }
}

interface DataPoint {
  attributes: KeyValue[]
  startTimeUnixNano: bigint
  timeUnixNano: bigint
  flags: number
}

export interface NumberDataPoint extends DataPoint {
  asDouble?: number
  asInt?: bigint
  exemplars: Exemplar[]
}

export interface HistogramDataPoint extends DataPoint {
  count: bigint
  sum?: number
  bucketCounts: bigint[]
  explicitBounds: number[]
  exemplars: Exemplar[]
  min?: number
  max?: number
}

export interface ExponentialHistogramDataPoint extends DataPoint {
  count: bigint
  sum?: number
  scale: number
  zeroCount: bigint
  positive?: ExponentialBuckets
  negative?: ExponentialBuckets
  exemplars: Exemplar[]
  min?: number
  max?: number
  zeroThreshold: number
}

export interface ExponentialBuckets {
  offset: number
  bucketCounts: bigint[]
}

export interface SummaryDataPoint extends DataPoint {
  count: bigint
  sum: number
  quantileValues: { quantile: number; value: number }[]
}

export interface Exemplar {
  filteredAttributes: KeyValue[]
  timeUnixNano: bigint
  asDouble?: number
  asInt?: bigint
  spanId: Uint8Array
  traceId: Uint8Array
}

export interface ExportRequestBySignal {
  traces: ExportTraceServiceRequest
  logs: ExportLogsServiceRequest
  metrics: ExportMetricsServiceRequest
}
