import type { HistogramDataPoint, KeyValue, Metric } from '#telemetry/otlp/messages.ts'
import { isInWindow, isStorable, type TimeWindow } from './item-rules.ts'
import { attributesMax, type RejectionReason } from './rejections.ts'
import { sharedBytesOf } from './shared-bytes.ts'
import { type Sift, mapChanged } from './sift.ts'

interface Point {
  attributes: readonly KeyValue[]
  startTimeUnixNano: bigint
  timeUnixNano: bigint
}

const whyRejectPoint = (point: Point, window: TimeWindow): RejectionReason | undefined => {
  if (!isInWindow(point.timeUnixNano, window)) return 'time_out_of_range'
  if (!isStorable(point.startTimeUnixNano)) return 'time_not_storable'
  return point.attributes.length > attributesMax ? 'too_many_attributes' : undefined
}

const whyRejectHistogram = (point: HistogramDataPoint, window: TimeWindow): RejectionReason | undefined => {
  const { bucketCounts, explicitBounds } = point
  const isMatching = bucketCounts.length === 0 || bucketCounts.length === explicitBounds.length + 1
  return isMatching ? whyRejectPoint(point, window) : 'bucket_counts_mismatch'
}

/** The metrics with their good data points, the same objects where all are good. A metric of no kind has no points. */
export const siftMetrics = (metrics: Metric[], scope: MetricScope): Metric[] =>
  mapChanged(metrics, (metric) => siftMetric(metric, scope))

interface MetricScope {
  window: TimeWindow
  sift: Sift
  /** Of the scope's attributes. */
  sharedBytes: number
  /** Set where all points are rejected, for what they come with. */
  whyRejectAll: (() => RejectionReason) | undefined
}

const siftMetric = (metric: Metric, { window, sift, ...scope }: MetricScope): Metric => {
  const sharedBytes = scope.sharedBytes + sharedBytesOf(metric.metadata)
  const hasTooMuchMetadata = metric.metadata.length > attributesMax
  const whyRejectAll = hasTooMuchMetadata ? () => 'too_many_attributes' as const : scope.whyRejectAll
  const { name, gauge, sum, histogram, exponentialHistogram, summary } = metric
  const siftPoints = <P extends Point, K extends { dataPoints: P[] }>(
    kind: K,
    why: (point: P, window: TimeWindow) => RejectionReason | undefined,
  ): K => {
    const dataPoints = sift(
      kind.dataPoints,
      whyRejectAll ?? ((point) => why(point, window)),
      () => name,
      sharedBytes,
    )
    return dataPoints === kind.dataPoints ? kind : { ...kind, dataPoints }
  }
  if (gauge !== undefined) return withKind(metric, 'gauge', siftPoints(gauge, whyRejectPoint))
  if (sum !== undefined) return withKind(metric, 'sum', siftPoints(sum, whyRejectPoint))
  if (histogram !== undefined) return withKind(metric, 'histogram', siftPoints(histogram, whyRejectHistogram))
  if (exponentialHistogram !== undefined) {
    return withKind(metric, 'exponentialHistogram', siftPoints(exponentialHistogram, whyRejectPoint))
  }
  return summary === undefined ? metric : withKind(metric, 'summary', siftPoints(summary, whyRejectPoint))
}

const withKind = <N extends keyof Metric>(metric: Metric, name: N, kind: Metric[N]): Metric =>
  metric[name] === kind ? metric : { ...metric, [name]: kind }
