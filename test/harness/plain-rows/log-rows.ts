import { anyValueInnerTypes, anyValueToText, anyValueType } from '#telemetry/otlp/any-value.ts'
import type { ExportLogsServiceRequest, LogRecord } from '#telemetry/otlp/messages.ts'
import { attributeColumns } from '#collector/writer/attributes.ts'
import { type Batch, type RowOrigin, type ScopeColumns, rowOrigin, scopeColumns } from './batch.ts'
import { serviceIdentity } from '#collector/writer/service-identity.ts'

const noId = new Uint8Array(0)
const traceIdBytes = 16
const spanIdBytes = 8

/** Values of the column `time_source`. */
const timeSource = { record: 0, observed: 1, queued: 2 } as const

export const addLogRows = (
  batch: Batch,
  record: { tenant: string; queuedAtMillis: number },
  request: ExportLogsServiceRequest,
): void => {
  for (const { resource, schemaUrl, scopeLogs } of request.resourceLogs) {
    const service = serviceIdentity(resource)
    const origin = rowOrigin(record, batch.addResource(record.tenant, resource, schemaUrl), service)
    for (const { scope, schemaUrl: scopeSchemaUrl, logRecords } of scopeLogs) {
      const shared = scopeColumns(scope, scopeSchemaUrl)
      for (const logRecord of logRecords) addLogRow(batch, origin, shared, logRecord)
    }
  }
}

const addLogRow = (batch: Batch, origin: RowOrigin, scope: ScopeColumns, log: LogRecord): void => {
  const { map, types } = attributeColumns(log.attributes)
  const [time, source] = timeOf(log, origin)
  batch.addRow('log_records', time, {
    ...origin,
    ...scope,
    attributes: map,
    attribute_types: types,
    time,
    time_source: source,
    observed_time_unix_nano: log.observedTimeUnixNano,
    trace_id: isId(log.traceId, traceIdBytes) ? log.traceId : noId,
    span_id: isId(log.spanId, spanIdBytes) ? log.spanId : noId,
    flags: log.flags,
    severity_number: log.severityNumber,
    severity_text: log.severityText,
    body: anyValueToText(log.body),
    body_type: anyValueType(log.body),
    body_inner_types: anyValueInnerTypes(log.body),
    event_name: log.eventName,
    dropped_attributes_count: log.droppedAttributesCount,
  })
}

/** An id of another length, or of zeros only, says that the record belongs to no trace. */
const isId = (id: Uint8Array, length: number): boolean =>
  id.length === length && id.some((byte) => byte !== 0)

const timeOf = (log: LogRecord, origin: RowOrigin): [time: bigint, source: number] => {
  if (log.timeUnixNano !== 0n) return [log.timeUnixNano, timeSource.record]
  if (log.observedTimeUnixNano !== 0n) return [log.observedTimeUnixNano, timeSource.observed]
  return [BigInt(origin.ingested_at) * 1_000_000n, timeSource.queued]
}
