/** The descriptors of OTLP made ready for the walk: what to do with a field, by its tag. */
import { type Descriptor, exportRequestDescriptors, type Field } from '#telemetry/otlp/descriptors.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import { scalarCodecs } from '#telemetry/otlp/wire-scalars.ts'
import { wireTypes } from '#telemetry/otlp/wire-reader.ts'

/**
 * From `bytes` on the field is length-delimited. `timeAt` and `otherTimeAt` are the times that decide about an item: a
 * span's start and end, a record's time and observed time, a point's time and start.
 */
export const acts = {
  refuse: 0,
  /** What the wire reader skips: groups, and fields of high numbers. */
  skip: 1,
  varint: 2,
  fixed32: 3,
  fixed64: 4,
  time: 5,
  otherTime: 6,
  bucket: 7,
  bound: 8,
  bytes: 9,
  message: 10,
  keyValue: 11,
  attribute: 12,
  sharedAttribute: 13,
  metadata: 14,
  traceId: 15,
  spanId: 16,
  parentSpanId: 17,
  packedVarints: 18,
  packedFixed32: 19,
  packedFixed64: 20,
  packedBuckets: 21,
  packedBounds: 22,
  scope: 23,
  metric: 24,
  metricKind: 25,
  span: 26,
  logRecord: 27,
  point: 28,
  histogramPoint: 29,
  resource: 30,
  resourceAttribute: 31,
} as const

type Act = (typeof acts)[keyof typeof acts]

export interface Plan {
  /** By tag. Tags beyond are of no field that is known. */
  acts: Uint8Array
  /** By field number. */
  nested: (Plan | undefined)[]
}

const tagsMax = 256

const messageOf = (descriptor: Descriptor, name: string): Descriptor => {
  const message = descriptor.fields.find((field) => field.name === name)?.message
  if (message === undefined) throw new Error(`${name} is no message`)
  return message
}

const scopeSpans = messageOf(messageOf(exportRequestDescriptors.traces, 'resourceSpans'), 'scopeSpans')
const span = messageOf(scopeSpans, 'spans')
const scopeLogs = messageOf(messageOf(exportRequestDescriptors.logs, 'resourceLogs'), 'scopeLogs')
const scopeMetrics = messageOf(messageOf(exportRequestDescriptors.metrics, 'resourceMetrics'), 'scopeMetrics')
const metric = messageOf(scopeMetrics, 'metrics')
const histogram = messageOf(metric, 'histogram')
const keyValue = messageOf(span, 'attributes')

const kindsOfPlainPoints = ['gauge', 'sum', 'exponentialHistogram', 'summary'].map((name) =>
  messageOf(metric, name),
)
const pointActs: Record<string, Act> = {
  attributes: acts.attribute,
  startTimeUnixNano: acts.otherTime,
  timeUnixNano: acts.time,
}

/** The fields that have something to say about what is kept; all others are looked at for their structure only. */
const watched = new Map<Descriptor, Record<string, Act>>([
  [exportRequestDescriptors.traces, { resourceSpans: acts.resource }],
  [exportRequestDescriptors.logs, { resourceLogs: acts.resource }],
  [exportRequestDescriptors.metrics, { resourceMetrics: acts.resource }],
  [
    messageOf(messageOf(exportRequestDescriptors.traces, 'resourceSpans'), 'resource'),
    { attributes: acts.resourceAttribute },
  ],
  [messageOf(exportRequestDescriptors.traces, 'resourceSpans'), { scopeSpans: acts.scope }],
  [messageOf(exportRequestDescriptors.logs, 'resourceLogs'), { scopeLogs: acts.scope }],
  [messageOf(exportRequestDescriptors.metrics, 'resourceMetrics'), { scopeMetrics: acts.scope }],
  [messageOf(scopeSpans, 'scope'), { attributes: acts.sharedAttribute }],
  [scopeSpans, { spans: acts.span }],
  [
    span,
    {
      traceId: acts.traceId,
      spanId: acts.spanId,
      parentSpanId: acts.parentSpanId,
      startTimeUnixNano: acts.time,
      endTimeUnixNano: acts.otherTime,
      attributes: acts.attribute,
    },
  ],
  [scopeLogs, { logRecords: acts.logRecord }],
  [
    messageOf(scopeLogs, 'logRecords'),
    {
      timeUnixNano: acts.time,
      observedTimeUnixNano: acts.otherTime,
      attributes: acts.attribute,
      traceId: acts.traceId,
      spanId: acts.spanId,
    },
  ],
  [scopeMetrics, { metrics: acts.metric }],
  [
    metric,
    {
      metadata: acts.metadata,
      gauge: acts.metricKind,
      sum: acts.metricKind,
      histogram: acts.metricKind,
      exponentialHistogram: acts.metricKind,
      summary: acts.metricKind,
    },
  ],
  ...kindsOfPlainPoints.flatMap((kind): [Descriptor, Record<string, Act>][] => [
    [kind, { dataPoints: acts.point }],
    [messageOf(kind, 'dataPoints'), pointActs],
  ]),
  [histogram, { dataPoints: acts.histogramPoint }],
  [
    messageOf(histogram, 'dataPoints'),
    { ...pointActs, bucketCounts: acts.bucket, explicitBounds: acts.bound },
  ],
])

const plans = new Map<Descriptor, Plan>()

const planOf = (descriptor: Descriptor): Plan => {
  const known = plans.get(descriptor)
  if (known !== undefined) return known
  const plan: Plan = { acts: actsOfUnknownFields.slice(), nested: [] }
  // Known before its fields are planned, because messages contain each other.
  plans.set(descriptor, plan)
  for (const field of descriptor.fields) {
    const tag = (field.number << 3) | wireTypeOf(field)
    if (tag >= tagsMax) throw new Error(`field ${field.name} has too high a number for its plan`)
    const act = watched.get(descriptor)?.[field.name]
    plan.acts[tag] = act ?? actOf(field)
    const packed = packedActOf(field, act)
    if (packed !== undefined) plan.acts[(field.number << 3) | wireTypes.lengthDelimited] = packed
    while (plan.nested.length < field.number) plan.nested.push(undefined)
    plan.nested.push(field.message === undefined ? undefined : planOf(field.message))
  }
  return plan
}

const wireTypeOf = (field: Field): number =>
  field.kind === 'message' ? wireTypes.lengthDelimited : scalarCodecs[field.kind].wireType

/** A known field that comes with another wire type is skipped like an unknown one, too. */
const actOfUnknown = (tag: number): Act => {
  if (tag < 8) return acts.refuse
  switch (tag & 7) {
    case wireTypes.varint:
      return acts.varint
    case wireTypes.fixed64:
      return acts.fixed64
    case wireTypes.lengthDelimited:
      return acts.bytes
    case wireTypes.fixed32:
      return acts.fixed32
    default:
      return acts.skip
  }
}
const actsOfUnknownFields = Uint8Array.from({ length: tagsMax }, (_, tag) => actOfUnknown(tag))

const actOf = (field: Field): Act => {
  if (field.message === keyValue) return acts.keyValue
  return field.message === undefined ? actOfUnknown((field.number << 3) | wireTypeOf(field)) : acts.message
}

const packedActOf = (field: Field, act: Act | undefined): Act | undefined => {
  if (field.presence !== 'repeated') return undefined
  if (act === acts.bucket) return acts.packedBuckets
  if (act === acts.bound) return acts.packedBounds
  switch (wireTypeOf(field)) {
    case wireTypes.varint:
      return acts.packedVarints
    case wireTypes.fixed64:
      return acts.packedFixed64
    case wireTypes.fixed32:
      return acts.packedFixed32
    default:
      return undefined
  }
}

export const exportRequestPlans: Readonly<Record<Signal, Plan>> = {
  traces: planOf(exportRequestDescriptors.traces),
  logs: planOf(exportRequestDescriptors.logs),
  metrics: planOf(exportRequestDescriptors.metrics),
}
export const keyValuePlan = planOf(keyValue)
