import type { Attributes } from '@opentelemetry/api'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import type { ByteBudget } from './byte-budget.ts'
import type { RefusalReason } from './refusal.ts'
import type { RejectionReason } from './rejections.ts'

export type Transport = 'http' | 'grpc'

/** Totals since the start, for the status page. */
export interface ReceiverCounts {
  accepted: Record<Signal, number>
  refused: Record<Signal, number>
  duplicateRequests: number
  bytesInUse: number
  bytesInUseMax: number
}

export interface ReceiverMetrics {
  accepted(signal: Signal, items: number): void
  refused(signal: Signal, items: number, reason: RejectionReason | RefusalReason): void
  duplicate(signal: Signal): void
  request(request: { transport: Transport; signal: Signal | 'none'; code: string; bytes: number }): void
  counts(): ReceiverCounts
}

/** The OpenTelemetry Collector's names, so that its dashboards fit. */
const itemNames: Record<Signal, string> = { traces: 'spans', logs: 'log_records', metrics: 'metric_points' }
const requestBytesBoundaries = [1 << 10, 1 << 13, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26]

export const createReceiverMetrics = ({ meter }: SelfMetrics, budget: ByteBudget): ReceiverMetrics => {
  const counters = (kind: string, description: string) => {
    const bySignal = new Map(
      signals.map((signal) => [
        signal,
        meter.createCounter(`receiver_${kind}_${itemNames[signal]}`, { description }),
      ]),
    )
    return (signal: Signal, items: number, attributes?: Attributes) =>
      bySignal.get(signal)?.add(items, attributes)
  }
  const countAccepted = counters('accepted', 'Items that were queued')
  const countRefused = counters('refused', 'Items that were turned away')
  const duplicates = meter.createCounter('receiver_duplicate_requests', {
    description: 'Exports that a client sent again after the first was queued',
  })
  const requests = meter.createCounter('receiver_requests', {
    description: 'Export requests by what was answered',
  })
  const requestBytes = meter.createHistogram('receiver_request_bytes', {
    description: 'Size of export requests after decompression',
    unit: 'By',
    advice: { explicitBucketBoundaries: requestBytesBoundaries },
  })
  meter
    .createObservableGauge('receiver_bytes_in_use', {
      description: 'Request bytes held in memory',
      unit: 'By',
    })
    .addCallback((result) => result.observe(budget.bytesInUse))
  meter
    .createObservableGauge('receiver_bytes_in_use_max', {
      description: 'Request bytes that may be held',
      unit: 'By',
    })
    .addCallback((result) => result.observe(budget.bytesMax))

  const accepted: Record<Signal, number> = { traces: 0, logs: 0, metrics: 0 }
  const refused: Record<Signal, number> = { traces: 0, logs: 0, metrics: 0 }
  let duplicateRequests = 0
  return {
    accepted: (signal, items) => {
      accepted[signal] += items
      countAccepted(signal, items)
    },
    refused: (signal, items, reason) => {
      refused[signal] += items
      countRefused(signal, items, { reason })
    },
    duplicate: (signal) => {
      duplicateRequests++
      duplicates.add(1, { signal })
    },
    request: ({ transport, signal, code, bytes }) => {
      requests.add(1, { transport, signal, code })
      if (bytes > 0) requestBytes.record(bytes, { transport, signal })
    },
    counts: () => ({
      accepted: { ...accepted },
      refused: { ...refused },
      duplicateRequests,
      bytesInUse: budget.bytesInUse,
      bytesInUseMax: budget.bytesMax,
    }),
  }
}
