import type {
  ExportLogsServiceRequest,
  ExportTraceServiceRequest,
  LogRecord,
  Span,
} from '#telemetry/otlp/messages.ts'
import { gatherByPod } from './corpus/gather-by-pod.ts'
import { createLogMaker } from './corpus/logs.ts'
import { createPods } from './corpus/pods.ts'
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
 * A seeded corpus shaped like a real shop's telemetry: 20 services in 200 pods, 17 spans a trace. Equal seeds make equal
 * corpora, ids included.
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
}

export const serviceNames: readonly string[] = services.map(({ name }) => name)

export const spansOf = (request: ExportTraceServiceRequest): Span[] =>
  request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))

const schemaUrl = 'https://opentelemetry.io/schemas/1.44.0'

export const createCorpus = (seed: number): Corpus => {
  const pods = createPods(createRandomStream(seed, 'pods'))
  const nextTrace = createTraceSource(createRandomStream(seed, 'traces'), pods)
  // Its own source of the same traces, so that logs and spans can be asked for in any order.
  const nextLoggedTrace = createTraceSource(createRandomStream(seed, 'traces'), pods)
  const makeLogs = createLogMaker(createRandomStream(seed, 'logs'), pods)
  const makeSpans = createSpanMaker(createRandomStream(seed, 'spans'))
  return {
    nextExports: (traceCount, startTimeUnixNano, spreadNanos = 0) => {
      const gathered = gatherByPod<Span>()
      for (let count = 0; count < traceCount; count++) {
        const trace = nextTrace(startTimeUnixNano, spreadNanos)
        const spans = makeSpans(trace)
        for (const [index, { pod, operation }] of trace.spans.entries()) {
          const span = spans[index]
          if (span !== undefined) gathered.add(pod, scopeOf(operation), span)
        }
      }
      return gathered.pods().map(({ pod, scopes }) => ({
        resourceSpans: [
          {
            resource: pod.resource,
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
      return gathered.pods().map(({ pod, scopes }) => ({
        resourceLogs: [
          {
            resource: pod.resource,
            schemaUrl,
            scopeLogs: scopes.map(({ scope, items }) => ({ scope, schemaUrl: '', logRecords: items })),
          },
        ],
      }))
    },
  }
}
