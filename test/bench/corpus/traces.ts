import { type Flow, type Operation, childrenMax, createFlows, spanKinds, spansPerTrace } from './flows.ts'
import { type Pod, podsPerService } from './pods.ts'
import type { RandomStream } from './random-stream.ts'
import { services } from './shop.ts'

/** What spans, and the records that are written in them, have in common. */
export interface TraceSpan {
  operation: Operation
  pod: Pod
  parent: TraceSpan | undefined
  /** In the callee of a client. */
  answeredBy: TraceSpan | undefined
  spanId: Uint8Array
  /** Since the start of the trace. */
  startNanos: number
  durationNanos: number
  /** Of the duration, what it did not spend waiting for children. */
  ownNanos: number
  /** Children so far have ended by then. */
  busyUntilNanos: number
  hasFailed: boolean
}

export interface Trace {
  /** 0 for the first. */
  number: number
  traceId: Uint8Array
  startUnixNano: bigint
  spans: TraceSpan[]
}

/** A span fails by itself this often; its callers mostly fail with it. */
const ownFailureProbability = 0.0052
const failsWithCalleeProbability = 0.7
/** A consumer takes its message this long after it was sent. */
const queuedMedianNanos = 12_000_000
const wireMedianNanos = 220_000
/** Some flows are much more frequent than others. */
const flowSkew = 2.2

export const createTraceSource = (
  random: RandomStream,
  pods: readonly Pod[],
): ((startUnixNano: bigint, spreadNanos: number) => Trace) => {
  const flows = createFlows()
  const podsOf = new Map(
    services.map((service, index) => [
      service,
      pods.slice(index * podsPerService, (index + 1) * podsPerService),
    ]),
  )
  let traceCount = 0

  const spansOf = (flow: Flow): TraceSpan[] => {
    const spans: TraceSpan[] = []
    for (const { operation, parentIndex } of flow) {
      const parent = spans[parentIndex]
      const isArrival = operation.kind === spanKinds.server || operation.kind === spanKinds.consumer
      const ownNanos = random.lognormal(operation.ownMedianNanos, operation.ownSigma)
      const span: TraceSpan = {
        operation,
        pod:
          isArrival || parent === undefined ? random.pick(podsOf.get(operation.service) ?? []) : parent.pod,
        parent,
        answeredBy: undefined,
        spanId: random.bytes(8),
        startNanos: 0,
        durationNanos: ownNanos,
        ownNanos,
        busyUntilNanos: 0,
        hasFailed: random.happens(ownFailureProbability),
      }
      if (parent !== undefined && operation.kind === spanKinds.server) parent.answeredBy = span
      spans.push(span)
    }
    spendTime(spans, random)
    return spans
  }

  return (startUnixNano, spreadNanos) => ({
    number: traceCount++,
    traceId: random.bytes(16),
    startUnixNano: startUnixNano + BigInt(Math.floor(random.next() * spreadNanos)),
    spans: spansOf(flows[Math.floor(random.next() ** flowSkew * flows.length)] ?? []),
  })
}

/**
 * Callers wait for their callees one after the other and then go on for themselves, so children lie inside their parents;
 * only a consumer starts after its producer has ended.
 */
const spendTime = (spans: readonly TraceSpan[], random: RandomStream): void => {
  for (let index = spansPerTrace - 1; index > 0; index--) {
    const span = spans[index]
    const parent = span?.parent
    if (span === undefined || parent === undefined || span.operation.kind === spanKinds.consumer) continue
    parent.durationNanos +=
      parent.answeredBy === span
        ? span.durationNanos + random.lognormal(wireMedianNanos, 0.5)
        : span.durationNanos
    parent.hasFailed ||=
      span.hasFailed && (parent.answeredBy === span || random.happens(failsWithCalleeProbability))
  }
  for (const span of spans) {
    const { parent } = span
    if (parent !== undefined) span.startNanos = startBelow(parent, span, random)
    span.busyUntilNanos = span.startNanos
  }
}

const startBelow = (parent: TraceSpan, span: TraceSpan, random: RandomStream): number => {
  const parentEnd = parent.startNanos + parent.durationNanos
  if (span.operation.kind === spanKinds.consumer) return parentEnd + random.lognormal(queuedMedianNanos, 0.9)
  if (parent.answeredBy === span) return parentEnd - (parent.durationNanos + span.durationNanos) / 2
  const startNanos = parent.busyUntilNanos + parent.ownNanos / (childrenMax + 1)
  parent.busyUntilNanos = startNanos + span.durationNanos
  return startNanos
}
