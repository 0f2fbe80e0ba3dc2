import type { KeyValue } from '#telemetry/otlp/messages.ts'
import { type Flow, type Operation, childrenMax, createFlows, spanKinds, spansPerTrace } from './flows.ts'
import { type Failure, failureOf } from './failures.ts'
import { text } from './key-values.ts'
import { knownAttributeAt, oneInTen } from './known-values.ts'
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
  failure: Failure | undefined
}

/** What a request tells the services on its way. */
export interface RequestFacts {
  country: KeyValue
  customerId: KeyValue
  sessionId: KeyValue
  orderNumber: number
  userAgent: number
  clientAddress: string
  traceState: string
}

export interface Trace {
  traceId: Uint8Array
  startUnixNano: bigint
  facts: RequestFacts
  spans: TraceSpan[]
}

/** By itself; its callers mostly fail with it. */
const ownFailureProbability = 0.0052
const failsWithCalleeProbability = 0.7
const sampledByThresholdProbability = 0.05
/** A consumer takes its message this long after it was sent. */
const queuedMedianNanos = 12_000_000
const wireMedianNanos = 220_000
/** Some flows are much more frequent than others. */
const flowSkew = 2.2

const flows = createFlows()

/** Equal streams make equal traces, whatever else is drawn from others. */
export const createTraceSource = (
  random: RandomStream,
  pods: readonly Pod[],
): ((startUnixNano: bigint, spreadNanos: number) => Trace) => {
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
        failure: undefined,
      }
      if (parent !== undefined && operation.kind === spanKinds.server) parent.answeredBy = span
      spans.push(span)
    }
    spendTime(spans, random)
    fail(spans, random)
    return spans
  }

  return (startUnixNano, spreadNanos) => ({
    traceId: random.bytes(16),
    startUnixNano: startUnixNano + BigInt(Math.floor(random.next() * spreadNanos)),
    facts: factsOf(traceCount++, random),
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
  }
  for (const span of spans) {
    const { parent } = span
    if (parent !== undefined) span.startNanos = startBelow(parent, span, random)
    span.busyUntilNanos = span.startNanos
  }
}

/** From the leaves to the entry: a call fails with its callee always, everything else mostly. */
const fail = (spans: readonly TraceSpan[], random: RandomStream): void => {
  for (let index = spansPerTrace - 1; index >= 0; index--) {
    const span = spans[index]
    if (span === undefined) continue
    if (span.failure === undefined && random.happens(ownFailureProbability))
      span.failure = failureOf(span, random)
    const { parent, failure, operation } = span
    if (failure === undefined || parent === undefined || operation.kind === spanKinds.consumer) continue
    if (parent.answeredBy === span || random.happens(failsWithCalleeProbability))
      parent.failure ??= failureOf(parent, random)
  }
}

const factsOf = (traceNumber: number, random: RandomStream): RequestFacts => ({
  country: knownAttributeAt(oneInTen, traceNumber),
  customerId: text('user.id', `c-${random.hex(4)}`),
  sessionId: text('session.id', Buffer.from(random.bytes(15)).toString('base64url')),
  orderNumber: 4_000_000_000 + random.below(900_000_000),
  userAgent: Math.floor(random.next() ** 2 * 1000),
  clientAddress: `${11 + random.below(180)}.${random.below(256)}.${random.below(256)}.${random.below(256)}`,
  traceState: random.happens(sampledByThresholdProbability) ? `ot=th:8;rv:${sampledRandomness(random)}` : '',
})

/** 56 bits that are not below the threshold 8, which keeps every other trace. */
const sampledRandomness = (random: RandomStream): string =>
  `${'89abcdef'.charAt(random.below(8))}${random.hex(7).slice(1)}`

const startBelow = (parent: TraceSpan, span: TraceSpan, random: RandomStream): number => {
  const parentEnd = parent.startNanos + parent.durationNanos
  if (span.operation.kind === spanKinds.consumer) return parentEnd + random.lognormal(queuedMedianNanos, 0.9)
  if (parent.answeredBy === span) return parentEnd - (parent.durationNanos + span.durationNanos) / 2
  const startNanos = parent.busyUntilNanos + parent.ownNanos / (childrenMax + 1)
  parent.busyUntilNanos = startNanos + span.durationNanos
  return startNanos
}
