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

/** A pod's end, or the end of a container that Kubernetes started again in the same pod. */
export interface PodDeath {
  pod: Pod
  /** As Kubernetes names it; '' where a pod fell silent. */
  reason: string
  tone: 'failed' | 'ended' | 'silent'
  exitCode: number | null
  timeUnixNano: string
  atNanos: number
  /** The pod itself lived on. */
  isRestart: boolean
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
  podsFailed: number
  /** Deaths that happened while the trace ran, in order. */
  deaths: PodDeath[]
  /** Ends before or after the trace, in order, of pods that did not die while it ran. */
  otherEnds: PodDeath[]
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
  const deathsByPod = findDeaths(trace, offset)
  const podEnd = (span: Span): number | undefined => {
    const start = offset(span.startTimeUnixNano)
    const at = deathsByPod.get(span.podUid)?.find(({ atNanos }) => atNanos >= start)?.atNanos
    return at !== undefined && at <= stretchNanosMax ? at : undefined
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
  const isInside = ({ atNanos }: PodDeath): boolean => atNanos >= 0 && atNanos <= durationNanos
  const byTime = (a: PodDeath, b: PodDeath): number => a.atNanos - b.atNanos
  return {
    trace,
    nodes,
    durationNanos,
    startTimeUnixNano,
    services: countServices(trace.spans),
    errorCount: nodes.filter((node) => node.isError).length,
    podsGone,
    podsFailed: podsGone.filter((pod) => pod.end?.isFailure).length,
    deaths: [...deathsByPod.values()].flat().filter(isInside).toSorted(byTime),
    otherEnds: [...deathsByPod.values()]
      .filter((deaths) => !deaths.some(isInside))
      .flatMap((deaths) => deaths.filter((death) => !death.isRestart))
      .toSorted(byTime),
    indexBySpanId: new Map(nodes.map((node) => [node.span.spanId, node.index])),
  }
}

/** The deaths of each pod by time: failed ends of its containers, and its own. */
const findDeaths = (trace: Trace, offset: (time: string) => number): Map<string, PodDeath[]> => {
  const spansByPod = Map.groupBy(trace.spans, (span) => span.podUid)
  return new Map(
    Object.entries(trace.pods).map(([uid, pod]) => {
      const restarts = pod.containerEnds.filter(
        (end) => end.isFailure && end.timeUnixNano !== pod.end?.timeUnixNano,
      )
      const deaths = restarts.map((end): PodDeath => deathOf(pod, { ...end, isRestart: true }))
      if (pod.end) deaths.push(deathOf(pod, { ...pod.end, isRestart: false }))
      const spans = spansByPod.get(uid) ?? []
      for (const death of deaths) death.atNanos = sharpen(offset(death.timeUnixNano), death, spans, offset)
      return [uid, deaths.toSorted((a, b) => a.atNanos - b.atNanos)]
    }),
  )
}

const deathOf = (
  pod: Pod,
  end: Pick<PodDeath, 'timeUnixNano' | 'reason' | 'exitCode' | 'isRestart'> & {
    isFailure: boolean
    evidence?: 'pod-watch' | 'silence'
  },
): PodDeath => {
  const isSilent = end.evidence === 'silence'
  return {
    pod,
    reason: isSilent ? '' : end.reason,
    tone: isSilent ? 'silent' : end.isFailure ? 'failed' : 'ended',
    exitCode: end.exitCode,
    timeUnixNano: end.timeUnixNano,
    atNanos: 0,
    isRestart: end.isRestart,
  }
}

/**
 * Kubernetes reports ends in whole seconds, rounded down. What the pod still did within that second tells that it lived
 * longer, so its last sign of life there is taken.
 */
const sharpen = (
  reportedNanos: number,
  { timeUnixNano }: PodDeath,
  spans: Span[],
  offset: (time: string) => number,
): number => {
  if (!timeUnixNano.endsWith('000000000')) return reportedNanos
  const signs = spans.flatMap((span) => {
    const start = offset(span.startTimeUnixNano)
    return span.isOpen ? [start] : [start, start + span.durationNanos]
  })
  return signs.reduce((latest, at) => (at > latest && at < reportedNanos + 1e9 ? at : latest), reportedNanos)
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
