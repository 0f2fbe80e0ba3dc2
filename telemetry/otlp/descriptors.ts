/**
 * What OTLP 1.11's messages look like, once: field number, name, kind and presence. The protobuf and the JSON codec
 * both walk this table, so that a field added here is known to both.
 */
import type {
  AnyValue,
  EntityRef,
  Exemplar,
  ExponentialBuckets,
  ExponentialHistogramDataPoint,
  ExportRequestBySignal,
  HistogramDataPoint,
  InstrumentationScope,
  KeyValue,
  LogRecord,
  Metric,
  NumberDataPoint,
  Resource,
  ResourceLogs,
  ResourceMetrics,
  ResourceSpans,
  ScopeLogs,
  ScopeMetrics,
  ScopeSpans,
  Signal,
  Span,
  SpanEvent,
  SpanLink,
  Status,
  SummaryDataPoint,
} from './messages.ts'

/** Protobuf's scalar types; `hexId` is bytes that JSON writes as hex instead of base64, `enum` is int32 without names. */
export type ScalarKind =
  | 'string'
  | 'bytes'
  | 'hexId'
  | 'bool'
  | 'enum'
  | 'int32'
  | 'uint32'
  | 'sint32'
  | 'fixed32'
  | 'int64'
  | 'uint64'
  | 'fixed64'
  | 'sfixed64'
  | 'double'

/**
 * `implicit`: absent means the default. `optional`: absence is a value of its own. `oneof`: at most one of the
 * message's oneof fields is set (no OTLP message has two oneofs). Singular messages are optional by nature.
 */
export type Presence = 'implicit' | 'optional' | 'oneof' | 'repeated'

export interface Field {
  number: number
  name: string
  kind: ScalarKind | 'message'
  /** Set where `kind` is 'message'. */
  message: Descriptor | undefined
  presence: Presence
}

export interface Descriptor<T extends object = object> {
  /** A message with every field at its default. Always the same shape, so that engines keep one hidden class. */
  create: () => T
  /** In ascending order of numbers. */
  fields: readonly Field[]
  /** The names of the oneof's members; empty without a oneof. */
  oneofNames: readonly string[]
  role: Role
}

/** An item is what partial success counts (a span, a log record, a data point), a container is what holds items. */
export type Role = 'item' | 'container' | 'part'

type FieldSpec<T> = readonly [
  number: number,
  name: keyof T & string,
  kind: ScalarKind | (() => Descriptor),
  presence?: Presence,
]

const link = (spec: readonly [number, string, ScalarKind | (() => Descriptor), Presence?]): Field => {
  const [number, name, kind, presence] = spec
  const isMessage = typeof kind === 'function'
  return {
    number,
    name,
    kind: isMessage ? 'message' : kind,
    message: isMessage ? kind() : undefined,
    presence: presence ?? (isMessage ? 'optional' : 'implicit'),
  }
}

/** Messages refer to each other in circles, so the fields are linked when they are first asked for. */
export const describeMessage = <T extends object>(
  create: () => T,
  specs: readonly FieldSpec<T>[],
  role: Role = 'part',
): Descriptor<T> => {
  let fields: readonly Field[] | undefined
  return {
    create,
    get fields() {
      return (fields ??= specs.map(link).toSorted((a, b) => a.number - b.number))
    },
    oneofNames: specs.filter((spec) => spec[3] === 'oneof').map((spec) => spec[1]),
    role,
  }
}

const noBytes = new Uint8Array(0)

export const anyValue: Descriptor<AnyValue> = describeMessage<AnyValue>(
  () => ({}),
  [
    [1, 'stringValue', 'string', 'oneof'],
    [2, 'boolValue', 'bool', 'oneof'],
    [3, 'intValue', 'int64', 'oneof'],
    [4, 'doubleValue', 'double', 'oneof'],
    [5, 'arrayValue', () => arrayValue, 'oneof'],
    [6, 'kvlistValue', () => keyValueList, 'oneof'],
    [7, 'bytesValue', 'bytes', 'oneof'],
  ],
)

const arrayValue: Descriptor<{ values: AnyValue[] }> = describeMessage<{ values: AnyValue[] }>(
  () => ({ values: [] }),
  [[1, 'values', () => anyValue, 'repeated']],
)

const keyValueList: Descriptor<{ values: KeyValue[] }> = describeMessage<{ values: KeyValue[] }>(
  () => ({ values: [] }),
  [[1, 'values', () => keyValue, 'repeated']],
)

const keyValue: Descriptor<KeyValue> = describeMessage<KeyValue>(
  () => ({ key: '' }),
  [
    [1, 'key', 'string'],
    [2, 'value', () => anyValue],
  ],
)

const entityRef = describeMessage<EntityRef>(
  () => ({ schemaUrl: '', type: '', idKeys: [], descriptionKeys: [] }),
  [
    [1, 'schemaUrl', 'string'],
    [2, 'type', 'string'],
    [3, 'idKeys', 'string', 'repeated'],
    [4, 'descriptionKeys', 'string', 'repeated'],
  ],
)

const resource = describeMessage<Resource>(
  () => ({ attributes: [], droppedAttributesCount: 0, entityRefs: [] }),
  [
    [1, 'attributes', () => keyValue, 'repeated'],
    [2, 'droppedAttributesCount', 'uint32'],
    [3, 'entityRefs', () => entityRef, 'repeated'],
  ],
)

const instrumentationScope = describeMessage<InstrumentationScope>(
  () => ({ name: '', version: '', attributes: [], droppedAttributesCount: 0 }),
  [
    [1, 'name', 'string'],
    [2, 'version', 'string'],
    [3, 'attributes', () => keyValue, 'repeated'],
    [4, 'droppedAttributesCount', 'uint32'],
  ],
)

const spanEvent = describeMessage<SpanEvent>(
  () => ({ timeUnixNano: 0n, name: '', attributes: [], droppedAttributesCount: 0 }),
  [
    [1, 'timeUnixNano', 'fixed64'],
    [2, 'name', 'string'],
    [3, 'attributes', () => keyValue, 'repeated'],
    [4, 'droppedAttributesCount', 'uint32'],
  ],
)

const spanLink = describeMessage<SpanLink>(
  () => ({
    traceId: noBytes,
    spanId: noBytes,
    traceState: '',
    attributes: [],
    droppedAttributesCount: 0,
    flags: 0,
  }),
  [
    [1, 'traceId', 'hexId'],
    [2, 'spanId', 'hexId'],
    [3, 'traceState', 'string'],
    [4, 'attributes', () => keyValue, 'repeated'],
    [5, 'droppedAttributesCount', 'uint32'],
    [6, 'flags', 'fixed32'],
  ],
)

const status = describeMessage<Status>(
  () => ({ message: '', code: 0 }),
  [
    [2, 'message', 'string'],
    [3, 'code', 'enum'],
  ],
)

const span = describeMessage<Span>(
  () => ({
    traceId: noBytes,
    spanId: noBytes,
    traceState: '',
    parentSpanId: noBytes,
    flags: 0,
    name: '',
    kind: 0,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
  }),
  [
    [1, 'traceId', 'hexId'],
    [2, 'spanId', 'hexId'],
    [3, 'traceState', 'string'],
    [4, 'parentSpanId', 'hexId'],
    [5, 'name', 'string'],
    [6, 'kind', 'enum'],
    [7, 'startTimeUnixNano', 'fixed64'],
    [8, 'endTimeUnixNano', 'fixed64'],
    [9, 'attributes', () => keyValue, 'repeated'],
    [10, 'droppedAttributesCount', 'uint32'],
    [11, 'events', () => spanEvent, 'repeated'],
    [12, 'droppedEventsCount', 'uint32'],
    [13, 'links', () => spanLink, 'repeated'],
    [14, 'droppedLinksCount', 'uint32'],
    [15, 'status', () => status],
    [16, 'flags', 'fixed32'],
  ],
  'item',
)

const scopeSpans = describeMessage<ScopeSpans>(
  () => ({ spans: [], schemaUrl: '' }),
  [
    [1, 'scope', () => instrumentationScope],
    [2, 'spans', () => span, 'repeated'],
    [3, 'schemaUrl', 'string'],
  ],
  'container',
)

const resourceSpans = describeMessage<ResourceSpans>(
  () => ({ scopeSpans: [], schemaUrl: '' }),
  [
    [1, 'resource', () => resource],
    [2, 'scopeSpans', () => scopeSpans, 'repeated'],
    [3, 'schemaUrl', 'string'],
  ],
  'container',
)

const logRecord = describeMessage<LogRecord>(
  () => ({
    timeUnixNano: 0n,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: '',
    attributes: [],
    droppedAttributesCount: 0,
    flags: 0,
    traceId: noBytes,
    spanId: noBytes,
    eventName: '',
  }),
  [
    [1, 'timeUnixNano', 'fixed64'],
    [2, 'severityNumber', 'enum'],
    [3, 'severityText', 'string'],
    [5, 'body', () => anyValue],
    [6, 'attributes', () => keyValue, 'repeated'],
    [7, 'droppedAttributesCount', 'uint32'],
    [8, 'flags', 'fixed32'],
    [9, 'traceId', 'hexId'],
    [10, 'spanId', 'hexId'],
    [11, 'observedTimeUnixNano', 'fixed64'],
    [12, 'eventName', 'string'],
  ],
  'item',
)

const scopeLogs = describeMessage<ScopeLogs>(
  () => ({ logRecords: [], schemaUrl: '' }),
  [
    [1, 'scope', () => instrumentationScope],
    [2, 'logRecords', () => logRecord, 'repeated'],
    [3, 'schemaUrl', 'string'],
  ],
  'container',
)

const resourceLogs = describeMessage<ResourceLogs>(
  () => ({ scopeLogs: [], schemaUrl: '' }),
  [
    [1, 'resource', () => resource],
    [2, 'scopeLogs', () => scopeLogs, 'repeated'],
    [3, 'schemaUrl', 'string'],
  ],
  'container',
)

const exemplar = describeMessage<Exemplar>(
  () => ({ filteredAttributes: [], timeUnixNano: 0n, spanId: noBytes, traceId: noBytes }),
  [
    [2, 'timeUnixNano', 'fixed64'],
    [3, 'asDouble', 'double', 'oneof'],
    [4, 'spanId', 'hexId'],
    [5, 'traceId', 'hexId'],
    [6, 'asInt', 'sfixed64', 'oneof'],
    [7, 'filteredAttributes', () => keyValue, 'repeated'],
  ],
)

const numberDataPoint = describeMessage<NumberDataPoint>(
  () => ({ attributes: [], startTimeUnixNano: 0n, timeUnixNano: 0n, flags: 0, exemplars: [] }),
  [
    [2, 'startTimeUnixNano', 'fixed64'],
    [3, 'timeUnixNano', 'fixed64'],
    [4, 'asDouble', 'double', 'oneof'],
    [5, 'exemplars', () => exemplar, 'repeated'],
    [6, 'asInt', 'sfixed64', 'oneof'],
    [7, 'attributes', () => keyValue, 'repeated'],
    [8, 'flags', 'uint32'],
  ],
  'item',
)

const histogramDataPoint = describeMessage<HistogramDataPoint>(
  () => ({
    attributes: [],
    startTimeUnixNano: 0n,
    timeUnixNano: 0n,
    flags: 0,
    count: 0n,
    bucketCounts: [],
    explicitBounds: [],
    exemplars: [],
  }),
  [
    [2, 'startTimeUnixNano', 'fixed64'],
    [3, 'timeUnixNano', 'fixed64'],
    [4, 'count', 'fixed64'],
    [5, 'sum', 'double', 'optional'],
    [6, 'bucketCounts', 'fixed64', 'repeated'],
    [7, 'explicitBounds', 'double', 'repeated'],
    [8, 'exemplars', () => exemplar, 'repeated'],
    [9, 'attributes', () => keyValue, 'repeated'],
    [10, 'flags', 'uint32'],
    [11, 'min', 'double', 'optional'],
    [12, 'max', 'double', 'optional'],
  ],
  'item',
)

const exponentialBuckets = describeMessage<ExponentialBuckets>(
  () => ({ offset: 0, bucketCounts: [] }),
  [
    [1, 'offset', 'sint32'],
    [2, 'bucketCounts', 'uint64', 'repeated'],
  ],
)

const exponentialHistogramDataPoint = describeMessage<ExponentialHistogramDataPoint>(
  () => ({
    attributes: [],
    startTimeUnixNano: 0n,
    timeUnixNano: 0n,
    flags: 0,
    count: 0n,
    scale: 0,
    zeroCount: 0n,
    exemplars: [],
    zeroThreshold: 0,
  }),
  [
    [1, 'attributes', () => keyValue, 'repeated'],
    [2, 'startTimeUnixNano', 'fixed64'],
    [3, 'timeUnixNano', 'fixed64'],
    [4, 'count', 'fixed64'],
    [5, 'sum', 'double', 'optional'],
    [6, 'scale', 'sint32'],
    [7, 'zeroCount', 'fixed64'],
    [8, 'positive', () => exponentialBuckets],
    [9, 'negative', () => exponentialBuckets],
    [10, 'flags', 'uint32'],
    [11, 'exemplars', () => exemplar, 'repeated'],
    [12, 'min', 'double', 'optional'],
    [13, 'max', 'double', 'optional'],
    [14, 'zeroThreshold', 'double'],
  ],
  'item',
)

const quantileValue = describeMessage<SummaryDataPoint['quantileValues'][number]>(
  () => ({ quantile: 0, value: 0 }),
  [
    [1, 'quantile', 'double'],
    [2, 'value', 'double'],
  ],
)

const summaryDataPoint = describeMessage<SummaryDataPoint>(
  () => ({
    attributes: [],
    startTimeUnixNano: 0n,
    timeUnixNano: 0n,
    flags: 0,
    count: 0n,
    sum: 0,
    quantileValues: [],
  }),
  [
    [2, 'startTimeUnixNano', 'fixed64'],
    [3, 'timeUnixNano', 'fixed64'],
    [4, 'count', 'fixed64'],
    [5, 'sum', 'double'],
    [6, 'quantileValues', () => quantileValue, 'repeated'],
    [7, 'attributes', () => keyValue, 'repeated'],
    [8, 'flags', 'uint32'],
  ],
  'item',
)

const gauge = describeMessage<NonNullable<Metric['gauge']>>(
  () => ({ dataPoints: [] }),
  [[1, 'dataPoints', () => numberDataPoint, 'repeated']],
  'container',
)

const sum = describeMessage<NonNullable<Metric['sum']>>(
  () => ({ dataPoints: [], aggregationTemporality: 0, isMonotonic: false }),
  [
    [1, 'dataPoints', () => numberDataPoint, 'repeated'],
    [2, 'aggregationTemporality', 'enum'],
    [3, 'isMonotonic', 'bool'],
  ],
  'container',
)

const histogram = describeMessage<NonNullable<Metric['histogram']>>(
  () => ({ dataPoints: [], aggregationTemporality: 0 }),
  [
    [1, 'dataPoints', () => histogramDataPoint, 'repeated'],
    [2, 'aggregationTemporality', 'enum'],
  ],
  'container',
)

const exponentialHistogram = describeMessage<NonNullable<Metric['exponentialHistogram']>>(
  () => ({ dataPoints: [], aggregationTemporality: 0 }),
  [
    [1, 'dataPoints', () => exponentialHistogramDataPoint, 'repeated'],
    [2, 'aggregationTemporality', 'enum'],
  ],
  'container',
)

const summary = describeMessage<NonNullable<Metric['summary']>>(
  () => ({ dataPoints: [] }),
  [[1, 'dataPoints', () => summaryDataPoint, 'repeated']],
  'container',
)

const metric = describeMessage<Metric>(
  () => ({ name: '', description: '', unit: '', metadata: [] }),
  [
    [1, 'name', 'string'],
    [2, 'description', 'string'],
    [3, 'unit', 'string'],
    [5, 'gauge', () => gauge, 'oneof'],
    [7, 'sum', () => sum, 'oneof'],
    [9, 'histogram', () => histogram, 'oneof'],
    [10, 'exponentialHistogram', () => exponentialHistogram, 'oneof'],
    [11, 'summary', () => summary, 'oneof'],
    [12, 'metadata', () => keyValue, 'repeated'],
  ],
  'container',
)

const scopeMetrics = describeMessage<ScopeMetrics>(
  () => ({ metrics: [], schemaUrl: '' }),
  [
    [1, 'scope', () => instrumentationScope],
    [2, 'metrics', () => metric, 'repeated'],
    [3, 'schemaUrl', 'string'],
  ],
  'container',
)

const resourceMetrics = describeMessage<ResourceMetrics>(
  () => ({ scopeMetrics: [], schemaUrl: '' }),
  [
    [1, 'resource', () => resource],
    [2, 'scopeMetrics', () => scopeMetrics, 'repeated'],
    [3, 'schemaUrl', 'string'],
  ],
  'container',
)

export const exportRequestDescriptors: { [S in Signal]: Descriptor<ExportRequestBySignal[S]> } = {
  traces: describeMessage<ExportRequestBySignal['traces']>(
    () => ({ resourceSpans: [] }),
    [[1, 'resourceSpans', () => resourceSpans, 'repeated']],
    'container',
  ),
  logs: describeMessage<ExportRequestBySignal['logs']>(
    () => ({ resourceLogs: [] }),
    [[1, 'resourceLogs', () => resourceLogs, 'repeated']],
    'container',
  ),
  metrics: describeMessage<ExportRequestBySignal['metrics']>(
    () => ({ resourceMetrics: [] }),
    [[1, 'resourceMetrics', () => resourceMetrics, 'repeated']],
    'container',
  ),
}
