import type { QueuedRecord } from '#collector/queue/queue.ts'
import type { ExportRequestBySignal, Signal } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createCorpus } from '../corpus.ts'

/** Records as the queue holds them, of one kind of items. */
export interface Workload {
  name: string
  signal: Signal
  records: QueuedRecord[]
  itemCount: number
  byteCount: number
}

const startUnixNano = 1_790_000_000_000_000_000n
const collectionNanos = 10_000_000_000n
const traceCount = 2400
const collectionCount = 6

type MetricKind = 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram' | 'summary'
const metricKinds: readonly MetricKind[] = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']

export const workloads = (seed: number): Workload[] => {
  const corpus = createCorpus(seed)
  const metrics = Array.from({ length: collectionCount }, (_, index) =>
    corpus.nextMetricExports(startUnixNano + BigInt(index) * collectionNanos),
  ).flat()
  return [
    workload('spans', 'traces', corpus.nextExports(traceCount, startUnixNano), (request) =>
      request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.map(({ spans }) => spans.length)),
    ),
    workload('logs', 'logs', corpus.nextLogExports(traceCount * 2, startUnixNano), (request) =>
      request.resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.map(({ logRecords }) => logRecords.length)),
    ),
    workload('metrics', 'metrics', metrics, (request) =>
      metricKinds.flatMap((kind) => pointCounts(request, kind)),
    ),
    ...metricKinds.map((kind) => metricWorkload(kind, metrics)),
  ]
}

/** As if each pod reported one kind only: without scopes, resources and exports that have none of it. */
const metricWorkload = (
  kind: MetricKind,
  requests: readonly ExportRequestBySignal['metrics'][],
): Workload => {
  const ofKind = requests
    .map(({ resourceMetrics }) => ({
      resourceMetrics: resourceMetrics
        .map((resource) => ({
          ...resource,
          scopeMetrics: resource.scopeMetrics
            .map((scope) => ({
              ...scope,
              metrics: scope.metrics.filter((metric) => metric[kind] !== undefined),
            }))
            .filter(({ metrics }) => metrics.length > 0),
        }))
        .filter(({ scopeMetrics }) => scopeMetrics.length > 0),
    }))
    .filter(({ resourceMetrics }) => resourceMetrics.length > 0)
  return workload(kind, 'metrics', ofKind, (request) => pointCounts(request, kind))
}

const pointCounts = ({ resourceMetrics }: ExportRequestBySignal['metrics'], kind: MetricKind): number[] =>
  resourceMetrics.flatMap(({ scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => metric[kind]?.dataPoints.length ?? 0)),
  )

const workload = <S extends Signal>(
  name: string,
  signal: S,
  requests: readonly ExportRequestBySignal[S][],
  itemCounts: (request: ExportRequestBySignal[S]) => number[],
): Workload => {
  const records = requests.map((request, offset) => ({
    offset,
    queuedAtMillis: Number(startUnixNano / 1_000_000n),
    tenant: 'default',
    payload: encodeExportRequest(signal, request),
  }))
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0)
  return {
    name,
    signal,
    records,
    itemCount: sum(requests.flatMap(itemCounts)),
    byteCount: sum(records.map(({ payload }) => payload.length)),
  }
}
