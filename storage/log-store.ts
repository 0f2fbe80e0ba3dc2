import { type Attribute, attributeList } from './attribute-list.ts'
import type { Store } from './connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from './read-scope.ts'
import { type StoredResource, readResources, resourceIdsWhere } from './resource-rows.ts'
import { type Sql, sql } from './sql.ts'

/** Log records, read. */
export interface LogStore {
  /** The earliest `limit` records that name this trace, by time. */
  logsOfTrace(scope: ReadScope, traceId: string, limit: number): Promise<LogPage>
  /** The latest `limit` records of a pod (by uid or name) inside the range, by time. */
  logsOfPod(scope: ReadScope, pod: string, range: TimeRange, limit: number): Promise<LogPage>
}

export interface LogPage {
  logs: StoredLogRecord[]
  isTruncated: boolean
}

export interface StoredLogRecord {
  timeUnixNano: string
  severityNumber: number
  severityText: string
  body: string
  eventName: string
  resource: StoredResource | undefined
  /** '' where the record names none; so is the span's. */
  traceId: string
  spanId: string
  attributes: Attribute[]
}

const readSeconds = 10

export const createLogStore = (store: Store): LogStore => {
  const read = async (
    scope: ReadScope,
    { where, order, limit }: { where: Sql; order: Sql; limit: number },
  ): Promise<LogPage> => {
    const rows = await store.query<LogRow>(
      sql`
        SELECT toString(toUnixTimestamp64Nano(time)) AS at, severity_number, severity_text, body, event_name,
          toString(resource_id) AS resource, lower(hex(trace_id)) AS trace,
          lower(hex(span_id)) AS span,
          mapKeys(attributes) AS keys, mapValues(attributes) AS texts, attribute_types
        FROM log_records
        WHERE tenant = ${sql.string(scope.tenant)} AND ${where}
        ORDER BY ${order}
        LIMIT ${sql.uint64(limit + 1)}`,
      limitedTo(scope, readSeconds),
    )
    const kept = rows.slice(0, limit)
    const resources = await readResources(
      store,
      scope,
      kept.map((row) => row.resource),
    )
    return {
      logs: kept.map((row) => logOf(row, resources.get(row.resource))),
      isTruncated: rows.length > limit,
    }
  }
  return {
    logsOfTrace: (scope, traceId, limit) =>
      read(scope, {
        where: sql`lower(hex(trace_id)) = ${sql.string(traceId)}`,
        order: sql`time, span_id`,
        limit,
      }),
    logsOfPod: async (scope, pod, { fromNanos, toNanos }, limit) => {
      const isPod = sql`(pod_uid = ${sql.string(pod)} OR pod_name = ${sql.string(pod)})`
      const page = await read(scope, {
        where: sql`time >= ${sql.dateTime64(fromNanos)} AND time < ${sql.dateTime64(toNanos)} AND resource_id IN ${resourceIdsWhere(scope, [isPod])}`,
        order: sql`time DESC, span_id DESC`,
        limit,
      })
      return { ...page, logs: page.logs.toReversed() }
    },
  }
}

interface LogRow {
  at: string
  severity_number: number
  severity_text: string
  body: string
  event_name: string
  resource: string
  trace: string
  span: string
  keys: string[]
  texts: string[]
  attribute_types: string
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
  attributes: attributeList(row.keys, row.texts, row.attribute_types),
})
