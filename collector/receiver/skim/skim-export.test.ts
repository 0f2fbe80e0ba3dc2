/**
 * What the walk says against the decoder and validation, which are the measure. SKIM_RUNS sets how many exports are tried
 * a signal and kind; SKIM_SEED, with the seed that a failure names, tries the same again.
 */
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import { exportRequestDescriptors } from '#telemetry/otlp/descriptors.ts'
import type { ExportRequestBySignal, KeyValue, Signal, Span } from '#telemetry/otlp/messages.ts'
import { signals } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { arbitraryExports, receivedAtMillis } from '../../../test/harness/arbitrary-otlp.ts'
import { type RecordedExports, fixtureExports, sdkExports } from '../../../test/harness/recorded-exports.ts'
import { seededIntegers } from '../../../test/harness/seeded-random.ts'
import { varyWire } from '../../../test/harness/wire-variants.ts'
import { timeWindow } from '../item-rules.ts'
import { validateExport } from '../validate.ts'
import { skimExport, skimExportInPieces, type Skimmed } from './skim-export.ts'
import { makeSpan } from '../../../test/harness/make-span.ts'

const runCount = Number(process.env['SKIM_RUNS'] ?? 300)
const seed = process.env['SKIM_SEED']
const assertOptions = { numRuns: runCount, ...(seed !== undefined && { seed: Number(seed) }) }

const everything = { nowMillis: receivedAtMillis, retentionNanos: BigInt(receivedAtMillis) * 1_000_000n }

/** As the decoder and validation have it; undefined when the bytes cannot go on as they came. */
const decodedAndValidated = <S extends Signal>(
  signal: S,
  bytes: Uint8Array,
  options: typeof everything,
): { skimmed: Skimmed; request: ExportRequestBySignal[S] } | undefined => {
  let decoded: ExportRequestBySignal[S]
  try {
    decoded = decodeExportRequest(signal, bytes)
  } catch (error) {
    if (error instanceof OtlpDecodeError) return undefined
    throw error
  }
  const { request, tally } = validateExport(signal, decoded, { ...options, requestBytes: bytes.length })
  if (request !== decoded || tally.rejected > 0) return undefined
  const records =
    'resourceLogs' in request
      ? request.resourceLogs.flatMap((resource) => resource.scopeLogs.flatMap((scope) => scope.logRecords))
      : []
  const hasUntimedItem = records.some(
    (record) => record.timeUnixNano === 0n && record.observedTimeUnixNano === 0n,
  )
  return { skimmed: { items: tally.accepted, hasUntimedItem }, request }
}

/** Whether it was plain. */
const expectEqualVerdict = (signal: Signal, bytes: Uint8Array, options = everything): boolean => {
  const skimmed = skimExport(signal, bytes, timeWindow(options))
  const expected = decodedAndValidated(signal, bytes, options)
  // The one case in which the walk is allowed to be too careful.
  if (skimmed === undefined && expected !== undefined && hasShared(expected.request)) return false
  expect(skimmed).toEqual(expected?.skimmed)
  return skimmed !== undefined
}

const hasShared = (request: ExportRequestBySignal[Signal]): boolean =>
  Object.values(request)
    .flat()
    .flatMap((resource: object) => Object.values(resource).filter(Array.isArray).flat())
    .some(
      (scope: { scope?: { attributes: unknown[] }; metrics?: { metadata: unknown[] }[] }) =>
        (scope.scope?.attributes.length ?? 0) > 0 ||
        (scope.metrics ?? []).some(({ metadata }) => metadata.length > 0),
    )

const damaged = (original: Uint8Array, below: (bound: number) => number): Uint8Array => {
  const bytes = new Uint8Array(original)
  for (let count = 1 + below(3); count > 0; count--) bytes[below(bytes.length)] = below(256)
  if (below(4) === 0) return bytes.slice(0, below(bytes.length))
  if (below(4) === 0) bytes.copyWithin(below(bytes.length), below(bytes.length), below(bytes.length))
  return bytes
}

describe('what is skimmed is what the decoder and validation would hand back', () => {
  it.each(signals)('generated %s, at any time and with any retention', (signal) => {
    let plain = 0
    fc.assert(
      fc.property(
        arbitraryExports[signal],
        fc.constantFrom(0, 1, 3_600_000, 7 * 86_400_000, receivedAtMillis),
        fc.integer({ min: -7_200_000, max: 7_200_000 }),
        (request, retentionMillis, clockMillis) => {
          const options = {
            nowMillis: receivedAtMillis + clockMillis,
            retentionNanos: BigInt(retentionMillis) * 1_000_000n,
          }
          if (expectEqualVerdict(signal, encodeExportRequest(signal, request), options)) plain++
        },
      ),
      assertOptions,
    )
    expect(plain).toBeGreaterThan(runCount / 20)
  })

  it.each(signals.flatMap((signal) => [10, 40, 200].map((oddity) => ({ signal, oddity }))))(
    '$signal in other forms on the wire, one field in $oddity odd',
    ({ signal, oddity }) => {
      let plain = 0
      fc.assert(
        fc.property(arbitraryExports[signal], fc.nat(), (request, variant) => {
          const bytes = encodeExportRequest(signal, request)
          const below = seededIntegers(variant)
          if (
            expectEqualVerdict(
              signal,
              varyWire(exportRequestDescriptors[signal], bytes, { below, oddity, forms: 'any' }),
            )
          )
            plain++
        }),
        assertOptions,
      )
      expect(plain).toBeGreaterThan(runCount / 100)
    },
  )

  it.each(signals)('damaged %s', (signal) => {
    let plain = 0
    fc.assert(
      fc.property(arbitraryExports[signal], fc.nat(), (request, variant) => {
        const bytes = encodeExportRequest(signal, request)
        const below = seededIntegers(variant)
        for (let round = 0; bytes.length > 0 && round < 20; round++)
          if (expectEqualVerdict(signal, damaged(bytes, below))) plain++
      }),
      assertOptions,
    )
    expect(plain).toBeGreaterThan(runCount)
  })
})

describe.each<[string, () => RecordedExports | Promise<RecordedExports>]>([
  ['of fixtures/otlp', fixtureExports],
  ['of the official exporter of protobuf', () => sdkExports('proto')],
])('recorded exports %s', (_name, record) => {
  let recorded: RecordedExports
  beforeAll(async () => {
    recorded = await record()
  })

  it.each(signals)('%s: plain as they came, and equal when damaged or in other forms', (signal) => {
    const options = { nowMillis: Date.now(), retentionNanos: BigInt(Date.now()) * 1_000_000n }
    const below = seededIntegers(7)
    for (const bytes of recorded[signal]) {
      expect(expectEqualVerdict(signal, bytes, options)).toBe(true)
      for (let round = 0; round < runCount; round++) {
        expectEqualVerdict(signal, damaged(bytes, below), options)
        expectEqualVerdict(
          signal,
          varyWire(exportRequestDescriptors[signal], bytes, { below, oddity: 30, forms: 'any' }),
          options,
        )
      }
    }
  })
})

describe('bounds', () => {
  const now = BigInt(receivedAtMillis) * 1_000_000n
  const window = timeWindow({ nowMillis: receivedAtMillis, retentionNanos: 1n })
  const spanWith = (changes: Partial<Span>): Uint8Array => {
    const span = makeSpan({
      traceId: new Uint8Array(16).fill(1),
      spanId: new Uint8Array(8).fill(1),
      name: '',
      kind: 0,
      startTimeUnixNano: now,
      endTimeUnixNano: now,
      ...changes,
    })
    return encodeExportRequest('traces', {
      resourceSpans: [{ scopeSpans: [{ spans: [span], schemaUrl: '' }], schemaUrl: '' }],
    })
  }
  const attributes = (count: number): KeyValue[] => Array.from({ length: count }, () => ({ key: 'k' }))
  /** A value inside as many arrays: two messages each. */
  const nestedValue = (depth: number): KeyValue[] => {
    let value: NonNullable<KeyValue['value']> = { boolValue: true }
    for (let count = 0; count < depth; count++) value = { arrayValue: { values: [value] } }
    return [{ key: 'k', value }]
  }

  it.each([
    ['1024 attributes', { attributes: attributes(1024) }, true],
    ['1025 attributes', { attributes: attributes(1025) }, false],
    ['a start at the end of the window', { startTimeUnixNano: window.to }, true],
    ['a start beyond the window', { startTimeUnixNano: window.to + 1n }, false],
    ['a start at the begin of the window', { startTimeUnixNano: window.from }, true],
    ['a start before the window', { startTimeUnixNano: window.from - 1n }, false],
    ['the last time that can be stored', { endTimeUnixNano: 2n ** 63n - 1n }, true],
    ['a later end', { endTimeUnixNano: 2n ** 63n }, false],
    ['a parent id of zeros', { parentSpanId: new Uint8Array(8) }, true],
    ['a parent id of 16 zeros', { parentSpanId: new Uint8Array(16) }, false],
    ['values as deep as the decoder goes', { attributes: nestedValue(47) }, true],
    ['values one deeper', { attributes: nestedValue(48) }, false],
  ])('%s', (_name, changes, isPlain) => {
    const options = { nowMillis: receivedAtMillis, retentionNanos: 1n }
    expect(expectEqualVerdict('traces', spanWith(changes), options)).toBe(isPlain)
  })

  const varint = (value: number): number[] =>
    value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
  const field = (number: number, content: number[]): number[] => [
    ...varint((number << 3) | 2),
    ...varint(content.length),
    ...content,
  ]
  const attributeOf = (value: number[]): number[] => [...field(1, [0x6b]), ...field(2, value)]
  /** Of a scope, so that the attribute is the fifth message inside another. */
  const scopeAttribute = (value: number[]): number[] =>
    field(1, field(2, field(1, field(3, attributeOf(value)))))
  /** A value inside as many maps, three messages each. */
  const inMaps = (count: number, value: number[]): number[] =>
    count === 0 ? value : inMaps(count - 1, field(6, field(1, attributeOf(value))))
  const inArrays = (count: number, value: number[]): number[] =>
    count === 0 ? value : inArrays(count - 1, field(5, field(1, value)))
  const repeated = (count: number, bytes: number[]): number[] =>
    Array.from({ length: count }, () => bytes).flat()
  const now64 = [0x19, ...Buffer.from(new BigUint64Array([now]).buffer)]
  const histogramPoint = (packed: number[]): number[] =>
    field(1, field(2, field(2, field(9, field(1, packed)))))

  it.each<[string, Signal, number[], boolean]>([
    [
      'a number of ten bytes',
      'traces',
      scopeAttribute([0x18, ...Array.from({ length: 9 }, () => 0x80), 0]),
      true,
    ],
    [
      'a number of eleven',
      'traces',
      scopeAttribute([0x18, ...Array.from({ length: 10 }, () => 0x80), 0]),
      false,
    ],
    ['an attribute at the greatest depth', 'traces', scopeAttribute(inMaps(31, [0x10, 1])), true],
    ['an attribute one deeper', 'traces', scopeAttribute(inMaps(31, inArrays(1, [0x10, 1]))), false],
    ['an attribute two deeper', 'traces', scopeAttribute(inMaps(32, [0x10, 1])), false],
    [
      'an empty array at the greatest depth',
      'traces',
      scopeAttribute(inMaps(1, inArrays(45, field(5, [])))),
      true,
    ],
    ['an empty array one deeper', 'traces', scopeAttribute(inArrays(47, field(5, []))), false],
    ['bucket counts cut off', 'metrics', histogramPoint(field(6, [1, 2, 3, 4, 5, 6, 7, 8, 9])), false],
    ['bounds cut off', 'metrics', histogramPoint(field(7, [1, 2, 3, 4])), false],
    ['a value that is no varint at its end', 'traces', scopeAttribute([0x10, 0x80]), false],
    ['a text longer than its value', 'traces', scopeAttribute([0x0a, 3, 0x61]), false],
  ])('%s', (_name, signal, bytes, isPlain) => {
    expect(expectEqualVerdict(signal, new Uint8Array(bytes))).toBe(isPlain)
  })

  it.each<[string, Signal, (count: number, items: number) => number[]]>([
    [
      'resource',
      'logs',
      (count, items) =>
        field(1, [...field(1, repeated(count, field(1, []))), ...field(2, repeated(items, field(2, [])))]),
    ],
    [
      'scope',
      'logs',
      (count, items) =>
        field(1, field(2, [...repeated(items, field(2, [])), ...field(1, repeated(count, field(3, [])))])),
    ],
    [
      'metric',
      'metrics',
      (count, items) =>
        field(
          1,
          field(
            2,
            field(2, [...repeated(count, field(12, [])), ...field(5, repeated(items, field(1, now64)))]),
          ),
        ),
    ],
  ])('the attributes of a %s', (_name, signal, bytesOf) => {
    const verdicts = [bytesOf(1024, 2), bytesOf(1025, 2), bytesOf(1025, 0)].map(
      (bytes) => decodedAndValidated(signal, new Uint8Array(bytes), everything) !== undefined,
    )
    expect(verdicts).toEqual([true, false, true])
    expect(expectEqualVerdict(signal, new Uint8Array(bytesOf(1025, 2)))).toBe(false)
    expectEqualVerdict(signal, new Uint8Array(bytesOf(1024, 2)))
    expectEqualVerdict(signal, new Uint8Array(bytesOf(1025, 0)))
  })

  it('says the same of a large request in pieces', async () => {
    const one = spanWith({ name: 'x'.repeat(600_000) })
    const large = Buffer.concat(Array.from({ length: 12 }, () => one))
    const plain = { items: 12, hasUntimedItem: false }
    expect(skimExport('traces', large, window)).toEqual(plain)
    expect(await skimExportInPieces('traces', large, window)).toEqual(plain)
    const rejected = Buffer.concat([large, spanWith({ startTimeUnixNano: 0n })])
    expect(await skimExportInPieces('traces', rejected, window)).toBeUndefined()
    expect(await skimExportInPieces('traces', large.subarray(0, -1), window)).toBeUndefined()
    expect(await skimExportInPieces('traces', large.subarray(0, -one.length), window)).toEqual({
      ...plain,
      items: 11,
    })
  })

  it('counts messages as the decoder does', async () => {
    const resources = (count: number): Uint8Array => {
      const bytes = new Uint8Array(count * 2)
      for (let index = 0; index < bytes.length; index += 2) bytes[index] = 0x0a
      return bytes
    }
    expect(skimExport('traces', resources(5_999_999), window)).toEqual({ items: 0, hasUntimedItem: false })
    expect(skimExport('traces', resources(6_000_000), window)).toBeUndefined()
    const inPieces = await skimExportInPieces('traces', resources(5_999_999), window)
    expect(inPieces).toEqual({ items: 0, hasUntimedItem: false })
    expect(await skimExportInPieces('traces', resources(6_000_000), window)).toBeUndefined()
  })

  it('leaves it to the decoder to count what large attributes of a scope would take', () => {
    const scope = (bytes: number) => ({
      name: '',
      version: '',
      attributes: [{ key: 'k', value: { stringValue: 'x'.repeat(bytes) } }],
      droppedAttributesCount: 0,
    })
    const span = decodeExportRequest('traces', spanWith({})).resourceSpans[0]!.scopeSpans[0]!.spans[0]!
    const request = (bytes: number): Uint8Array =>
      encodeExportRequest('traces', {
        resourceSpans: [
          {
            scopeSpans: [
              { scope: scope(bytes), spans: Array.from({ length: 50 }, () => span), schemaUrl: '' },
            ],
            schemaUrl: '',
          },
        ],
      })
    expect(skimExport('traces', request(60), window)).toEqual({ items: 50, hasUntimedItem: false })
    expect(skimExport('traces', request(4000), window)).toBeUndefined()
  })
})
