/**
 * SPLIT_RUNS sets how many exports are tried a signal and kind; SPLIT_SEED, with the seed that a failure names, tries the
 * same again.
 */
import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryExports } from '../../test/harness/arbitrary-otlp.ts'
import { makeSpan } from '../../test/harness/make-span.ts'
import { fixtureExports } from '../../test/harness/recorded-exports.ts'
import { seededIntegers } from '../../test/harness/seeded-random.ts'
import { breakWire, varyWire } from '../../test/harness/wire-variants.ts'
import { OtlpDecodeError } from './decode-error.ts'
import { type Descriptor, exportRequestDescriptors } from './descriptors.ts'
import { lengthDelimited } from './length-delimited.ts'
import { type ExportRequestBySignal, type Signal, signals } from './messages.ts'
import { decodeExportRequest, encodeExportRequest, encodeMessage } from './protobuf.ts'
import { type SplitExport, splitExport } from './split-export.ts'

const runCount = Number(process.env['SPLIT_RUNS'] ?? 100)
const seed = process.env['SPLIT_SEED']
const assertOptions = { numRuns: runCount, ...(seed !== undefined && { seed: Number(seed) }) }

type Message = Record<string, unknown>

/** An item, or what would hold items and holds none, with what is around it. */
interface Leaf {
  message: Message
  around: readonly { message: Message; header: Message; name: string }[]
}

const leavesOf = (descriptor: Descriptor, message: Message, around: Leaf['around'] = []): Leaf[] => {
  const members = descriptor.fields.filter((field) => field.message && field.message.role !== 'part')
  const header = { ...message }
  for (const { name } of members) delete header[name]
  const leaves = members.flatMap((field) =>
    [message[field.name] ?? []]
      .flat()
      .flatMap((member) =>
        leavesOf(field.message!, member as Message, [...around, { message, header, name: field.name }]),
      ),
  )
  return leaves.length === 0 ? [{ message, around }] : leaves
}

const leavesIn = (signal: Signal, requests: readonly Uint8Array[]): Leaf[] =>
  requests.flatMap((bytes) =>
    leavesOf(exportRequestDescriptors[signal], decodeExportRequest(signal, bytes) as unknown as Message),
  )

/** Of which nothing says in which request it came. */
const contentOf = ({ message, around }: Leaf) => [
  ...around.map(({ header, name }) => ({ header, name })),
  message,
]

/** The message at this depth that holds these leaves and no others. */
const holding = (descriptor: Descriptor, leaves: readonly Leaf[], depth = 0): Message => {
  const here = leaves[0]!.around[depth]
  if (here === undefined) return leaves[0]!.message
  const field = descriptor.fields.find(({ name }) => name === here.name)!
  const members: Leaf[][] = []
  for (const leaf of leaves) {
    const container = leaf.around[depth + 1]?.message
    const last = members.at(-1)
    if (container !== undefined && last?.[0]?.around[depth + 1]?.message === container) last.push(leaf)
    else members.push([leaf])
  }
  const held = members.map((group) => holding(field.message!, group, depth + 1))
  return { ...here.header, [here.name]: field.presence === 'repeated' ? held : held[0] }
}

const encodeLeaves = (signal: Signal, leaves: readonly Leaf[]): Uint8Array => {
  const descriptor: Descriptor = exportRequestDescriptors[signal]
  return encodeMessage(descriptor, holding(descriptor, leaves))
}

/** The same by decoding, and by encoding whatever a part could be. */
const splitByTrial = (signal: Signal, payload: Uint8Array, bytesMax: number): SplitExport => {
  const oversized = { count: 0, largestBytes: 0 }
  if (payload.length <= bytesMax) return { parts: [payload], oversized }
  const parts: Leaf[][] = [[]]
  for (const leaf of leavesIn(signal, [payload])) {
    const aloneBytes = encodeLeaves(signal, [leaf]).length
    const open = parts.at(-1) ?? []
    if (aloneBytes > bytesMax) {
      oversized.count++
      oversized.largestBytes = Math.max(oversized.largestBytes, aloneBytes)
    } else if (encodeLeaves(signal, [...open, leaf]).length > bytesMax) parts.push([leaf])
    else open.push(leaf)
  }
  return {
    parts: parts.filter((part) => part.length > 0).map((part) => encodeLeaves(signal, part)),
    oversized,
  }
}

/** Where the bound of growth may not have cut in. */
const hasGrownLittle = ({ parts }: SplitExport, payload: Uint8Array): boolean =>
  parts.reduce((sum, part) => sum + part.length, 0) <= payload.length * 4

const hex = (bytes: readonly Uint8Array[]): string[] => bytes.map((part) => Buffer.from(part).toString('hex'))
const splitInHex = (signal: Signal, payload: Uint8Array, bytesMax: number) => {
  const { parts, oversized } = splitExport(signal, payload, bytesMax)
  return { parts: hex(parts), oversized }
}

/** For exports that are written as our encoder writes them. */
const expectSplitAsByTrial = (signal: Signal, payload: Uint8Array, bytesMax: number): SplitExport => {
  const expected = splitByTrial(signal, payload, bytesMax)
  const split = splitExport(signal, payload, bytesMax)
  if (!hasGrownLittle(expected, payload)) return split
  expect(split.oversized).toEqual(expected.oversized)
  expect(split.parts.map(({ length }) => length)).toEqual(expected.parts.map(({ length }) => length))
  for (const [index, part] of split.parts.entries())
    expect(decodeExportRequest(signal, part)).toEqual(decodeExportRequest(signal, expected.parts[index]!))
  return split
}

/** How many of the leaves have no counterpart in the parts, where all come in the same order. */
const countMissing = (original: readonly Leaf[], kept: readonly Leaf[]): number => {
  let at = 0
  for (const leaf of original)
    if (at < kept.length && isDeepStrictEqual(contentOf(leaf), contentOf(kept[at]!))) at++
  expect(at).toBe(kept.length)
  return original.length - at
}

/** For exports that are written in whatever way. */
const expectEverythingKept = (signal: Signal, payload: Uint8Array, bytesMax: number): SplitExport => {
  const split = splitExport(signal, payload, bytesMax)
  for (const part of split.parts) expect(part.length).toBeLessThanOrEqual(bytesMax)
  expect(countMissing(leavesIn(signal, [payload]), leavesIn(signal, split.parts))).toBe(split.oversized.count)
  expect(splitInHex(signal, Buffer.from(payload), bytesMax).parts).toEqual(hex(split.parts))
  return split
}

/** Nothing is too large any more for parts of what the largest takes, and it is for smaller ones. */
const expectLargestBytes = (signal: Signal, payload: Uint8Array, split: SplitExport): void => {
  const { largestBytes } = split.oversized
  if (largestBytes === 0 || !hasGrownLittle(split, payload)) return
  const larger = splitExport(signal, payload, largestBytes)
  if (hasGrownLittle(larger, payload)) expect(larger.oversized.count).toBe(0)
  expect(splitExport(signal, payload, largestBytes - 1).oversized.count).toBeGreaterThan(0)
}

const refusalOf = (act: () => unknown): OtlpDecodeError | undefined => {
  try {
    act()
  } catch (error) {
    if (error instanceof OtlpDecodeError) return error
    throw error
  }
  return undefined
}

/** Undefined for what the decoder refuses, which is refused or passed on, but by no other error. */
const expectKeptOrRefused = (
  signal: Signal,
  payload: Uint8Array,
  bytesMax: number,
): SplitExport | undefined => {
  if (refusalOf(() => decodeExportRequest(signal, payload)) !== undefined) {
    refusalOf(() => splitExport(signal, payload, bytesMax))
    return undefined
  }
  const split = expectEverythingKept(signal, payload, bytesMax)
  expectLargestBytes(signal, payload, split)
  return split
}

/** In one export: the resources of requests that follow each other are those of one. */
const arbitraryPayload = (signal: Signal): fc.Arbitrary<Buffer> =>
  fc
    .array(arbitraryExports[signal] as fc.Arbitrary<ExportRequestBySignal[Signal]>, {
      minLength: 1,
      maxLength: 3,
    })
    .map((requests) => Buffer.concat(requests.map((request) => encodeExportRequest(signal, request))))

describe('splitExport', () => {
  it.each(signals)('cuts generated %s as decoding and trying would', (signal) => {
    let partCount = 0
    let oversizedCount = 0
    fc.assert(
      fc.property(arbitraryPayload(signal), fc.nat(), (payload, bytesMax) => {
        const split = expectSplitAsByTrial(signal, payload, bytesMax % (payload.length + 1))
        partCount += split.parts.length
        oversizedCount += split.oversized.count
      }),
      assertOptions,
    )
    expect(partCount).toBeGreaterThan(runCount / 2)
    expect(oversizedCount).toBeGreaterThan(runCount / 10)
  })

  it.each(signals)('cuts recorded %s as decoding and trying would, for parts of any size', (signal) => {
    for (const payload of fixtureExports()[signal]) {
      for (let bytesMax = 0; bytesMax <= payload.length; bytesMax += 5)
        expectSplitAsByTrial(signal, payload, bytesMax)
      expect(splitExport(signal, payload, payload.length - 1).parts.length).toBeGreaterThan(1)
    }
  })

  it.each(
    signals.flatMap((signal) => [
      { signal, forms: 'lawful' as const, oddity: 8 },
      { signal, forms: 'lawful' as const, oddity: 60 },
      { signal, forms: 'any' as const, oddity: 80 },
      { signal, forms: 'any' as const, oddity: 300 },
    ]),
  )('keeps $signal in $forms forms on the wire, one field in $oddity odd', ({ signal, oddity, forms }) => {
    let partCount = 0
    let refusedCount = 0
    fc.assert(
      fc.property(arbitraryPayload(signal), fc.nat(), (bytes, variant) => {
        const below = seededIntegers(variant)
        const payload = varyWire(exportRequestDescriptors[signal], bytes, { below, oddity, forms })
        const split = expectKeptOrRefused(signal, payload, below(payload.length + 1))
        if (split === undefined) refusedCount++
        partCount += split?.parts.length ?? 0
      }),
      assertOptions,
    )
    expect(partCount).toBeGreaterThan(runCount / 50)
    expect(refusedCount > 0).toBe(forms === 'any')
  })

  it.each(signals)('keeps or refuses broken %s as the decoder does', (signal) => {
    let keptCount = 0
    fc.assert(
      fc.property(arbitraryPayload(signal), fc.nat(), (bytes, variant) => {
        const below = seededIntegers(variant)
        const payload = breakWire(bytes, below)
        if (expectKeptOrRefused(signal, payload, below(payload.length + 1)) !== undefined) keptCount++
      }),
      assertOptions,
    )
    expect(keptCount).toBeGreaterThan(0)
    expect(keptCount).toBeLessThan(runCount)
  })
})

type Bytes = Uint8Array | readonly number[]
const bytesOf = (...fields: Bytes[]): Buffer => Buffer.concat(fields.map((field) => Uint8Array.from(field)))
const field = (number: number, ...content: Bytes[]): Buffer => lengthDelimited(number, bytesOf(...content))
const text = (number: number, value: string): Buffer => field(number, Buffer.from(value))
const unknownVarint = [0xf8, 0x06, 7]
const unknownGroup = [0xf3, 0x06, 0x08, 5, 0xf4, 0x06]

const allIn = (...parts: Uint8Array[]) => ({ parts: hex(parts), oversized: { count: 0, largestBytes: 0 } })

describe('what is around items', () => {
  it('comes back as it is with a request that is small enough', () => {
    const payload = field(1, field(2, text(2, 'no span at all')))
    expect(splitExport('traces', payload, payload.length).parts[0]).toBe(payload)
  })

  it('is repeated with fields that come after the items, unknown ones and groups', () => {
    const [one, two] = [field(2, text(5, 'one')), field(2, text(5, 'two'))]
    const resource = [text(3, 'url'), unknownGroup, field(1, [0x10, 1])]
    const scope = [unknownVarint, field(1, text(1, 'scope'))]
    const mark = text(15, 'mark')
    const requestOf = (...spans: Buffer[]) => field(1, ...resource, field(2, ...scope, ...spans))
    const [firstOfScope, lastOfScope] = scope
    const asItCame = field(1, field(2, firstOfScope!, one, lastOfScope!, two), ...resource)
    const payload = bytesOf(asItCame, requestOf(two), mark)
    const parts = [
      bytesOf(mark, requestOf(one)),
      bytesOf(mark, requestOf(two)),
      bytesOf(mark, requestOf(two)),
    ]
    expect(splitInHex('traces', payload, parts[0]!.length)).toEqual(allIn(...parts))
    const together = bytesOf(mark, asItCame)
    expect(splitInHex('traces', payload, together.length)).toEqual(allIn(together, parts[2]!))
  })

  it('goes with the points of a metric, whatever its kind says of itself behind them', () => {
    const [one, two] = [field(1, [0x40, 1]), field(1, [0x40, 2])]
    const [unit, temporality] = [text(3, 'ms'), [0x10, 2]]
    const requestOf = (...metric: Bytes[]) => field(1, field(2, field(2, ...metric)))
    const payload = requestOf(field(7, one, two, temporality, [0x18, 1]), unit)
    const parts = [one, two].map((point) => requestOf(unit, field(7, temporality, [0x18, 1], point)))
    expect(splitInHex('metrics', payload, parts[0]!.length)).toEqual(allIn(...parts))
  })

  it('is kept without items where it fits', () => {
    const [resource, scope] = [field(1, text(3, 'resource')), field(1, field(2, text(3, 'scope')))]
    const metric = field(1, field(2, field(2, text(1, 'metric'))))
    const kind = field(1, field(2, field(2, text(1, 'metric'), field(5))))
    const parts = [resource, scope, metric, kind]
    expect(splitInHex('metrics', bytesOf(...parts), kind.length)).toEqual(allIn(...parts))
    expect(splitExport('metrics', bytesOf(...parts), metric.length - 1)).toMatchObject({
      parts: [resource, scope],
      oversized: { count: 2, largestBytes: kind.length },
    })
  })
})

describe('a metric that is unusual on the wire', () => {
  const point = field(1, [0x40, 1])
  const requestOf = (...kinds: Buffer[]) => field(1, field(2, ...kinds.map((kind) => field(2, kind))))

  it.each([
    ['kinds that take the place of each other', [field(5, point, point, point), field(7, point, point)], 2],
    ['the first kind once more', [field(5, point), field(7, point), field(5, point, point)], 2],
    ['a kind in pieces', [field(7, point, point), field(7, [0x10, 2]), field(7, point)], 3],
    ['a last kind without points', [field(5, point, point, point), field(7)], 1],
  ])('of %s stays whole', (_name, kinds, count) => {
    const unusual = field(2, ...kinds)
    const payload = field(1, field(2, unusual, field(2, field(5, point))))
    const whole = field(1, field(2, unusual))
    expect(splitInHex('metrics', payload, whole.length)).toEqual(allIn(whole, requestOf(field(5, point))))
    expect(splitInHex('metrics', payload, whole.length - 1)).toEqual({
      parts: hex([requestOf(field(5, point))]),
      oversized: { count, largestBytes: whole.length },
    })
  })
})

describe('bounds', () => {
  const span = (name: string): Buffer => field(2, text(5, name))
  const requestOf = (...spans: Buffer[]): Buffer => field(1, field(2, ...spans))

  it('leaves out what no part can hold, and nothing around it', () => {
    const [one, two] = [span('one'), span('two')]
    const [large, larger] = [span('x'.repeat(100)), span('x'.repeat(200))]
    const payload = bytesOf(requestOf(one, large, two), requestOf(larger), requestOf(one))
    expect(splitExport('traces', payload, 60)).toEqual({
      parts: [bytesOf(requestOf(one, two), requestOf(one))],
      oversized: { count: 2, largestBytes: requestOf(larger).length },
    })
    expect(splitExport('traces', payload, 0)).toEqual({
      parts: [],
      oversized: { count: 5, largestBytes: requestOf(larger).length },
    })
  })

  it.each([100, 16_300])('finds the place of lengths that take one byte more, from %i bytes on', (from) => {
    const spans = Array.from({ length: 400 }, (_, index) =>
      makeSpan({
        traceId: Buffer.alloc(16, 1),
        spanId: Buffer.alloc(8, 1),
        name: 'x'.repeat(index % 7),
        startTimeUnixNano: 0n,
      }),
    )
    const payload = encodeExportRequest('traces', {
      resourceSpans: [{ schemaUrl: 'url', scopeSpans: [{ schemaUrl: 'url', spans }] }],
    })
    for (let bytesMax = from; bytesMax < from + 100; bytesMax++) {
      const { parts } = splitExport('traces', payload, bytesMax)
      expect(leavesIn('traces', parts)).toHaveLength(spans.length)
      const [first, second] = parts.map((part) => leavesIn('traces', [part]))
      expect(parts[0]!.length).toBeLessThanOrEqual(bytesMax)
      expect(encodeLeaves('traces', joined([...first!, second![0]!])).length).toBeGreaterThan(bytesMax)
    }
  })

  /** As if they had come in one request. */
  const joined = (leaves: readonly Leaf[]): Leaf[] =>
    leaves.map(({ message }) => ({ message, around: leaves[0]!.around }))

  it('bounds what is repeated all in all', () => {
    const payload = field(
      1,
      text(3, 'x'.repeat(5000)),
      field(2, ...Array.from({ length: 10_000 }, () => span(''))),
    )
    const { parts, oversized } = splitExport('traces', payload, 5020)
    const partsBytes = parts.reduce((sum, part) => sum + part.length, 0)
    expect(partsBytes).toBeGreaterThan(payload.length * 4)
    expect(partsBytes).toBeLessThan(payload.length * 4 + 2 * 5020)
    expect(leavesIn('traces', parts).length + oversized.count).toBe(10_000)
  })

  it('reads a payload that is a view of other bytes', () => {
    const bytes = Buffer.concat([
      Buffer.alloc(7, 0xff),
      requestOf(span('one'), span('two')),
      Buffer.alloc(9, 0xff),
    ])
    const payload = bytes.subarray(7, -9)
    expect(splitInHex('traces', payload, 11)).toEqual(allIn(requestOf(span('one')), requestOf(span('two'))))
  })

  it.each([
    ['a truncated varint', [0x0a, 0x80]],
    ['a length beyond the end', [0x0a, 0x05, 0x00]],
    ['an inner length beyond its message', [...field(1, [0x12, 0x05, 0x00]), ...text(15, 'padding')]],
    ['a value beyond the end of its message', [...field(1, [0x39, 1, 2]), ...text(15, 'padding')]],
    ['a field number of zero', [0x02, 0x00]],
    ['an unknown wire type', [0x0f]],
    ['the end of a group never begun', [0x0c]],
    ['the end of another group', [0x13, 0x1c]],
    ['groups nested too deep', Array.from({ length: 200 }, () => 0x13)],
  ])('refuses %s as the decoder does', (_name, bytes) => {
    const payload = Uint8Array.from(bytes)
    const refusal = refusalOf(() => decodeExportRequest('traces', payload))
    expect(refusal).toBeInstanceOf(OtlpDecodeError)
    expect(() => splitExport('traces', payload, 0)).toThrow(refusal)
  })
})
