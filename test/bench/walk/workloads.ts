import type { QueuedRecord } from '#collector/queue/queue.ts'
import type { ExportRequestBySignal, Metric, Signal } from '#telemetry/otlp/messages.ts'
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
    ...metricKinds.map((kind) => metricWorkload(kind, metrics)),
  ]
}

/** As if each pod reported one kind only. */
const metricWorkload = (
  kind: MetricKind,
  requests: readonly ExportRequestBySignal['metrics'][],
): Workload => {
  const ofKind = requests.map(({ resourceMetrics }) => ({
    resourceMetrics: resourceMetrics.map((resource) => ({
      ...resource,
      scopeMetrics: resource.scopeMetrics.map((scope) => ({
        ...scope,
        metrics: scope.metrics.filter((metric) => metric[kind] !== undefined),
      })),
    })),
  }))
  return workload(kind, 'metrics', ofKind, ({ resourceMetrics }) =>
    resourceMetrics.flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics.map((metric) => pointCount(metric, kind))),
    ),
  )
}

const pointCount = (metric: Metric, kind: MetricKind): number => metric[kind]?.dataPoints.length ?? 0

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
