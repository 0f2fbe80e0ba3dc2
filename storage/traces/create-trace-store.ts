import type { Store } from '../connection.ts'
import { durationOf } from '../read-scope.ts'
import { type StoredResource, readResources } from '../resource-rows.ts'
import { sampleTraces } from './sample.ts'
import { searchTraces } from './search.ts'
import { readSpans } from './span-rows.ts'
import type { StoredSpan, StoredTrace, TraceStore } from './trace-store.ts'

export const traceSpansMax = 20_000

export const createTraceStore = (store: Store): TraceStore => {
  const getTraces: TraceStore['getTraces'] = async (scope, traceIds, { spansMax, range }) => {
    const spansByTrace = await readSpans(store, scope, { traceIds, spansMax, range })
    const ids = [...spansByTrace.values()].flatMap(({ spans }) => spans.map((span) => span.resourceId))
    const resources = await readResources(store, scope, ids)
    return traceIds.flatMap((traceId) => {
      const found = spansByTrace.get(traceId)
      return found === undefined ? [] : [assembleTrace(traceId, found, resources)]
    })
  }
  return {
    searchTraces: (scope, search) => searchTraces(store, scope, search),
    sampleTraces: (scope, sample) => sampleTraces(store, scope, sample),
    getTraces,
    getTrace: async (scope, traceId, range) => {
      const [trace] = await getTraces(scope, [traceId], { spansMax: traceSpansMax, ...(range && { range }) })
      return trace
    },
  }
}

const assembleTrace = (
  traceId: string,
  { spans, isTruncated }: { spans: StoredSpan[]; isTruncated: boolean },
  resources: ReadonlyMap<string, StoredResource>,
): StoredTrace => {
  const present = new Set(spans.map((span) => span.spanId))
  const own = new Map<string, StoredResource>()
  let start = BigInt(spans[0]?.startTimeUnixNano ?? 0)
  let end = start
  for (const span of spans) {
    span.isParentMissing = !isTruncated && span.parentSpanId !== '' && !present.has(span.parentSpanId)
    const spanStart = BigInt(span.startTimeUnixNano)
    const spanEnd = spanStart + BigInt(span.durationNanos)
    if (spanStart < start) start = spanStart
    if (spanEnd > end) end = spanEnd
    const resource = resources.get(span.resourceId)
    if (resource) own.set(span.resourceId, resource)
  }
  return {
    traceId,
    startTimeUnixNano: start.toString(),
    durationNanos: durationOf(end - start),
    spans,
    resources: own,
    isTruncated,
  }
}
