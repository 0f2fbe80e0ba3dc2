import type { KeyValue, Span, SpanEvent, SpanLink, Status } from '#telemetry/otlp/messages.ts'
import { type AttributesOf, createAttributesOf } from './span-attributes.ts'
import { type Operation, spanKinds } from './flows.ts'
import { type Failure, failureOf, stackTrace } from './failures.ts'
import { text } from './key-values.ts'
import { knownAttributeAt, oneInMillion, oneInThousand } from './known-values.ts'
import type { RandomStream } from './random-stream.ts'
import type { RequestFacts, Trace, TraceSpan } from './traces.ts'

const exceptionOfFailedProbability = 0.75
const handledExceptionProbability = 0.013
const linkProbability = 0.03

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

  /** Not every failure is recorded as an event, and some that are were handled. */
  const exceptionIn = (span: TraceSpan): Failure | undefined => {
    if (span.failure !== undefined)
      return random.happens(exceptionOfFailedProbability) ? span.failure : undefined
    return random.happens(handledExceptionProbability) ? failureOf(span, random) : undefined
  }

  const exceptionEvent = (span: TraceSpan, failure: Failure, endUnixNano: bigint): SpanEvent => ({
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
    const { facts } = trace
    const spans = trace.spans.map((span): Span => {
      const exception = exceptionIn(span)
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
        events: exception === undefined ? [] : [exceptionEvent(span, exception, endTimeUnixNano)],
        droppedEventsCount: 0,
        links: links(span),
        droppedLinksCount: 0,
        status: span.failure === undefined ? unset : { code: 2, message: span.failure.message },
      }
    })
    linked = linkTo(spans[0])
    return spans
  }
}

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
