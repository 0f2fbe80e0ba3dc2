import type { TimeRange } from '../read-scope.ts'
import type { TracePosition } from './trace-store.ts'

/** The newest first; of the same nanosecond, the greatest id first. */
export const newestFirst = (a: TracePosition, b: TracePosition): number =>
  a.startNanos === b.startNanos ? descending(a.traceId, b.traceId) : descending(a.startNanos, b.startNanos)

const descending = <T extends bigint | string>(a: T, b: T): number => (a === b ? 0 : a < b ? 1 : -1)

/** Where a search begins that goes on after a position. */
export const startOf = (
  { fromNanos, toNanos }: TimeRange,
  after: TracePosition | undefined,
): TracePosition => {
  if (after === undefined || after.startNanos >= toNanos) return { startNanos: toNanos, traceId: '' }
  return after.startNanos < fromNanos ? { startNanos: fromNanos, traceId: '' } : after
}

/** Nothing of the range is left behind this position. */
export const isPast = ({ startNanos, traceId }: TracePosition, { fromNanos }: TimeRange): boolean =>
  startNanos <= fromNanos && traceId === ''
