import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { seededIntegers } from '../../test/harness/seeded-random.ts'
import { OtlpDecodeError } from './decode-error.ts'
import { decodeExportRequestJson, encodeExportRequestJson } from './json.ts'
import { type Signal, signals } from './messages.ts'
import { decodeExportRequest, encodeExportRequest } from './protobuf.ts'

const fixture = (signal: Signal): string =>
  readFileSync(new URL(`../../test/fixtures/otlp/${signal}.json`, import.meta.url), 'utf8')

const varint = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
const text = (value: string): number[] => [...Buffer.from(value)]
const field = (number: number, ...content: number[][]): number[] => {
  const bytes = content.flat()
  return [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes]
}
const int = (number: number, ...bytes: number[]): number[] => [...varint(number << 3), ...bytes]
const decode = (signal: Signal, ...bytes: number[][]) =>
  decodeExportRequest(signal, new Uint8Array(bytes.flat()))

const spanOf = (...content: number[][]) => {
  const request = decodeExportRequest('traces', new Uint8Array(field(1, field(2, field(2, ...content)))))
  return request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!
}
const attributeOf = (...content: number[][]) =>
  spanOf(field(9, field(1, text('k')), ...content)).attributes[0]!
const metricOf = (...content: number[][]) =>
  decodeExportRequest('metrics', new Uint8Array(field(1, field(2, field(2, ...content))))).resourceMetrics[0]!
    .scopeMetrics[0]!.metrics[0]!

describe('decodeExportRequest', () => {
  it.each(signals)('reads back what encodeExportRequest wrote, for %s with every field used', (signal) => {
    const request = decodeExportRequestJson(signal, fixture(signal))
    const bytes = encodeExportRequest(signal, request)
    const decoded = decodeExportRequest(signal, bytes)
    expect(decoded).toEqual(request)
    expect(JSON.parse(encodeExportRequestJson(signal, decoded))).toEqual(JSON.parse(fixture(signal)))
  })

  it('fills every field with its default', () => {
    expect(decode('traces')).toEqual({ resourceSpans: [] })
    expect(decode('traces', field(1))).toEqual({ resourceSpans: [{ scopeSpans: [], schemaUrl: '' }] })
    const span = spanOf()
    expect(span.traceId).toHaveLength(0)
    expect(span).toMatchObject({
      name: '',
      kind: 0,
      startTimeUnixNano: 0n,
      endTimeUnixNano: 0n,
      attributes: [],
    })
    expect(span).not.toHaveProperty('status')
  })

  it('hands out bytes as views of the request, not copies', () => {
    const bytes = new Uint8Array(field(1, field(2, field(2, field(1, [1, 2, 3])))))
    const { traceId } = decodeExportRequest('traces', bytes).resourceSpans[0]!.scopeSpans[0]!.spans[0]!
    expect(traceId.buffer).toBe(bytes.buffer)
    expect([...traceId]).toEqual([1, 2, 3])
  })

  it('takes fields in any order', () => {
    const span = spanOf(field(15, int(3, 2), field(2, text('m'))), int(6, 3), field(5, text('n')))
    expect(span).toMatchObject({ name: 'n', kind: 3, status: { code: 2, message: 'm' } })
  })

  it('skips unknown fields of every wire type, groups included', () => {
    const group = [...varint((90 << 3) | 3), ...int(1, 5), ...field(2, text('x')), ...varint((90 << 3) | 4)]
    const nested = [...varint((91 << 3) | 3), ...group, ...varint((91 << 3) | 4)]
    const fixed64 = [...varint((92 << 3) | 1), 1, 2, 3, 4, 5, 6, 7, 8]
    const fixed32 = [...varint((93 << 3) | 5), 1, 2, 3, 4]
    const span = spanOf(
      nested,
      fixed64,
      fixed32,
      int(94, 0xff, 0x01),
      field(95, text('y')),
      field(5, text('kept')),
    )
    expect(span.name).toBe('kept')
  })

  it('skips a known field that comes with another wire type', () => {
    expect(spanOf(int(5, 7), field(6, text('x')))).toMatchObject({ name: '', kind: 0 })
  })

  it('lets the last scalar win and merges a singular message that comes twice', () => {
    const span = spanOf(int(6, 1), int(6, 5), field(15, field(2, text('first'))), field(15, int(3, 2)))
    expect(span.kind).toBe(5)
    expect(span.status).toEqual({ message: 'first', code: 2 })
  })

  it('lets the last oneof member win, and merges the same member', () => {
    expect(attributeOf(field(2, field(1, text('s')), int(3, 9))).value).toEqual({ intValue: 9n })
    const list = (value: string) => field(5, field(1, field(1, text(value))))
    const merged = attributeOf(field(2, list('a')), field(2, list('b'))).value
    expect(merged).toEqual({ arrayValue: { values: [{ stringValue: 'a' }, { stringValue: 'b' }] } })
    expect(attributeOf(field(2, list('a')), field(2, int(2, 1))).value).toEqual({ boolValue: true })
    const metric = metricOf(field(5, field(1)), field(7, int(3, 1)))
    expect(metric.gauge).toBeUndefined()
    expect(metric.sum).toEqual({ dataPoints: [], aggregationTemporality: 0, isMonotonic: true })
  })

  it('ignores string_value_strindex and unknown members of a value', () => {
    expect(attributeOf(field(2, int(8, 4))).value).toEqual({})
    expect(attributeOf(field(2, field(15, text('new'))), int(3, 4)).value).toEqual({})
  })

  it('keeps an empty value apart from an absent one', () => {
    expect(attributeOf(field(2))).toEqual({ key: 'k', value: {} })
    expect(attributeOf()).toEqual({ key: 'k' })
  })

  it('reads repeated numbers packed, unpacked and mixed', () => {
    const eight = (value: number) => [value, 0, 0, 0, 0, 0, 0, 0]
    const unpacked = (value: number) => [(6 << 3) | 1, ...eight(value)]
    const point = field(1, unpacked(1), field(6, eight(2), eight(3)), unpacked(4))
    expect(metricOf(field(9, point)).histogram!.dataPoints[0]!.bucketCounts).toEqual([1n, 2n, 3n, 4n])
    const buckets = field(8, int(2, 1), field(2, [2, 0x80, 0x01]), int(1, 3))
    const exponential = metricOf(field(10, field(1, buckets))).exponentialHistogram!.dataPoints[0]!
    expect(exponential.positive).toEqual({ offset: -2, bucketCounts: [1n, 2n, 128n] })
  })

  it('accepts over-long varints up to ten bytes and cuts them to the width of the field', () => {
    const longOne = [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]
    expect(spanOf(int(6, ...longOne)).kind).toBe(1)
    expect(spanOf([0xb0, 0x80, 0x00, 4]).kind).toBe(4)
    const wide = [0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]
    expect(spanOf(int(6, ...wide)).kind).toBe(2)
    expect(attributeOf(field(2, int(2, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01))).value).toEqual({
      boolValue: true,
    })
    expect(() => spanOf(int(6, ...Array.from({ length: 10 }, () => 0x80), 1))).toThrow(
      /varint longer than ten bytes/,
    )
  })

  it('reads negative 32-bit and 64-bit integers', () => {
    const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
    expect(spanOf(int(6, ...minusOne)).kind).toBe(-1)
    expect(attributeOf(field(2, int(3, ...minusOne))).value).toEqual({ intValue: -1n })
    const request = {
      resourceSpans: [{ scopeSpans: [{ spans: [{ ...spanOf(), kind: -1 }], schemaUrl: '' }], schemaUrl: '' }],
    }
    expect(decodeExportRequest('traces', encodeExportRequest('traces', request))).toEqual(request)
  })

  it('turns invalid UTF-8 into U+FFFD', () => {
    expect(spanOf(field(5, [0x61, 0xff, 0x62])).name).toBe('a\uFFFDb')
  })

  it.each([
    ['a truncated varint', [0x0a, 0x80], /truncated varint at byte 1/],
    ['a length beyond the end', [0x0a, 0x05, 0x00], /length beyond the end at byte 1/],
    ['a length beyond 32 bits', [0x0a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x01], /length beyond the end/],
    [
      'an inner length beyond its message',
      [...field(1, [0x12, 0x05, 0x00]), 0, 0, 0, 0, 0],
      /length beyond the end at byte 3/,
    ],
    ['a truncated fixed64', field(1, field(2, field(2, [0x39, 1, 2]))), /truncated fixed-size value/],
    ['a field number of zero', [0x02, 0x00], /invalid field number at byte 0/],
    ['an unknown wire type', [0x0f], /unknown wire type 7/],
    ['the end of a group never begun', [0x0c], /end of a group that was not begun/],
    ['the end of another group', [0x13, 0x1c], /end of another group/],
    ['a group without an end', [0x13], /group without an end/],
  ])('refuses %s, naming the place', (_name, bytes, message) => {
    const act = () => decodeExportRequest('traces', new Uint8Array(bytes))
    expect(act).toThrow(OtlpDecodeError)
    expect(act).toThrow(message)
    expect(act).toThrow(`cannot decode traces from ${bytes.length} bytes: `)
  })

  it('refuses a fixed-size value that reaches beyond its message into the next', () => {
    const short = field(1, field(2, field(2, [0x39, 1, 2])))
    expect(() =>
      decodeExportRequest('traces', new Uint8Array([...short, ...field(1, field(3, text('padding')))])),
    ).toThrow(/beyond the end of its message/)
  })

  it('bounds the depth of values and of groups', () => {
    const nest = (depth: number): number[] => {
      let value = field(1, text('leaf'))
      for (let index = 0; index < depth; index++) value = field(5, field(1, value))
      return value
    }
    expect(() => attributeOf(field(2, nest(40)))).not.toThrow()
    expect(() => attributeOf(field(2, nest(60)))).toThrow(/messages nested deeper than 100 at byte/)
    expect(() =>
      decode(
        'traces',
        Array.from({ length: 5000 }, () => 0x13),
      ),
    ).toThrow(/groups nested too deep/)
  })

  it('bounds the number of messages', () => {
    const bytes = new Uint8Array(13_000_000)
    for (let index = 0; index < bytes.length; index += 2) bytes[index] = 0x0a
    expect(() => decodeExportRequest('traces', bytes)).toThrow(/more than 6000000 messages/)
  })

  it.each(signals)('survives thousands of damaged %s requests with nothing but OtlpDecodeError', (signal) => {
    const original = encodeExportRequest(signal, decodeExportRequestJson(signal, fixture(signal)))
    const random = seededIntegers(20_261_101)
    let refused = 0
    for (let round = 0; round < 3000; round++) {
      const bytes = damage(original, random)
      try {
        decodeExportRequest(signal, bytes)
      } catch (error) {
        if (!(error instanceof OtlpDecodeError)) throw error
        refused++
      }
    }
    expect(refused).toBeGreaterThan(300)
  })
})

const damage = (original: Uint8Array, random: (below: number) => number): Uint8Array => {
  const bytes = new Uint8Array(original)
  for (let count = 1 + random(4); count > 0; count--) bytes[random(bytes.length)] = random(256)
  if (random(3) === 0) return bytes.slice(0, random(bytes.length))
  if (random(3) === 0) bytes.copyWithin(random(bytes.length), random(bytes.length), random(bytes.length))
  return bytes
}
