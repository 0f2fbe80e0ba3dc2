/**
 * Telemetry as the OpenTelemetry SDK for JavaScript hands it to an exporter, in plain objects that can go from one
 * process to another. `satisfies` holds the copies to the SDK's interfaces: a new field there is an error here.
 */
import type { AnyValue, Attributes, HrTime, SpanContext, SpanStatus } from '@opentelemetry/api'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'

export interface RecordedContext extends Omit<SpanContext, 'traceState'> {
  traceState: string
}

export interface RecordedResource {
  attributes: Attributes
  schemaUrl: string | undefined
}

export interface RecordedScope {
  name: string
  version?: string
  schemaUrl?: string
  attributes?: Attributes
  droppedAttributesCount?: number
}

export interface RecordedSpan {
  name: string
  kind: number
  spanContext: RecordedContext
  parentSpanContext: RecordedContext | undefined
  startTime: HrTime
  endTime: HrTime
  duration: HrTime
  ended: boolean
  status: SpanStatus
  attributes: Attributes
  links: { context: RecordedContext; attributes?: Attributes; droppedAttributesCount?: number }[]
  events: { time: HrTime; name: string; attributes?: Attributes; droppedAttributesCount?: number }[]
  resource: RecordedResource
  instrumentationScope: RecordedScope
  droppedAttributesCount: number
  droppedEventsCount: number
  droppedLinksCount: number
}

export interface RecordedLog {
  hrTime: HrTime
  hrTimeObserved: HrTime
  spanContext: RecordedContext | undefined
  severityText: string | undefined
  severityNumber: number | undefined
  body: AnyValue
  eventName: string | undefined
  resource: RecordedResource
  instrumentationScope: RecordedScope
  attributes: Attributes
  droppedAttributesCount: number
}

export interface RecordedMetrics extends Omit<ResourceMetrics, 'resource'> {
  resource: RecordedResource
}

/** What one client process reports over its IPC channel, once. */
export interface ClientReport {
  spans: RecordedSpan[]
  logs: RecordedLog[]
  metrics: RecordedMetrics[]
  /** Messages of exports that the exporter called failed. */
  failures: string[]
  /** Content type and encoding of each request, such as `application/json gzip`. */
  wires: string[]
}

const recordedContext = ({ traceState, ...context }: SpanContext): RecordedContext => ({
  ...context,
  traceState: traceState?.serialize() ?? '',
})

const recordedResource = ({ attributes, schemaUrl }: ReadableSpan['resource']): RecordedResource => ({
  attributes,
  schemaUrl,
})

export const recordedSpan = (span: ReadableSpan): RecordedSpan =>
  ({
    name: span.name,
    kind: span.kind,
    spanContext: recordedContext(span.spanContext()),
    parentSpanContext: span.parentSpanContext && recordedContext(span.parentSpanContext),
    startTime: span.startTime,
    endTime: span.endTime,
    duration: span.duration,
    ended: span.ended,
    status: span.status,
    attributes: span.attributes,
    links: span.links.map((link) => ({ ...link, context: recordedContext(link.context) })),
    events: span.events.map((event) => ({ ...event })),
    resource: recordedResource(span.resource),
    instrumentationScope: { ...span.instrumentationScope },
    droppedAttributesCount: span.droppedAttributesCount,
    droppedEventsCount: span.droppedEventsCount,
    droppedLinksCount: span.droppedLinksCount,
  }) satisfies Record<keyof ReadableSpan, unknown>

export const recordedLog = (log: ReadableLogRecord): RecordedLog =>
  ({
    hrTime: log.hrTime,
    hrTimeObserved: log.hrTimeObserved,
    spanContext: log.spanContext && recordedContext(log.spanContext),
    severityText: log.severityText,
    severityNumber: log.severityNumber,
    body: log.body,
    eventName: log.eventName,
    resource: recordedResource(log.resource),
    instrumentationScope: { ...log.instrumentationScope },
    attributes: log.attributes,
    droppedAttributesCount: log.droppedAttributesCount,
  }) satisfies Record<keyof ReadableLogRecord, unknown>

export const recordedMetrics = (metrics: ResourceMetrics): RecordedMetrics =>
  ({
    resource: recordedResource(metrics.resource),
    scopeMetrics: metrics.scopeMetrics,
  }) satisfies Record<keyof ResourceMetrics, unknown>
