import type {
  ExportLogsServiceRequest,
  ExportMetricsServiceRequest,
  ExportTraceServiceRequest,
  LogRecord,
  Span,
} from '#telemetry/otlp/messages.ts'
import { gatherByPod } from './corpus/gather-by-pod.ts'
import { createLogMaker } from './corpus/logs.ts'
import { createMetricExporter } from './corpus/metrics.ts'
import { createPods, schemaUrl } from './corpus/pods.ts'
import { createRandomStream } from './corpus/random-stream.ts'
import { logScopeOf, scopeOf } from './corpus/scopes.ts'
import { services } from './corpus/shop.ts'
import { createSpanMaker } from './corpus/spans.ts'
import { createTraceSource } from './corpus/traces.ts'

export { spansPerTrace } from './corpus/flows.ts'
export {
  absentAttribute,
  absentWord,
  oneInMillion,
  oneInTen,
  oneInThousand,
  wordOneInMillion,
  wordOneInTen,
  wordOneInThousand,
} from './corpus/known-values.ts'

/**
 * A seeded corpus shaped like a real shop's telemetry: 20 services in 200 pods. Equal seeds make equal corpora, ids
 * included. Each signal has a random stream of its own, so they can be asked for in any order.
 *
 * Bytes of OTLP are those of the protobuf requests divided by their items, with 512 items in a request; resource and
 * scopes are 2 bytes of that.
 *
 * - Spans: 407 bytes, 17 a trace, with 17 resource and on average 9 span attributes; 83 bytes each in the exporter's
 *   ClickHouse table without indexes, once merged. 1.4 % have failed, 2.4 % have an exception, one in 1400 a link, and
 *   traces of one in 20 were sampled at a half (`ot=th:8`). Consumers start after their producers have ended, other
 *   children lie inside their parents. `oneInTen`, `oneInThousand` and `oneInMillion` are attributes of every span.
 * - Log records: 377 bytes, 150 of them text of the body; one for three spans, one in ten without a trace.
 *   `wordOneInTen`, `wordOneInThousand` and `wordOneInMillion` are in every body.
 * - Metric points: 205 bytes, 49 a pod and collection, of all kinds. An explicit histogram takes 426 bytes, an
 *   exponential one 248, a summary 210, a sum and a gauge 93, each with its share of the metric's name and description.
 *
 * What is constant (resources, scopes, attributes that do not change) is shared between requests; items and their lists
 * of attributes are made for each of them.
 */
export interface Corpus {
  /** One export for each pod that took part in `traceCount` traces, which start within `spreadNanos` after this time. */
  nextExports(
    traceCount: number,
    startTimeUnixNano: bigint,
    spreadNanos?: number,
  ): ExportTraceServiceRequest[]
  /**
   * What the same pods log while they serve `traceCount` traces. The n-th trace here is the n-th trace of `nextExports`,
   * with the same ids and, where the other two arguments are the same, at the same time.
   */
  nextLogExports(
    traceCount: number,
    startTimeUnixNano: bigint,
    spreadNanos?: number,
  ): ExportLogsServiceRequest[]
  /**
   * What all pods report at this moment, one export a pod; a counter has grown by the time since the call before. The
   * exemplars are of the corpus' first traces, 30 more a call.
   */
  nextMetricExports(timeUnixNano: bigint): ExportMetricsServiceRequest[]
}

export const serviceNames: readonly string[] = services.map(({ name }) => name)

export const createCorpus = (seed: number): Corpus => {
  const pods = createPods(createRandomStream(seed, 'pods'))
  const traceSource = () => createTraceSource(createRandomStream(seed, 'traces'), pods)
  const nextTrace = traceSource()
  const nextLoggedTrace = traceSource()
  const nextExemplarTrace = traceSource()
  const makeSpans = createSpanMaker(createRandomStream(seed, 'spans'))
  const makeLogs = createLogMaker(createRandomStream(seed, 'logs'), pods)
  return {
    nextExports: (traceCount, startTimeUnixNano, spreadNanos = 0) => {
      const gathered = gatherByPod<Span>()
      for (let count = 0; count < traceCount; count++) {
        const trace = nextTrace(startTimeUnixNano, spreadNanos)
        for (const [index, span] of makeSpans(trace).entries()) {
          const madeIn = trace.spans[index]
          if (madeIn !== undefined) gathered.add(madeIn.pod, scopeOf(madeIn.operation), span)
        }
      }
      return gathered.pods().map(({ pod: { resource }, scopes }) => ({
        resourceSpans: [
          {
            resource,
            schemaUrl,
            scopeSpans: scopes.map(({ scope, items }) => ({ scope, schemaUrl: '', spans: items })),
          },
        ],
      }))
    },
    nextLogExports: (traceCount, startTimeUnixNano, spreadNanos = 0) => {
      const gathered = gatherByPod<LogRecord>()
      for (let count = 0; count < traceCount; count++) {
        for (const { pod, record } of makeLogs(nextLoggedTrace(startTimeUnixNano, spreadNanos)))
          gathered.add(pod, logScopeOf(pod.service), record)
      }
      return gathered.pods().map(({ pod: { resource }, scopes }) => ({
        resourceLogs: [
          {
            resource,
            schemaUrl,
            scopeLogs: scopes.map(({ scope, items }) => ({ scope, schemaUrl: '', logRecords: items })),
          },
        ],
      }))
    },
    nextMetricExports: createMetricExporter(createRandomStream(seed, 'metrics'), pods, () =>
      nextExemplarTrace(0n, 0),
    ),
  }
}

export const spansOf = (request: ExportTraceServiceRequest): Span[] =>
  request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
