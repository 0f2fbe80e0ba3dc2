import type {
  ExportLogsServiceRequest,
  ExportMetricsServiceRequest,
  ExportTraceServiceRequest,
  Metric,
} from '#telemetry/otlp/messages.ts'
import type { Store } from '../connection.ts'
import type { ReadScope, TimeRange } from '../read-scope.ts'
import { sql } from '../sql.ts'
import {
  type CommonRow,
  exponentialHistogramRow,
  gaugeRow,
  histogramRow,
  logRow,
  spanRow,
  sumRow,
  summaryRow,
} from './exported-columns.ts'
import { type ResourceGroup, groupRows } from './group-rows.ts'
import { sentLogRecord } from './sent-log-records.ts'
import {
  sentExponentialHistograms,
  sentGauges,
  sentHistograms,
  sentSums,
  sentSummaries,
} from './sent-metrics.ts'
import { sentSpan } from './sent-spans.ts'
import { type PageLimits, type StoredRows, readPages } from './stored-pages.ts'
import { sentResources } from './stored-resources.ts'

/**
 * Stored telemetry as the OTLP requests that brought it: every field and the type of every attribute. Items come by time,
 * each as often as it is stored, in requests of at most a page of rows; in a request each resource, scope and metric is
 * there once. What OTLP gives no meaning is not kept: how items were spread over requests, the order of entries in maps
 * inside attribute values, whether a message is absent or empty, a parent id of zeros, and resources, scopes and metrics
 * without a single item. Parts of a request are shared between requests: read only.
 */
export interface ExportRequests {
  traces(scope: ReadScope, selection: TraceSelection): AsyncGenerator<ExportTraceServiceRequest>
  logs(scope: ReadScope, selection: TraceSelection): AsyncGenerator<ExportLogsServiceRequest>
  /** One kind of metrics after the other. */
  metrics(scope: ReadScope, range: TimeRange): AsyncGenerator<ExportMetricsServiceRequest>
}

/** Of a range of times, or one trace's (its id in lower-case hex), or both. Spans count by their start. */
export type TraceSelection = { range: TimeRange; traceId?: string } | { range?: TimeRange; traceId: string }

const pageLimitsDefault: PageLimits = { rowsMax: 2000, bytesMax: 16 << 20 }

export const createExportRequests = (store: Store, limits: Partial<PageLimits> = {}): ExportRequests => {
  const pageLimits = { ...pageLimitsDefault, ...limits }

  const readGroups = async function* <Row extends CommonRow>(
    scope: ReadScope,
    rows: StoredRows<Row>,
  ): AsyncGenerator<ResourceGroup<Row>[]> {
    const resources = sentResources(store, scope)
    for await (const page of readPages(store, scope, rows, pageLimits))
      yield groupRows(page, await resources.read(page.map((row) => row.resourceId)))
  }

  const readMetrics = async function* <Row extends CommonRow>(
    scope: ReadScope,
    rows: StoredRows<Row>,
    metricsOf: (rows: Row[]) => Metric[],
  ): AsyncGenerator<ExportMetricsServiceRequest> {
    for await (const groups of readGroups(scope, rows))
      yield {
        resourceMetrics: groups.map(({ scopes, ...resource }) => ({
          ...resource,
          scopeMetrics: scopes.map(({ rows, ...scope }) => ({ ...scope, metrics: metricsOf(rows) })),
        })),
      }
  }

  return {
    traces: async function* (scope, selection) {
      for await (const groups of readGroups(scope, { table: 'spans', row: spanRow, ...narrowed(selection) }))
        yield {
          resourceSpans: groups.map(({ scopes, ...resource }) => ({
            ...resource,
            scopeSpans: scopes.map(({ rows, ...scope }) => ({ ...scope, spans: rows.map(sentSpan) })),
          })),
        }
    },

    logs: async function* (scope, selection) {
      for await (const groups of readGroups(scope, {
        table: 'log_records',
        row: logRow,
        ...narrowed(selection),
      }))
        yield {
          resourceLogs: groups.map(({ scopes, ...resource }) => ({
            ...resource,
            scopeLogs: scopes.map(({ rows, ...scope }) => ({
              ...scope,
              logRecords: rows.map(sentLogRecord),
            })),
          })),
        }
    },

    metrics: async function* (scope, range) {
      yield* readMetrics(scope, { table: 'metric_gauge_points', row: gaugeRow, range }, sentGauges)
      yield* readMetrics(scope, { table: 'metric_sum_points', row: sumRow, range }, sentSums)
      yield* readMetrics(
        scope,
        { table: 'metric_histogram_points', row: histogramRow, range },
        sentHistograms,
      )
      yield* readMetrics(
        scope,
        { table: 'metric_exp_histogram_points', row: exponentialHistogramRow, range },
        sentExponentialHistograms,
      )
      yield* readMetrics(scope, { table: 'metric_summary_points', row: summaryRow, range }, sentSummaries)
    },
  }
}

/** The index lies on the text of the id. */
const narrowed = ({ range, traceId }: TraceSelection) => ({
  range,
  conditions: traceId === undefined ? undefined : [sql`lower(hex(trace_id)) = ${sql.string(traceId)}`],
})
