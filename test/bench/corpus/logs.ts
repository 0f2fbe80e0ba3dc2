import type { AnyValue, KeyValue, LogRecord } from '#telemetry/otlp/messages.ts'
import { stackTrace } from './failures.ts'
import type { Component } from './flows.ts'
import { boolean, double, integer, text } from './key-values.ts'
import { knownWordsAt } from './known-values.ts'
import {
  backgroundTemplates,
  failureTemplates,
  type LogTemplate,
  severities,
  spanTemplates,
} from './log-templates.ts'
import { type BodyWriter, createBodyWriter, type LogSubject } from './log-words.ts'
import type { Pod } from './pods.ts'
import type { RandomStream } from './random-stream.ts'
import type { Trace, TraceSpan } from './traces.ts'

/** Who wrote a record, and the record. */
export interface WrittenLog {
  pod: Pod
  record: LogRecord
}

/** Spans that failed write always. */
const recordProbability: Record<Component, number> = {
  http: 0.55,
  rpc: 0.22,
  database: 0.16,
  messaging: 0.6,
  application: 0.4,
}
const backgroundProbabilityPerTrace = 0.6
const stackTraceProbability = 0.4
const observedAfterNanosMax = 400_000
/** The first templates of a list are chosen more often than the last. */
const templateSkew = 1.4

export const createLogMaker = (
  random: RandomStream,
  pods: readonly Pod[],
): ((trace: Trace) => WrittenLog[]) => {
  const writers = new Map<LogTemplate, BodyWriter>()
  let recordCount = 0

  const bodyOf = (template: LogTemplate, subject: LogSubject): AnyValue => {
    let write = writers.get(template)
    if (write === undefined) {
      write = createBodyWriter(template.body)
      writers.set(template, write)
    }
    const message = `${write(subject, random)} ${knownWordsAt(recordCount++)}`
    return template.isStructured ? structuredBody(message, subject, random) : { stringValue: message }
  }

  const recordOf = (
    templates: readonly LogTemplate[],
    of: Pick<LogRecord, 'timeUnixNano' | 'traceId' | 'spanId' | 'attributes'> & { subject: LogSubject },
  ): LogRecord => {
    const template = templates[Math.floor(random.next() ** templateSkew * templates.length)]
    if (template === undefined) throw new Error('no template to choose from')
    return {
      timeUnixNano: of.timeUnixNano,
      observedTimeUnixNano: of.timeUnixNano + BigInt(random.below(observedAfterNanosMax)),
      severityNumber: severities[template.severity],
      severityText: template.severity,
      body: bodyOf(template, of.subject),
      attributes: of.attributes,
      droppedAttributesCount: 0,
      flags: of.traceId.length === 0 ? 0 : 1,
      traceId: of.traceId,
      spanId: of.spanId,
      eventName: template.eventName ?? '',
    }
  }

  const writtenIn = (trace: Trace, span: TraceSpan): WrittenLog => {
    const { operation, failure, pod } = span
    const atNanos = Math.floor(span.startNanos + random.next() * span.durationNanos)
    return {
      pod,
      record: recordOf(failure === undefined ? spanTemplates[operation.component] : failureTemplates, {
        timeUnixNano: trace.startUnixNano + BigInt(atNanos),
        traceId: trace.traceId,
        spanId: span.spanId,
        attributes: [...attributesOf(span, trace, random), ...exceptionOf(span, random)],
        subject: {
          operation: operation.spanName,
          customer: trace.facts.customerId.value?.stringValue ?? '',
          country: trace.facts.country.value?.stringValue ?? '',
          order: String(trace.facts.orderNumber),
          failure: failure?.message ?? '',
        },
      }),
    }
  }

  const writtenOutside = (trace: Trace): WrittenLog => ({
    pod: random.pick(pods),
    record: recordOf(backgroundTemplates, {
      timeUnixNano: trace.startUnixNano,
      traceId: noId,
      spanId: noId,
      attributes: [
        text('logger.name', 'runtime'),
        text('thread.name', random.pick(backgroundThreads)),
        integer('app.uptime.seconds', random.below(86_400)),
        double('app.load', random.below(400) / 100),
      ],
      subject: noSubject,
    }),
  })

  return (trace) => {
    const written: WrittenLog[] = []
    for (const span of trace.spans) {
      if (span.failure !== undefined || random.happens(recordProbability[span.operation.component]))
        written.push(writtenIn(trace, span))
    }
    if (random.happens(backgroundProbabilityPerTrace)) written.push(writtenOutside(trace))
    return written
  }
}

const attributesOf = ({ operation }: TraceSpan, { facts }: Trace, random: RandomStream): KeyValue[] => [
  text('logger.name', `shop.${operation.service.name}.${operation.component}`),
  text('thread.name', `worker-${random.below(32)}`),
  facts.customerId,
  double('app.elapsed.ms', Math.floor(random.lognormal(14_000, 1.3)) / 1000),
  ...(operation.component === 'http'
    ? [facts.sessionId, boolean('app.is_bot', random.happens(0.04))]
    : operation.component === 'rpc'
      ? [integer('app.attempt', 1 + (random.happens(0.05) ? 1 : 0))]
      : []),
]

const exceptionOf = (span: TraceSpan, random: RandomStream): KeyValue[] => {
  const { failure } = span
  if (failure === undefined) return []
  const type = text('exception.type', failure.type)
  return random.happens(stackTraceProbability)
    ? [type, text('exception.stacktrace', stackTrace(span, failure, random))]
    : [type]
}

const structuredBody = (message: string, subject: LogSubject, random: RandomStream): AnyValue => ({
  kvlistValue: {
    values: [
      text('message', message),
      text('operation', subject.operation),
      integer('lines', 1 + random.below(12)),
      double('amount', random.below(100_000) / 100),
      {
        key: 'order',
        value: { kvlistValue: { values: [text('id', subject.order), text('country', subject.country)] } },
      },
      {
        key: 'tags',
        value: { arrayValue: { values: [{ stringValue: subject.customer }, { boolValue: true }] } },
      },
    ],
  },
})

const noId = new Uint8Array()
const noSubject: LogSubject = { operation: '', customer: '', country: '', order: '', failure: '' }
const backgroundThreads = ['scheduler', 'gc', 'config-watcher', 'metrics-reader']
