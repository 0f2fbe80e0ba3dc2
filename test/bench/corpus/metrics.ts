import type {
  Exemplar,
  ExportMetricsServiceRequest,
  Resource,
  ResourceMetrics,
} from '#telemetry/otlp/messages.ts'
import { integer } from './key-values.ts'
import { type CollectedScope, createPodMetrics, type PodMetrics } from './pod-metrics.ts'
import { type Pod, schemaUrl } from './pods.ts'
import type { RandomStream } from './random-stream.ts'
import type { Trace, TraceSpan } from './traces.ts'

const exemplarProbability = 0.2
/** Whose spans the exemplars of one collection are taken from. */
const tracesPerCollection = 30

export const createMetricExporter = (
  random: RandomStream,
  pods: readonly Pod[],
  nextTrace: () => Trace,
): ((timeUnixNano: bigint) => ExportMetricsServiceRequest[]) => {
  const exporters = pods.map((pod) => createPodExporter(pod, random))
  return (timeUnixNano) => {
    const exemplarSpans = spansByPod(Array.from({ length: tracesPerCollection }, nextTrace))
    return exporters.map((exporter) => exporter(timeUnixNano, exemplarSpans))
  }
}

interface ExemplarSpan {
  traceId: Uint8Array
  span: TraceSpan
}

const spansByPod = (traces: readonly Trace[]): ReadonlyMap<Pod, ExemplarSpan> =>
  new Map(traces.flatMap(({ traceId, spans }) => spans.map((span) => [span.pod, { traceId, span }])))

const createPodExporter = (pod: Pod, random: RandomStream) => {
  let metrics: PodMetrics | undefined
  let processStartUnixNano = 0n
  let previousUnixNano = 0n
  const kubeletResource = kubeletResourceOf(pod)

  return (
    timeUnixNano: bigint,
    exemplarSpans: ReadonlyMap<Pod, ExemplarSpan>,
  ): ExportMetricsServiceRequest => {
    if (metrics === undefined) {
      metrics = createPodMetrics(pod, random)
      processStartUnixNano = previousUnixNano = timeUnixNano - pod.ageNanos
    }
    const exemplarSpan = exemplarSpans.get(pod)
    const collection = {
      timeUnixNano,
      previousUnixNano,
      processStartUnixNano,
      secondsSincePrevious: Number(timeUnixNano - previousUnixNano) / 1e9,
      exemplars: (value: number): Exemplar[] =>
        exemplarSpan !== undefined && random.happens(exemplarProbability)
          ? [exemplarOf(exemplarSpan, value, timeUnixNano - BigInt(random.below(10_000_000_000)))]
          : [],
    }
    previousUnixNano = timeUnixNano
    return {
      resourceMetrics: [
        ofResource(pod.resource, metrics.sdk(collection)),
        ofResource(kubeletResource, metrics.kubelet(collection)),
      ],
    }
  }
}

const exemplarOf = ({ traceId, span }: ExemplarSpan, value: number, timeUnixNano: bigint): Exemplar => ({
  filteredAttributes: [integer('thread.id', 20)],
  timeUnixNano,
  asDouble: value,
  spanId: span.spanId,
  traceId,
})

const ofResource = (resource: Resource, scopes: CollectedScope[]): ResourceMetrics => ({
  resource,
  schemaUrl,
  scopeMetrics: scopes.map(({ scope, metrics }) => ({ scope, schemaUrl: '', metrics })),
})

/** Without what only the SDK knows. */
const kubeletResourceOf = ({ resource }: Pod): Resource => ({
  ...resource,
  attributes: resource.attributes.filter(({ key }) => key.startsWith('k8s.') || kubeletKnows.has(key)),
})

const kubeletKnows = new Set([
  'service.name',
  'service.namespace',
  'deployment.environment.name',
  'container.id',
])
