import type { Store } from '../connection.ts'
import { type ReadScope, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import { countLogs } from './histogram.ts'
import type { LogPage, LogStore } from './log-store.ts'
import { type LogRow, logColumns, logsOfRows, unlessTooLarge } from './rows.ts'
import { fewerRecords, logRowsBytesMax, searchLogs } from './search.ts'

const readSeconds = 10

export const createLogStore = (store: Store): LogStore => {
  const readEarliest = async (
    scope: ReadScope,
    { where, order, limit }: { where: Sql; order: Sql; limit: number },
  ): Promise<LogPage> => {
    for (let rowsMax = limit; ; rowsMax = Math.ceil(rowsMax / fewerRecords)) {
      const reading = store.query<LogRow>(
        sql`
          SELECT ${logColumns}
          FROM log_records
          WHERE tenant = ${sql.string(scope.tenant)} AND ${where}
          ORDER BY ${order}
          LIMIT ${sql.uint64(rowsMax + 1)}`,
        { ...limitedTo(scope, readSeconds), ...(rowsMax > 1 && { resultBytesMax: logRowsBytesMax }) },
      )
      const rows = await (rowsMax > 1 ? unlessTooLarge(reading) : reading)
      if (rows === 'too large') continue
      const logs = await logsOfRows(store, scope, rows.slice(0, rowsMax))
      return { logs, isTruncated: rows.length > rowsMax }
    }
  }
  return {
    searchLogs: (scope, search) => searchLogs(store, scope, search),
    countLogs: (scope, count) => countLogs(store, scope, count),
    logsOfTrace: (scope, traceId, limit) =>
      readEarliest(scope, {
        where: sql`lower(hex(trace_id)) = ${sql.string(traceId)}`,
        order: sql`time, span_id`,
        limit,
      }),
    logsOfPod: async (scope, pod, range, limit) => {
      const page = await searchLogs(store, scope, { range, filters: { pod }, limit: limit + 1 })
      const isTruncated = page.logs.length > limit || page.next !== undefined
      return { logs: page.logs.slice(0, limit).toReversed(), isTruncated }
    },
  }
}
