/**
 * What the `otel_*` views must show for a message: one row per span, log record or data point, with every column. Each
 * message is taken apart to the last field; one that is left over is an error here and in the type checker, so that no
 * field of OTLP can be forgotten.
 */
import { expect } from 'vitest'
import { anyValueToText } from '#telemetry/otlp/any-value.ts'
import type {
  AnyValue,
  EntityRef,
  ExportLogsServiceRequest,
  ExportTraceServiceRequest,
  InstrumentationScope,
  KeyValue,
  LogRecord,
  Resource,
  Span,
  SpanEvent,
  SpanLink,
} from '#telemetry/otlp/messages.ts'
import type { ViewRow } from './read-view.ts'

export const traceRows = (request: ExportTraceServiceRequest): ViewRow[] => {
  const { resourceSpans, ...rest } = request
  nothingLeft(rest)
  return resourceSpans.flatMap(({ resource, schemaUrl, scopeSpans, ...rest }) => {
    nothingLeft(rest)
    const {
      ResourceAttributes: attributes,
      ResourceAttributeItems,
      ...resourceRow
    } = resourceColumns(resource, schemaUrl)
    return scopeSpans.flatMap(({ scope, schemaUrl: scopeSchemaUrl, spans, ...rest }) => {
      nothingLeft(rest)
      const { ScopeAttributeItems: _none, ...scopeRow } = scopeColumns(scope, scopeSchemaUrl)
      return spans.map((span) => ({
        ResourceAttributes: attributes,
        ResourceAttributeItems,
        ...resourceRow,
        ...scopeRow,
        ...spanColumns(span),
        ...originColumns,
      }))
    })
  })
}

export const logRows = (request: ExportLogsServiceRequest): ViewRow[] => {
  const { resourceLogs, ...rest } = request
  nothingLeft(rest)
  return resourceLogs.flatMap(({ resource, schemaUrl, scopeLogs, ...rest }) => {
    nothingLeft(rest)
    const resourceRow = resourceColumns(resource, schemaUrl)
    return scopeLogs.flatMap(({ scope, schemaUrl: scopeSchemaUrl, logRecords, ...rest }) => {
      nothingLeft(rest)
      const scopeRow = scopeColumns(scope, scopeSchemaUrl)
      return logRecords.map((log) => ({ ...resourceRow, ...scopeRow, ...logColumns(log), ...originColumns }))
    })
  })
}

/** Throws when a message has a field that the caller did not take out of it. */
export const nothingLeft = (rest: Record<string, never>): void => {
  const names = Object.keys(rest)
  if (names.length > 0) throw new Error(`fields that are compared with no column: ${names.join(', ')}`)
}

/** What the sender has no say in. */
export const originColumns = { Tenant: 'default', IngestedAt: expect.any(BigInt) as unknown }

export const resourceColumns = (resource: Resource | undefined, schemaUrl: string) => {
  const { attributes, droppedAttributesCount, entityRefs, ...rest } = resource ?? {
    attributes: [],
    droppedAttributesCount: 0,
    entityRefs: [],
  }
  nothingLeft(rest)
  return {
    ServiceName: anyValueToText(attributes.find(({ key }) => key === 'service.name')?.value),
    ResourceAttributes: normal(attributes),
    ResourceAttributeItems: items(attributes),
    ResourceDroppedAttrCount: droppedAttributesCount,
    ResourceEntityRefs: entityRefs.length === 0 ? '' : JSON.stringify(entityRefs.map(entityRef)),
    ResourceSchemaUrl: schemaUrl,
  }
}

const entityRef = ({ schemaUrl, type, idKeys, descriptionKeys, ...rest }: EntityRef): EntityRef => {
  nothingLeft(rest)
  return { schemaUrl, type, idKeys, descriptionKeys }
}

export const scopeColumns = (scope: InstrumentationScope | undefined, schemaUrl: string) => {
  const { name, version, attributes, droppedAttributesCount, ...rest } = scope ?? {
    name: '',
    version: '',
    attributes: [],
    droppedAttributesCount: 0,
  }
  nothingLeft(rest)
  return {
    ScopeName: name,
    ScopeVersion: version,
    ScopeAttributes: normal(attributes),
    ScopeAttributeItems: items(attributes),
    ScopeDroppedAttrCount: droppedAttributesCount,
    ScopeSchemaUrl: schemaUrl,
  }
}

const spanKinds = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer']
const statusCodes = ['Unset', 'Ok', 'Error']

const spanColumns = (span: Span): ViewRow => {
  const { traceId, spanId, parentSpanId, traceState, flags, name, kind, status, ...timed } = span
  const { startTimeUnixNano, endTimeUnixNano, attributes, droppedAttributesCount, ...lists } = timed
  const { events, droppedEventsCount, links, droppedLinksCount, ...rest } = lists
  nothingLeft(rest)
  const { message, code, ...statusRest } = status ?? { message: '', code: 0 }
  nothingLeft(statusRest)
  const isOpen = endTimeUnixNano === 0n
  const signedDuration = isOpen ? 0n : endTimeUnixNano - startTimeUnixNano
  return {
    Timestamp: startTimeUnixNano,
    TraceId: hex(traceId),
    SpanId: hex(spanId),
    ParentSpanId: hex(parentSpanId),
    TraceState: traceState,
    SpanName: name,
    SpanKind: spanKinds[kind] ?? '',
    SpanKindNumber: kind,
    SpanFlags: flags,
    SpanAttributes: normal(attributes),
    SpanAttributeItems: items(attributes),
    DroppedAttributesCount: droppedAttributesCount,
    Duration: signedDuration < 0n ? 0n : signedDuration,
    SignedDuration: signedDuration,
    IsOpen: isOpen,
    StatusCode: statusCodes[code] ?? '',
    StatusCodeNumber: code,
    StatusMessage: message,
    ...nested('Events', events.map(eventColumns), Object.keys(eventColumns(anyEvent))),
    DroppedEventsCount: droppedEventsCount,
    ...nested('Links', links.map(linkColumns), Object.keys(linkColumns(anyLink))),
    DroppedLinksCount: droppedLinksCount,
  }
}

const eventColumns = ({ timeUnixNano, name, attributes, droppedAttributesCount, ...rest }: SpanEvent) => {
  nothingLeft(rest)
  return {
    Timestamp: dateTime(timeUnixNano),
    TimeUnixNano: timeUnixNano,
    Name: name,
    Attributes: normal(attributes),
    DroppedAttributesCount: droppedAttributesCount,
  }
}
const anyEvent: SpanEvent = { timeUnixNano: 0n, name: '', attributes: [], droppedAttributesCount: 0 }

const linkColumns = (link: SpanLink) => {
  const { traceId, spanId, traceState, attributes, droppedAttributesCount, flags, ...rest } = link
  nothingLeft(rest)
  return {
    TraceId: hex(traceId),
    SpanId: hex(spanId),
    TraceState: traceState,
    Attributes: normal(attributes),
    DroppedAttributesCount: droppedAttributesCount,
    Flags: flags,
  }
}
const anyLink: SpanLink = {
  traceId: new Uint8Array(),
  spanId: new Uint8Array(),
  traceState: '',
  attributes: [],
  droppedAttributesCount: 0,
  flags: 0,
}

const logColumns = (log: LogRecord): ViewRow => {
  const { timeUnixNano, observedTimeUnixNano, severityNumber, severityText, body, ...others } = log
  const { attributes, droppedAttributesCount, flags, traceId, spanId, eventName, ...rest } = others
  nothingLeft(rest)
  const source = timeUnixNano !== 0n ? 0 : observedTimeUnixNano !== 0n ? 1 : 2
  const time = [timeUnixNano, observedTimeUnixNano, expect.any(BigInt) as unknown][source]
  return {
    Timestamp: time,
    TimestampTime: typeof time === 'bigint' ? time - (time % 1_000_000_000n) : time,
    TimeSource: source,
    ObservedTimeUnixNano: observedTimeUnixNano,
    TraceId: hex(traceId),
    SpanId: hex(spanId),
    TraceFlags: flags & 0xff,
    LogFlags: flags,
    SeverityText: severityText,
    SeverityNumber: severityNumber,
    ExactSeverityNumber: severityNumber,
    Body: normalValue(body),
    LogAttributes: normal(attributes),
    LogAttributeItems: items(attributes),
    DroppedAttributesCount: droppedAttributesCount,
    EventName: eventName,
  }
}

/** The columns of a Nested list: `{ Name: 'a' }, { Name: 'b' }` is `List.Name: ['a', 'b']`. */
export const nested = (list: string, rows: readonly ViewRow[], names: readonly string[]): ViewRow =>
  Object.fromEntries(names.map((name) => [`${list}.${name}`, rows.map((row) => row[name])]))

/** Ids that are absent are ''. */
export const hex = (id: Uint8Array): string => Buffer.from(id).toString('hex')

/** The latest time that a DateTime64(9) holds stands for all later ones; the exact number has a column of its own. */
export const dateTime = (unixNano: bigint): bigint => (unixNano < 2n ** 63n ? unixNano : 2n ** 63n - 1n)

/** The exporter's `...AttributeItems`. */
const items = (attributes: readonly KeyValue[]): string[] =>
  attributes.map(({ key, value }) => `${key}=${anyValueToText(value)}`)

/**
 * Attributes up to what OTLP does not tell apart: no value and an empty value, and the order of entries in a map inside
 * a value.
 */
export const normal = (attributes: readonly KeyValue[]): KeyValue[] =>
  attributes.map(({ key, value, ...rest }) => {
    nothingLeft(rest)
    return { key, value: normalValue(value) }
  })

const normalValue = (value: AnyValue = {}): AnyValue => {
  if (value.arrayValue !== undefined)
    return { arrayValue: { values: value.arrayValue.values.map((item) => normalValue(item)) } }
  if (value.kvlistValue !== undefined)
    return {
      kvlistValue: { values: normal(value.kvlistValue.values).toSorted((a, b) => (a.key < b.key ? -1 : 1)) },
    }
  return value.bytesValue === undefined ? value : { bytesValue: Uint8Array.from(value.bytesValue) }
}
