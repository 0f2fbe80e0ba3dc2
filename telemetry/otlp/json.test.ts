import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { seededIntegers } from '../../test/harness/seeded-random.ts'
import { OtlpDecodeError } from './decode-error.ts'
import { quoteLongIntegers } from './json-integers.ts'
import { decodeExportRequestJson, encodeExportRequestJson } from './json.ts'
import { type Signal, signals } from './messages.ts'

const fixture = (signal: Signal): string =>
  readFileSync(new URL(`../../test/fixtures/otlp/${signal}.json`, import.meta.url), 'utf8')

const spanOf = (span: string) => {
  const request = decodeExportRequestJson(
    'traces',
    `{"resourceSpans":[{"scopeSpans":[{"spans":[${span}]}]}]}`,
  )
  return request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!
}
const valueOf = (value: string) =>
  spanOf(`{"attributes":[{"key":"k","value":${value}}]}`).attributes[0]!.value
const pointOf = (point: string) =>
  decodeExportRequestJson(
    'metrics',
    `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[${point}]}}]}]}]}`,
  ).resourceMetrics[0]!.scopeMetrics[0]!.metrics[0]!.histogram!.dataPoints[0]!

describe('decodeExportRequestJson', () => {
  it.each(signals)('reads %s in text and in bytes, and writes the same again', (signal) => {
    const request = decodeExportRequestJson(signal, fixture(signal))
    expect(decodeExportRequestJson(signal, Buffer.from(fixture(signal)))).toEqual(request)
    expect(JSON.parse(encodeExportRequestJson(signal, request))).toEqual(JSON.parse(fixture(signal)))
  })

  it('ignores unknown and snake_case keys, prototype tricks included', () => {
    const span = spanOf(
      '{"name":"a","trace_id":"00","start_time_unix_nano":"5","new":{"x":[1]},"__proto__":{"kind":3}}',
    )
    expect(span).toMatchObject({ name: 'a', kind: 0, startTimeUnixNano: 0n })
    expect(span.traceId).toHaveLength(0)
  })

  it('takes null for the default, also in lists of fields and in values', () => {
    const span = spanOf('{"name":null,"kind":null,"attributes":null,"status":null,"traceId":null}')
    expect(span).toMatchObject({ name: '', kind: 0, attributes: [] })
    expect(span.status).toBeUndefined()
    expect(valueOf('{"stringValue":null}')).toEqual({})
  })

  it('reads hex ids in either case', () => {
    expect([...spanOf('{"spanId":"EEE19B7EC3C1B174"}').spanId]).toEqual([
      ...spanOf('{"spanId":"eee19b7ec3c1b174"}').spanId,
    ])
  })

  it('reads 64-bit integers exactly, as strings and as bare numbers beyond 2^53', () => {
    expect(spanOf('{"startTimeUnixNano":1700000000123456789}').startTimeUnixNano).toBe(
      1_700_000_000_123_456_789n,
    )
    expect(spanOf('{"startTimeUnixNano" : 18446744073709551615 , "name":"n"}').startTimeUnixNano).toBe(
      2n ** 64n - 1n,
    )
    expect(valueOf('{"intValue":9007199254740993}')).toEqual({ intValue: 9_007_199_254_740_993n })
    expect(valueOf('{"intValue":-9223372036854775808}')).toEqual({ intValue: -(2n ** 63n) })
    expect(valueOf('{"intValue":"9007199254740993"}')).toEqual({ intValue: 9_007_199_254_740_993n })
    expect(valueOf('{"intValue":1e3}')).toEqual({ intValue: 1000n })
    expect(pointOf('{"bucketCounts":[9007199254740993,1,"2"]}').bucketCounts).toEqual([
      9_007_199_254_740_993n,
      1n,
      2n,
    ])
  })

  it('leaves long digits inside strings alone while it protects bare ones', () => {
    const name = String.raw`a \" : 1234567890123456789, [9999999999999999999] \\`
    const span = spanOf(`{"name":"${name}","startTimeUnixNano":1700000000123456789}`)
    expect(span.name).toBe(JSON.parse(`"${name}"`))
    expect(span.startTimeUnixNano).toBe(1_700_000_000_123_456_789n)
    expect(quoteLongIntegers('{"a":"x"}')).toBe('{"a":"x"}')
    expect(quoteLongIntegers('[1234567890123456.5,1234567890123456e2]')).toBe(
      '[1234567890123456.5,1234567890123456e2]',
    )
  })

  it('reads doubles as numbers and by name', () => {
    expect(valueOf('{"doubleValue":1}')).toEqual({ doubleValue: 1 })
    expect(valueOf('{"doubleValue":12345678901234567890}')).toEqual({
      doubleValue: 12_345_678_901_234_567_000,
    })
    expect(valueOf('{"doubleValue":"NaN"}')).toEqual({ doubleValue: Number.NaN })
    expect(valueOf('{"doubleValue":"Infinity"}')).toEqual({ doubleValue: Infinity })
    expect(valueOf('{"doubleValue":"-Infinity"}')).toEqual({ doubleValue: -Infinity })
  })

  it('reads base64 in both alphabets, with and without padding', () => {
    const bytes = { bytesValue: new Uint8Array([0xfb, 0xff]) }
    for (const text of ['+/8=', '-_8=', '-_8', '+/8'])
      expect(valueOf(`{"bytesValue":"${text}"}`)).toEqual(bytes)
  })

  it('makes lone surrogates U+FFFD, which protobuf could not carry', () => {
    expect(spanOf(String.raw`{"name":"a\ud800b"}`).name).toBe('a\uFFFDb')
  })

  it.each([
    [
      '{"kind":"SPAN_KIND_SERVER"}',
      'resourceSpans[0].scopeSpans[0].spans[0].kind: expected an enum as an integer, got "SPAN_KIND_SERVER"',
    ],
    ['{"kind":"2"}', 'spans[0].kind: expected an enum as an integer'],
    ['{"name":5}', 'spans[0].name: expected a string, got 5'],
    ['{"traceId":"xyz"}', 'spans[0].traceId: expected hex'],
    ['{"traceId":"abc"}', 'spans[0].traceId: expected hex'],
    ['{"startTimeUnixNano":"-1"}', 'spans[0].startTimeUnixNano: expected a 64-bit unsigned integer'],
    [
      '{"startTimeUnixNano":"18446744073709551616"}',
      'spans[0].startTimeUnixNano: expected a 64-bit unsigned integer',
    ],
    ['{"startTimeUnixNano":1.5}', 'spans[0].startTimeUnixNano: expected a 64-bit unsigned integer'],
    ['{"startTimeUnixNano":{"low":1,"high":2}}', 'expected a 64-bit unsigned integer, got an object'],
    ['{"flags":4294967296}', 'spans[0].flags: expected a 32-bit unsigned integer'],
    ['{"attributes":{}}', 'spans[0].attributes: expected an array'],
    ['{"attributes":[{"key":"a"},7]}', 'spans[0].attributes[1]: expected an object'],
    ['{"attributes":[null]}', 'spans[0].attributes[0]: expected an object'],
    ['{"attributes":[{"value":{"bytesValue":"?"}}]}', 'attributes[0].value.bytesValue: expected base64'],
    ['{"attributes":[{"value":{"boolValue":1}}]}', 'attributes[0].value.boolValue: expected true or false'],
    [
      '{"attributes":[{"value":{"doubleValue":"nan"}}]}',
      'attributes[0].value.doubleValue: expected a number',
    ],
  ])('refuses %s, naming the path', (span, message) => {
    expect(() => spanOf(span)).toThrow(OtlpDecodeError)
    expect(() => spanOf(span)).toThrow(message)
  })

  it('refuses what is no JSON object, without quoting the client’s text', () => {
    expect(() => decodeExportRequestJson('logs', 'secret')).toThrow(
      /^cannot decode logs from 6 characters of JSON: Unexpected token 's'$/,
    )
    expect(() => decodeExportRequestJson('logs', Buffer.from('{"a":1'))).toThrow(
      /cannot decode logs from 6 bytes of JSON: /,
    )
    expect(() => decodeExportRequestJson('logs', '[]')).toThrow('the request: expected an object')
    expect(() => decodeExportRequestJson('logs', 'null')).toThrow('the request: expected an object')
  })

  it('bounds the depth of values', () => {
    const nested = (depth: number): string =>
      depth === 0 ? '{}' : `{"arrayValue":{"values":[${nested(depth - 1)}]}}`
    expect(() => valueOf(nested(40))).not.toThrow()
    expect(() => valueOf(nested(60))).toThrow(/messages nested deeper than 100/)
    expect(() => decodeExportRequestJson('logs', '['.repeat(10_000_000))).toThrow(/more than 6000000 objects/)
  })

  it.each(signals)('survives thousands of damaged %s requests with nothing but OtlpDecodeError', (signal) => {
    const original = Buffer.from(JSON.stringify(JSON.parse(fixture(signal))))
    const random = seededIntegers(7)
    const replacements = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      '0',
      '9',
      '-',
      '\\',
      'null',
      'true',
      '1e9',
      '""',
      '{}',
      '[]',
    ]
    const faults: unknown[] = []
    for (let round = 0; round < 2000; round++) {
      const at = random(original.length)
      const insert = Buffer.from(replacements[random(replacements.length)] ?? '')
      const bytes = Buffer.concat([original.subarray(0, at), insert, original.subarray(at + random(3))])
      try {
        decodeExportRequestJson(signal, bytes)
      } catch (error) {
        faults.push(error)
      }
    }
    expect(faults.length).toBeGreaterThan(200)
    expect(faults.filter((fault) => !(fault instanceof OtlpDecodeError))).toEqual([])
  })
})
