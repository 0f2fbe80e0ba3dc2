import { describe, expect, it } from 'vitest'
import type { Span } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import type { Shape } from './mix.ts'
import { createPayloadSource, createTemplates, frameHeadBytes, type Payload } from './payload-source.ts'

const endUnixMillis = Date.UTC(2026, 0, 2, 3, 4, 5, 678)
const shapes: Shape[] = ['collector', 'sdk', 'pods']
const templates = createTemplates(1, ['collector', 'pods'])

const decoded = (payload: Payload) => decodeExportRequest('traces', payload.frame.subarray(frameHeadBytes))
const spansOf = (payload: Payload): Span[] =>
  decoded(payload).resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const words = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

const exportNumberOf = ({ traceId, spanId }: Span): number =>
  (words(spanId).getUint32(0, true) ^
    words(spanId).getUint32(4, true) ^
    words(traceId).getUint32(0, true)) >>>
  0

/** All exports of the first group, which share traces. */
const firstGroup = (shape: Shape): Payload[] => {
  const source = createPayloadSource(templates, 1)
  return (templates.get(shape)?.[0] ?? []).map(() => source.next(shape, endUnixMillis))
}

describe('exports that are sent again with ids and times of their own', () => {
  it('hides the number of its export in every span', () => {
    const payloads = [...firstGroup('pods'), ...firstGroup('collector')]
    expect(payloads.length).toBeGreaterThan(100)
    for (const payload of payloads)
      for (const span of spansOf(payload)) expect(exportNumberOf(span)).toBe(payload.exportNumber)
  })

  it('keeps traces whole across the exports of a group', () => {
    const spans = firstGroup('pods').flatMap(spansOf)
    const known = new Set(spans.map(({ traceId, spanId }) => hex(traceId) + hex(spanId)))
    const children = spans.filter(({ parentSpanId }) => parentSpanId.length > 0)
    expect(known.size).toBe(spans.length)
    expect(children).toHaveLength((spans.length * 16) / 17)
    for (const { traceId, parentSpanId } of children)
      expect(known.has(hex(traceId) + hex(parentSpanId))).toBe(true)
  })

  it('changes nothing but ids and times, and these in each pass anew', () => {
    const source = createPayloadSource(templates, 1)
    const exportCount = templates.get('collector')?.length ?? 0
    const first = source.next('collector', endUnixMillis)
    for (let count = 1; count < exportCount; count++) source.next('collector', endUnixMillis)
    const second = source.next('collector', endUnixMillis + 5000)
    const withoutIdsAndTimes = (payload: Payload): string => {
      const request = decoded(payload)
      const none = new Uint8Array()
      for (const { scopeSpans } of request.resourceSpans)
        for (const { spans } of scopeSpans)
          for (const span of spans) {
            Object.assign(span, { traceId: none, spanId: none, parentSpanId: none })
            Object.assign(span, { startTimeUnixNano: 0n, endTimeUnixNano: 0n })
            for (const event of span.events) event.timeUnixNano = 0n
            for (const link of span.links) Object.assign(link, { traceId: none, spanId: none })
          }
      return hex(encodeExportRequest('traces', request))
    }
    const ids = (payload: Payload) => spansOf(payload).map(({ traceId }) => hex(traceId))
    expect(second.exportNumber).not.toBe(first.exportNumber)
    expect(new Set(ids(first)).isDisjointFrom(new Set(ids(second)))).toBe(true)
    expect(withoutIdsAndTimes(second)).toBe(withoutIdsAndTimes(first))
  })

  it('ends with its last span at the time at which it is due', () => {
    for (const payload of firstGroup('collector')) {
      const spans = spansOf(payload)
      const endNanos = BigInt(endUnixMillis) * 1_000_000n
      const ends = spans.map(({ endTimeUnixNano }) => endTimeUnixNano)
      expect(ends.reduce((last, end) => (end > last ? end : last))).toBe(endNanos)
      for (const { startTimeUnixNano, endTimeUnixNano } of spans)
        expect(startTimeUnixNano <= endTimeUnixNano && startTimeUnixNano > endNanos - 600n * 10n ** 9n).toBe(
          true,
        )
    }
  })

  it('has batches of the sizes that the shapes say', () => {
    const means = shapes.map((shape) => {
      const exports = (templates.get(shape) ?? createTemplates(1, [shape]).get(shape) ?? []).flat()
      expect(shape !== 'sdk' || exports.every(({ spanCount }) => spanCount <= 512)).toBe(true)
      return exports.reduce((sum, { spanCount }) => sum + spanCount, 0) / exports.length
    })
    expect(means[0]).toBe(8194)
    expect(means[1]).toBeGreaterThan(200)
    expect(means[2]).toBeGreaterThan(8)
    expect(means[2]).toBeLessThan(20)
  })
})
