import type { KeyValue, Span, SpanEvent, SpanLink, Status } from '#telemetry/otlp/messages.ts'
import { type AttributesOf, createAttributesOf } from './span-attributes.ts'
import { type Operation, spanKinds } from './flows.ts'
import { type Failure, failureOf, stackTrace } from './failures.ts'
import { text } from './key-values.ts'
import { indexAt, knownAttributeAt, oneInMillion, oneInTen, oneInThousand } from './known-values.ts'
import type { RandomStream } from './random-stream.ts'
import type { Trace, TraceSpan } from './traces.ts'

const exceptionOfFailedProbability = 0.75
const handledExceptionProbability = 0.013
const linkProbability = 0.03
const sampledByThresholdProbability = 0.05

/** What the spans of one trace say about the request that they serve. */
export interface RequestFacts {
  country: KeyValue
  customerId: KeyValue
  sessionId: KeyValue
  orderNumber: number
  userAgent: number
  clientAddress: string
  traceState: string
}

export const createSpanMaker = (random: RandomStream): ((trace: Trace) => Span[]) => {
  const attributesOf = new Map<Operation, AttributesOf>()
  let spanCount = 0
  let linked: SpanLink | undefined

  const attributes = (span: TraceSpan, facts: RequestFacts): KeyValue[] => {
    let describe = attributesOf.get(span.operation)
    if (describe === undefined) {
      describe = createAttributesOf(span.operation)
      attributesOf.set(span.operation, describe)
    }
    const described = describe(span, facts, random)
    described.push(
      facts.country,
      knownAttributeAt(oneInThousand, spanCount),
      knownAttributeAt(oneInMillion, spanCount),
    )
    spanCount++
    return described
  }

  const exception = (span: TraceSpan, failure: Failure, endUnixNano: bigint): SpanEvent => ({
    timeUnixNano: endUnixNano - BigInt(random.below(Math.min(40_000, Math.floor(span.durationNanos)) + 1)),
    name: 'exception',
    droppedAttributesCount: 0,
    attributes: [
      text('exception.type', failure.type),
      text('exception.message', failure.message),
      text('exception.stacktrace', stackTrace(span, failure, random)),
    ],
  })

  const links = ({ operation }: TraceSpan): SpanLink[] =>
    linked !== undefined && operation.kind === spanKinds.consumer && random.happens(linkProbability)
      ? [linked]
      : []

  return (trace) => {
    const facts = factsOf(trace, random)
    const spans = trace.spans.map((span): Span => {
      const { hasFailed } = span
      const hasException = random.happens(
        hasFailed ? exceptionOfFailedProbability : handledExceptionProbability,
      )
      const failure = hasFailed || hasException ? failureOf(span, random) : undefined
      const startTimeUnixNano = trace.startUnixNano + BigInt(Math.floor(span.startNanos))
      const endTimeUnixNano = trace.startUnixNano + BigInt(Math.floor(span.startNanos + span.durationNanos))
      const isCalledFromElsewhere = span.parent !== undefined && span.parent.pod !== span.pod
      return {
        traceId: trace.traceId,
        spanId: span.spanId,
        traceState: facts.traceState,
        parentSpanId: span.parent?.spanId ?? noId,
        flags: isCalledFromElsewhere ? 0x301 : 0x101,
        name: span.operation.spanName,
        kind: span.operation.kind,
        startTimeUnixNano,
        endTimeUnixNano,
        attributes: attributes(span, facts),
        droppedAttributesCount: 0,
        events: failure !== undefined && hasException ? [exception(span, failure, endTimeUnixNano)] : [],
        droppedEventsCount: 0,
        links: links(span),
        droppedLinksCount: 0,
        status: failure !== undefined && hasFailed ? { code: 2, message: failure.message } : unset,
      }
    })
    linked = linkTo(spans[0])
    return spans
  }
}

const factsOf = (trace: Trace, random: RandomStream): RequestFacts => ({
  country: text(oneInTen.key, oneInTen.value(indexAt(trace.number, oneInTen.valueCount))),
  customerId: text('user.id', `c-${random.hex(4)}`),
  sessionId: text('session.id', Buffer.from(random.bytes(15)).toString('base64url')),
  orderNumber: 4_000_000_000 + random.below(900_000_000),
  userAgent: Math.floor(random.next() ** 2 * 1000),
  clientAddress: `${11 + random.below(180)}.${random.below(256)}.${random.below(256)}.${random.below(256)}`,
  traceState: random.happens(sampledByThresholdProbability)
    ? `ot=th:8;rv:${random.pick(['8', '9', 'a', 'b', 'c', 'd', 'e', 'f'])}${random.hex(7).slice(1)}`
    : '',
})

const linkTo = (span: Span | undefined): SpanLink | undefined =>
  span && {
    traceId: span.traceId,
    spanId: span.spanId,
    traceState: '',
    attributes: [text('messaging.operation.type', 'receive')],
    droppedAttributesCount: 0,
    flags: 0x101,
  }

const noId = new Uint8Array()
const unset: Status = { code: 0, message: '' }
