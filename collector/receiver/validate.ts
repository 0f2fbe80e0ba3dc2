import type { ExportRequestBySignal, Signal } from '#telemetry/otlp/messages.ts'
import { timeWindow, type TimeWindow } from './item-rules.ts'
import { attributesMax, createTally, type RejectionReason, type Tally } from './rejections.ts'
import { copiedBytesMaxOf, sharedBytesOf } from './shared-bytes.ts'
import { createSift, mapChanged, type Sift } from './sift.ts'
import { whyRejectLogRecord, withUsableIds } from './validate-logs.ts'
import { siftMetrics } from './validate-metrics.ts'
import { whyRejectSpan, withUsableParent } from './validate-spans.ts'

export interface Validation<S extends Signal> {
  /** Without the rejected items; the very object that came in when nothing had to change. */
  request: ExportRequestBySignal[S]
  tally: Tally
}

/** Keeps what the store can hold and what lies within [now - retention, now + 1 h]; one bad item costs only itself. */
export const validateExport = <S extends Signal>(
  signal: S,
  request: ExportRequestBySignal[S],
  options: { nowMillis: number; retentionNanos: bigint; requestBytes: number },
): Validation<S> => {
  const tally = createTally()
  const sift = createSift(tally, copiedBytesMaxOf(options.requestBytes))
  return { request: validators[signal](request, timeWindow(options), sift), tally }
}

type Validator<S extends Signal> = (
  request: ExportRequestBySignal[S],
  window: TimeWindow,
  sift: Sift,
) => ExportRequestBySignal[S]

const validateTraces: Validator<'traces'> = (request, window, sift) => {
  const resourceSpans = mapChanged(request.resourceSpans, (resource) => {
    const scopeSpans = mapChanged(resource.scopeSpans, (scope) => {
      const kept = sift(
        scope.spans,
        whyRejectWith(resource.resource, scope.scope) ?? ((span) => whyRejectSpan(span, window)),
        (span) => span.name,
        sharedBytesOf(scope.scope?.attributes),
      )
      const spans = mapChanged(kept, withUsableParent)
      return spans === scope.spans ? scope : { ...scope, spans }
    })
    return scopeSpans === resource.scopeSpans ? resource : { ...resource, scopeSpans }
  })
  return resourceSpans === request.resourceSpans ? request : { resourceSpans }
}

const validateLogs: Validator<'logs'> = (request, window, sift) => {
  const resourceLogs = mapChanged(request.resourceLogs, (resource) => {
    const scopeLogs = mapChanged(resource.scopeLogs, (scope) => {
      const kept = sift(
        scope.logRecords,
        whyRejectWith(resource.resource, scope.scope) ?? ((record) => whyRejectLogRecord(record, window)),
        (record) => record.eventName,
        sharedBytesOf(scope.scope?.attributes),
      )
      const logRecords = mapChanged(kept, withUsableIds)
      return logRecords === scope.logRecords ? scope : { ...scope, logRecords }
    })
    return scopeLogs === resource.scopeLogs ? resource : { ...resource, scopeLogs }
  })
  return resourceLogs === request.resourceLogs ? request : { resourceLogs }
}

const validateMetrics: Validator<'metrics'> = (request, window, sift) => {
  const resourceMetrics = mapChanged(request.resourceMetrics, (resource) => {
    const scopeMetrics = mapChanged(resource.scopeMetrics, (scope) => {
      const sharedBytes = sharedBytesOf(scope.scope?.attributes)
      const whyRejectAll = whyRejectWith(resource.resource, scope.scope)
      const metrics = siftMetrics(scope.metrics, { window, sift, sharedBytes, whyRejectAll })
      return metrics === scope.metrics ? scope : { ...scope, metrics }
    })
    return scopeMetrics === resource.scopeMetrics ? resource : { ...resource, scopeMetrics }
  })
  return resourceMetrics === request.resourceMetrics ? request : { resourceMetrics }
}

const validators: { [S in Signal]: Validator<S> } = {
  traces: validateTraces,
  logs: validateLogs,
  metrics: validateMetrics,
}

/** Every item of a resource or scope with too many attributes is rejected with it. */
const whyRejectWith = (
  ...owners: ({ attributes: readonly unknown[] } | undefined)[]
): (() => RejectionReason) | undefined =>
  owners.some((owner) => (owner?.attributes.length ?? 0) > attributesMax)
    ? () => 'too_many_attributes'
    : undefined
