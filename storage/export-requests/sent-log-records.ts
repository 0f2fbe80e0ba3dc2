import type { LogRecord } from '#telemetry/otlp/messages.ts'
import type { LogRow } from './exported-columns.ts'
import { storedValue } from './stored-attributes.ts'

/** The value of `time_source` that says: the record's own. Others stand in for a time that it does not have. */
const ownTime = 0

export const sentLogRecord = (row: LogRow): LogRecord => ({
  timeUnixNano: row.timeSource === ownTime ? row.time : 0n,
  observedTimeUnixNano: row.observedTimeUnixNano,
  severityNumber: row.severityNumber,
  severityText: row.severityText,
  body: storedValue(row.body, row.bodyType, row.bodyInnerTypes),
  attributes: row.attributes,
  droppedAttributesCount: row.droppedAttributesCount,
  flags: row.flags,
  traceId: row.traceId,
  spanId: row.spanId,
  eventName: row.eventName,
})
