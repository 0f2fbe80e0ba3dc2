import { type MapEntries, attributeList, mapEntries } from '../attribute-list.ts'
import { QueryTooLarge, type Store } from '../connection.ts'
import type { StoredLogRecord } from './log-store.ts'
import type { ReadScope } from '../read-scope.ts'
import { type StoredResource, readResources } from '../resource-rows.ts'
import { sql } from '../sql.ts'

export interface LogRow {
  at: string
  severity_number: number
  severity_text: string
  body: string
  event_name: string
  resource: string
  trace: string
  span: string
  entries: MapEntries
  attribute_types: string
}

/** The columns of `log_records` that a `LogRow` is made of. */
export const logColumns = sql`toString(toUnixTimestamp64Nano(time)) AS at, severity_number, severity_text, body, event_name,
  toString(resource_id) AS resource, lower(hex(trace_id)) AS trace, lower(hex(span_id)) AS span,
  ${mapEntries(sql`attributes`)} AS entries, attribute_types`

/** A hash of what `logColumns` shows: records that a reader can tell apart differ in it. */
export const logHash = sql`cityHash64(severity_number, severity_text, body, event_name, resource_id, trace_id, span_id,
  mapKeys(attributes), mapValues(attributes), attribute_types)`

/** About as many as they take: of their texts. */
export const bytesOf = (rows: readonly LogRow[]): number =>
  rows.reduce(
    (sum, { body, entries }) =>
      sum + body.length + entries.reduce((length, [key, value]) => length + key.length + value.length, 0),
    0,
  )

/** What a read gives, unless its rows are too large. */
export const unlessTooLarge = <T>(reading: Promise<T>): Promise<T | 'too large'> =>
  reading.catch((error: unknown) => {
    if (error instanceof QueryTooLarge) return 'too large'
    throw error
  })

/** The records of these rows, in their order, with their resources. */
export const logsOfRows = async (
  store: Store,
  scope: ReadScope,
  rows: readonly LogRow[],
): Promise<StoredLogRecord[]> => {
  const resources = await readResources(
    store,
    scope,
    rows.map((row) => row.resource),
  )
  return rows.map((row) => logOf(row, resources.get(row.resource)))
}

const logOf = (row: LogRow, resource: StoredResource | undefined): StoredLogRecord => ({
  timeUnixNano: row.at,
  severityNumber: row.severity_number,
  severityText: row.severity_text,
  body: row.body,
  eventName: row.event_name,
  resource,
  traceId: row.trace,
  spanId: row.span,
  attributes: attributeList(row.entries, row.attribute_types),
})
