import type { z } from '@hono/zod-openapi'
import type { StoredLogRecord } from '#storage/logs/log-store.ts'
import type { StoredPod } from '#storage/pods/pod-store.ts'
import type { StoredResource } from '#storage/resource-rows.ts'
import type { FoundTrace, StoredSpan } from '#storage/traces/trace-store.ts'
import type {
  logSchema,
  podSchema,
  resourceSchema,
  spanKindSchema,
  spanSchema,
  traceSummarySchema,
} from './schemas.ts'

/** What the store knows, in the words of the API. */
export type PodAnswer = z.infer<typeof podSchema>

const kinds = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer'] as const
const statuses = ['Unset', 'Ok', 'Error'] as const
const servicesPerTraceMax = 50
const podNamesPerTraceMax = 20

/** A kind that OTLP does not know (yet) is `Unspecified`. */
export const kindName = (kind: number): z.infer<typeof spanKindSchema> => kinds[kind] ?? 'Unspecified'

export const resourceAnswer = (resource: StoredResource | undefined): z.infer<typeof resourceSchema> => ({
  serviceName: resource?.serviceName ?? '',
  serviceNamespace: resource?.serviceNamespace ?? '',
  environment: resource?.environment ?? '',
  serviceVersion: resource?.serviceVersion ?? '',
  attributes: resource?.attributes ?? [],
})

export const podAnswer = (pod: StoredPod, spanCount?: number): PodAnswer => ({
  uid: pod.uid,
  name: pod.name,
  namespace: pod.namespace,
  node: pod.node,
  serviceName: pod.resource.serviceName,
  serviceVersion: pod.resource.serviceVersion,
  environment: pod.resource.environment,
  container: pod.container,
  firstSeenTimeUnixNano: pod.firstSeenTimeUnixNano,
  lastSeenTimeUnixNano: pod.lastSeenTimeUnixNano,
  state: pod.state,
  end: pod.end,
  containerEnds: pod.containerEnds,
  restartCount: pod.restartCount,
  ...(spanCount !== undefined && { spanCount }),
})

export const spanAnswer = (
  { statusCode, kind, ...span }: StoredSpan,
  resource: StoredResource | undefined,
): z.infer<typeof spanSchema> => ({
  ...span,
  kind: kindName(kind),
  status: statuses[statusCode] ?? 'Unset',
  serviceName: resource?.serviceName ?? '',
  podUid: resource?.podUid ?? '',
})

export const logAnswer = ({ resource, ...log }: StoredLogRecord): z.infer<typeof logSchema> => ({
  ...log,
  serviceName: resource?.serviceName ?? '',
  podUid: resource?.podUid ?? '',
})

/** Services with the most spans first, at most 50; at most 20 names of pods. */
export const summaryAnswer = (
  trace: FoundTrace,
  pods: ReadonlyMap<string, StoredPod>,
): z.infer<typeof traceSummarySchema> => {
  const podKeys = [...new Set(trace.parts.flatMap(({ resource }) => resource?.podUid || []))]
  const gone = podKeys.map((key) => pods.get(key)).filter((pod) => pod?.state === 'gone')
  const names = new Set(trace.parts.flatMap(({ resource }) => resource?.podName || resource?.podUid || []))
  return {
    traceId: trace.traceId,
    startTimeUnixNano: trace.startTimeUnixNano,
    durationNanos: trace.durationNanos,
    rootService: trace.lead.resource?.serviceName ?? '',
    rootOperation: trace.lead.operation,
    hasRoot: trace.hasRoot,
    spanCount: trace.spanCount,
    errorCount: trace.errorCount,
    services: servicesOf(trace).slice(0, servicesPerTraceMax),
    matchedSpan: {
      service: trace.matched.resource?.serviceName ?? '',
      operation: trace.matched.operation,
      durationNanos: trace.matched.durationNanos,
      startTimeUnixNano: trace.matched.startTimeUnixNano,
      isError: trace.matched.isError,
    },
    podsGone: gone.length,
    podsFailed: podKeys.filter((key) => hasFailedNear(pods.get(key), trace)).length,
    pods: [...names].toSorted().slice(0, podNamesPerTraceMax),
  }
}

/** A pod serves many traces before it fails; its failure is told of those that it may have cut short or followed from. */
const failureReachNanos = 60_000_000_000n

const hasFailedNear = (pod: StoredPod | undefined, trace: FoundTrace): boolean => {
  if (pod === undefined) return false
  const start = BigInt(trace.startTimeUnixNano)
  // Kubernetes tells the time of an end in whole seconds, rounded down.
  const earliest = start - 1_000_000_000n
  const latest = start + BigInt(trace.durationNanos) + failureReachNanos
  return [...pod.containerEnds, ...(pod.end === null ? [] : [pod.end])].some(
    ({ isFailure, timeUnixNano }) => {
      const time = BigInt(timeUnixNano)
      return isFailure && time >= earliest && time <= latest
    },
  )
}

/** The keys of all pods that took part in these traces. */
export const podKeysOf = (traces: readonly FoundTrace[]): string[] =>
  traces.flatMap(({ parts }) => parts.flatMap(({ resource }) => resource?.podUid || []))

const servicesOf = ({ parts }: FoundTrace): { name: string; spanCount: number; errorCount: number }[] => {
  const services = new Map<string, { name: string; spanCount: number; errorCount: number }>()
  for (const { resource, spanCount, errorCount } of parts) {
    const name = resource?.serviceName ?? ''
    const service = services.get(name) ?? { name, spanCount: 0, errorCount: 0 }
    service.spanCount += spanCount
    service.errorCount += errorCount
    services.set(name, service)
  }
  return [...services.values()].toSorted((a, b) => b.spanCount - a.spanCount || (a.name < b.name ? -1 : 1))
}
