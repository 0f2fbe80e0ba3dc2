import type { TraceRow } from './rows.ts'

/** What a summary says of a trace, before its resources are looked up. */
export interface TraceFigures {
  traceId: string
  startNanos: bigint
  endNanos: bigint
  spanCount: number
  errorCount: number
  lead: SpanFigures
  parts: { resourceId: string; spanCount: number; errorCount: number }[]
  /** Undefined: no span matches. */
  matched: MatchedFigures | undefined
}

/** The root, or else the earliest span. */
interface SpanFigures {
  resourceId: string
  operation: string
  isRoot: boolean
}

interface MatchedFigures {
  /** Where the trace stands in the order: the start of the earliest span that matches. */
  firstStartNanos: bigint
  hasFailed: boolean
  resourceId: string
  operation: string
  startNanos: bigint
  durationNanos: bigint
  isError: boolean
}

/** Of several rows of one span, the one that counts. */
export interface TraceSpan {
  id: string
  /** '' of a root. */
  parentId: string
  row: TraceRow
  startNanos: bigint
  /** As far as durations are believed. */
  endNanos: bigint
}

/** Nothing runs longer; what says so had a broken clock. */
export const durationNanosMax = 30n * 86_400n * 1_000_000_000n
export const partsPerTraceMax = 1000
const noParent = '0'.repeat(16)

/** Each span once: a finished row beats an open one, then the latest to arrive. */
export const spansOfRows = (rows: readonly TraceRow[]): TraceSpan[] => {
  const rowById = new Map<string, TraceRow>()
  for (const row of rows) {
    const id = row.ids.slice(0, 16)
    const known = rowById.get(id)
    if (known === undefined || beats(row, known)) rowById.set(id, row)
  }
  return [...rowById].map(([id, row]) => {
    const parentId = row.ids.slice(16)
    const startNanos = BigInt(row.start)
    return {
      id,
      parentId: parentId === noParent ? '' : parentId,
      row,
      startNanos,
      endNanos: startNanos + believed(BigInt(row.duration_nanos)),
    }
  })
}

/** Times of arrival are texts of equal length. */
export const beats = (
  row: { is_open: boolean; ingested_at: string },
  other: { is_open: boolean; ingested_at: string },
): boolean => (row.is_open === other.is_open ? row.ingested_at > other.ingested_at : other.is_open)

const believed = (durationNanos: bigint): bigint =>
  durationNanos < 0n ? 0n : durationNanos > durationNanosMax ? durationNanosMax : durationNanos

export const figuresOf = (
  traceId: string,
  spans: readonly TraceSpan[],
  isMatch: (span: TraceSpan) => boolean,
): TraceFigures => {
  const ordered = spans.toSorted(rootsAndEarliestFirst)
  const matching = ordered.filter(isMatch)
  const [first] = ordered
  return {
    traceId,
    startNanos: spans.reduce(
      (min, { startNanos }) => (startNanos < min ? startNanos : min),
      first?.startNanos ?? 0n,
    ),
    endNanos: spans.reduce((max, { endNanos }) => (endNanos > max ? endNanos : max), first?.endNanos ?? 0n),
    spanCount: spans.length,
    errorCount: spans.filter(hasFailed).length,
    lead: {
      resourceId: first?.row.resource_id ?? '',
      operation: first?.row.name ?? '',
      isRoot: first?.parentId === '',
    },
    parts: partsOf(spans),
    matched: matchedOf(matching),
  }
}

const hasFailed = ({ row }: TraceSpan): boolean => row.status_code === 2

/** Of what begins at the same time, the smallest id. */
const rootsAndEarliestFirst = (a: TraceSpan, b: TraceSpan): number =>
  ascending(a.parentId !== '', b.parentId !== '') ||
  ascending(a.startNanos, b.startNanos) ||
  ascending(a.id, b.id)

const ascending = <T extends bigint | string | boolean>(a: T, b: T): number => (a === b ? 0 : a < b ? -1 : 1)

const matchedOf = (matching: readonly TraceSpan[]): MatchedFigures | undefined => {
  const [first] = matching
  if (first === undefined) return undefined
  return {
    firstStartNanos: matching.reduce(
      (min, { startNanos }) => (startNanos < min ? startNanos : min),
      first.startNanos,
    ),
    hasFailed: matching.some(hasFailed),
    resourceId: first.row.resource_id,
    operation: first.row.name,
    startNanos: first.startNanos,
    durationNanos: first.endNanos - first.startNanos,
    isError: hasFailed(first),
  }
}

const partsOf = (spans: readonly TraceSpan[]): TraceFigures['parts'] => {
  const parts = new Map<string, TraceFigures['parts'][number]>()
  for (const span of spans) {
    const { resource_id: resourceId } = span.row
    const part = parts.get(resourceId) ?? { resourceId, spanCount: 0, errorCount: 0 }
    part.spanCount += 1
    if (hasFailed(span)) part.errorCount += 1
    parts.set(resourceId, part)
  }
  return [...parts.values()].slice(0, partsPerTraceMax)
}
