import type { ExportTraceServiceRequest, Span } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type Corpus, createCorpus } from '../corpus.ts'
import type { Shape } from './mix.ts'
import { findSpanFields } from './span-fields.ts'

/** An encoded export, and where in it lies what is made anew each time that it is sent. */
export interface PayloadTemplate {
  bytes: Buffer
  spanCount: number
  /** Exports of one group share traces; this one's place among them. */
  indexInGroup: number
  traceIdsAt: Uint32Array
  spanIdsAt: Uint32Array
  /** For each span id, where its trace id lies. */
  traceIdOfSpanIdAt: Uint32Array
  /** For each span id, the place in the group of the export that brings the span of this id. */
  exportOfSpanId: Uint32Array
  timesAt: Uint32Array
  /** For each time, its distance from the end of the group's last span. */
  timeOffsetsNanos: Float64Array
}

interface Recipe {
  groupCount: number
  traceCount: number
  spreadNanos: number
  assemble: (exports: ExportTraceServiceRequest[]) => ExportTraceServiceRequest[]
}

const sdkBatchSpans = 512
const collectorGroups = 16
const podGroups = 24
/** So many that a pod has two SDK batches in the middle; the busy ones have more. */
const sdkTraces = 6000
const anyTimeUnixNano = 1_700_000_000_000_000_000n

const recipes: Readonly<Record<Shape, Recipe>> = {
  collector: {
    groupCount: collectorGroups,
    traceCount: 482,
    spreadNanos: 200_000_000,
    assemble: (exports) => [{ resourceSpans: exports.flatMap((one) => one.resourceSpans) }],
  },
  sdk: {
    groupCount: 1,
    traceCount: sdkTraces,
    spreadNanos: 1_000_000_000,
    assemble: (exports) => exports.flatMap(cutIntoBatches),
  },
  pods: {
    groupCount: podGroups,
    traceCount: 160,
    spreadNanos: 200_000_000,
    assemble: (exports) => exports,
  },
}

/** Groups of exports of this shape, to be sent in order, again and again. */
export const createPayloadTemplates = (seed: number, shape: Shape): PayloadTemplate[][] => {
  const corpus = createCorpus(seed)
  const recipe = recipes[shape]
  return Array.from({ length: recipe.groupCount }, () => createGroup(corpus, recipe))
}

const createGroup = (corpus: Corpus, recipe: Recipe): PayloadTemplate[] => {
  const exports = recipe.assemble(corpus.nextExports(recipe.traceCount, anyTimeUnixNano, recipe.spreadNanos))
  const exportOfSpan = new Map<string, number>()
  let lastEnd = 0n
  for (const [index, request] of exports.entries()) {
    for (const span of spansOf(request)) {
      exportOfSpan.set(keyOf(span.traceId, span.spanId), index)
      if (span.endTimeUnixNano > lastEnd) lastEnd = span.endTimeUnixNano
    }
  }
  return exports.map((request, indexInGroup) => {
    const bytes = Buffer.from(encodeExportRequest('traces', request))
    const fields = findSpanFields(bytes)
    return {
      bytes,
      spanCount: fields.spanCount,
      indexInGroup,
      traceIdsAt: Uint32Array.from(fields.traceIdsAt),
      spanIdsAt: Uint32Array.from(fields.spanIdsAt, ({ at }) => at),
      traceIdOfSpanIdAt: Uint32Array.from(fields.spanIdsAt, ({ traceIdAt }) => traceIdAt),
      // A link may name a span of an earlier group. Nothing asks for it; any export will do.
      exportOfSpanId: Uint32Array.from(
        fields.spanIdsAt,
        ({ at, traceIdAt }) =>
          exportOfSpan.get(keyOf(bytes.subarray(traceIdAt, traceIdAt + 16), bytes.subarray(at, at + 8))) ?? 0,
      ),
      timesAt: Uint32Array.from(fields.timesAt),
      timeOffsetsNanos: Float64Array.from(fields.timesAt, (at) =>
        Number(bytes.readBigUInt64LE(at) - lastEnd),
      ),
    }
  })
}

const spansOf = (request: ExportTraceServiceRequest): Span[] =>
  request.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))

const keyOf = (traceId: Uint8Array, spanId: Uint8Array): string =>
  Buffer.concat([traceId, spanId]).toString('latin1')

/** One pod's spans as its batch processor sends them. */
const cutIntoBatches = (request: ExportTraceServiceRequest): ExportTraceServiceRequest[] =>
  request.resourceSpans.flatMap((ofPod) => {
    const all = ofPod.scopeSpans.flatMap((ofScope) => ofScope.spans.map((span) => ({ ofScope, span })))
    const batches: ExportTraceServiceRequest[] = []
    for (let from = 0; from < all.length; from += sdkBatchSpans) {
      const byScope = Map.groupBy(all.slice(from, from + sdkBatchSpans), ({ ofScope }) => ofScope)
      const scopeSpans = [...byScope].map(([ofScope, items]) => ({
        ...ofScope,
        spans: items.map(({ span }) => span),
      }))
      batches.push({ resourceSpans: [{ ...ofPod, scopeSpans }] })
    }
    return batches
  })
