import type { Pod, Span, Trace } from '../api.ts'
import { compareTimes, nanosBetween } from '../time/nanos.ts'

/** A span in its place in the tree. Times are nanoseconds from the start of the trace. */
export interface SpanNode {
  span: Span
  /** Its own position in `TraceModel.nodes`. */
  index: number
  /** -1 for a root or a span whose parent is missing. */
  parentIndex: number
  depth: number
  childCount: number
  descendantCount: number
  startNanos: number
  endNanos: number
  isError: boolean
  /** A span without an end is drawn until its pod died, or until the trace ends. */
  drawnUntil: 'own-end' | 'pod-end' | 'trace-end'
  pod: Pod | undefined
  errorsBelow: number
}

export interface PodDeath {
  pod: Pod
  atNanos: number
}

export interface ServiceShare {
  name: string
  spanCount: number
  errorCount: number
}

export interface TraceModel {
  trace: Trace
  /** In depth-first order: a node is followed by its `descendantCount` descendants. */
  nodes: SpanNode[]
  durationNanos: number
  startTimeUnixNano: string
  /** Most spans first. */
  services: ServiceShare[]
  errorCount: number
  podsGone: Pod[]
  /** Deaths that happened while the trace ran, in order. */
  deaths: PodDeath[]
  indexBySpanId: Map<string, number>
}

/**
 * How far an open span may stretch the picture: a span that leaked and whose pod died days later must not squash the
 * rest into one pixel.
 */
const stretchNanosMin = 600e9
const stretchFactorMax = 100

export const buildTraceModel = (trace: Trace): TraceModel => {
  const startTimeUnixNano = trace.spans.reduce(
    (earliest, span) =>
      compareTimes(span.startTimeUnixNano, earliest) < 0 ? span.startTimeUnixNano : earliest,
    trace.startTimeUnixNano,
  )
  const offset = (time: string): number => nanosBetween(startTimeUnixNano, time)
  const closedNanos = trace.spans.reduce(
    (latest, span) => Math.max(latest, offset(span.startTimeUnixNano) + span.durationNanos),
    0,
  )
  const stretchNanosMax = Math.max(stretchNanosMin, closedNanos * stretchFactorMax)
  const podEnd = (span: Span): number | undefined => {
    const end = trace.pods[span.podUid]?.end
    const at = end ? offset(end.timeUnixNano) : undefined
    return at !== undefined && at >= offset(span.startTimeUnixNano) && at <= stretchNanosMax ? at : undefined
  }
  const durationNanos = trace.spans.reduce(
    (latest, span) => (span.isOpen ? Math.max(latest, podEnd(span) ?? 0) : latest),
    Math.max(closedNanos, 1),
  )

  const nodes = orderDepthFirst(trace.spans).map(({ span, depth, parentIndex }, index): SpanNode => {
    const startNanos = offset(span.startTimeUnixNano)
    const diedAt = span.isOpen ? podEnd(span) : undefined
    return {
      span,
      index,
      parentIndex,
      depth,
      childCount: 0,
      descendantCount: 0,
      startNanos,
      endNanos: span.isOpen ? (diedAt ?? durationNanos) : startNanos + span.durationNanos,
      isError: span.status === 'Error',
      drawnUntil: span.isOpen ? (diedAt === undefined ? 'trace-end' : 'pod-end') : 'own-end',
      pod: trace.pods[span.podUid],
      errorsBelow: 0,
    }
  })
  addUpDescendants(nodes)

  const podsGone = Object.values(trace.pods).filter((pod) => pod.state === 'gone')
  return {
    trace,
    nodes,
    durationNanos,
    startTimeUnixNano,
    services: countServices(trace.spans),
    errorCount: nodes.filter((node) => node.isError).length,
    podsGone,
    deaths: podsGone
      .flatMap((pod) => (pod.end ? [{ pod, atNanos: offset(pod.end.timeUnixNano) }] : []))
      .filter(({ atNanos }) => atNanos >= 0 && atNanos <= durationNanos)
      .toSorted((a, b) => a.atNanos - b.atNanos),
    indexBySpanId: new Map(nodes.map((node) => [node.span.spanId, node.index])),
  }
}

interface PlacedSpan {
  span: Span
  depth: number
  parentIndex: number
}

/** Parents before children, siblings by start. Spans that are their own ancestors (bad data) are listed as roots. */
const orderDepthFirst = (spans: Span[]): PlacedSpan[] => {
  const byStart = spans.toSorted((a, b) => compareTimes(a.startTimeUnixNano, b.startTimeUnixNano))
  const known = new Set(spans.map((span) => span.spanId))
  const childrenOf = Map.groupBy(byStart, (span) => span.parentSpanId)
  const placed: PlacedSpan[] = []
  const seen = new Set<Span>()
  const placeBelow = (root: Span): void => {
    const stack: PlacedSpan[] = [{ span: root, depth: 0, parentIndex: -1 }]
    for (let next = stack.pop(); next; next = stack.pop()) {
      if (seen.has(next.span)) continue
      seen.add(next.span)
      const index = placed.push(next) - 1
      const children = childrenOf.get(next.span.spanId) ?? []
      for (const span of children.toReversed())
        stack.push({ span, depth: next.depth + 1, parentIndex: index })
    }
  }
  for (const span of byStart) if (span.parentSpanId === '' || !known.has(span.parentSpanId)) placeBelow(span)
  for (const span of byStart) if (!seen.has(span)) placeBelow(span)
  return placed
}

/** Children come after their parents, so one walk from the end adds everything up. */
const addUpDescendants = (nodes: SpanNode[]): void => {
  for (const node of nodes.toReversed()) {
    const parent = nodes[node.parentIndex]
    if (!parent) continue
    parent.childCount += 1
    parent.descendantCount += node.descendantCount + 1
    parent.errorsBelow += node.errorsBelow + (node.isError ? 1 : 0)
  }
}

const countServices = (spans: Span[]): ServiceShare[] => {
  const shares = new Map<string, ServiceShare>()
  for (const span of spans) {
    const share = shares.get(span.serviceName) ?? { name: span.serviceName, spanCount: 0, errorCount: 0 }
    share.spanCount += 1
    share.errorCount += span.status === 'Error' ? 1 : 0
    shares.set(span.serviceName, share)
  }
  return [...shares.values()].toSorted((a, b) => b.spanCount - a.spanCount)
}
