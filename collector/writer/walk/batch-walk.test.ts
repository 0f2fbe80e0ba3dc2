import { isDeepStrictEqual } from 'node:util'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeBlock } from '#storage/native-block.ts'
import { type Descriptor, exportRequestDescriptors } from '#telemetry/otlp/descriptors.ts'
import { type ExportRequestBySignal, type Signal, signals } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { arbitraryExports, receivedAtMillis } from '../../../test/harness/arbitrary-otlp.ts'
import { readNativeBlock } from '../../../test/harness/native-rows.ts'
import { plainBatch } from '../../../test/harness/plain-batch.ts'
import { type RecordedExports, fixtureExports, sdkExports } from '../../../test/harness/recorded-exports.ts'
import { seededIntegers } from '../../../test/harness/seeded-random.ts'
import { breakWire, varyWire } from '../../../test/harness/wire-variants.ts'
import type { QueuedRecord } from '../../queue/queue.ts'
import { type Batch, type BatchWalk, createBatchWalk } from './batch-walk.ts'
import { typescriptEngine, webAssemblyEngine } from './engine.ts'
import { joinBatches } from './join-batches.ts'
import { lengthDelimited } from '#telemetry/otlp/length-delimited.ts'
import { HeapFull } from './walk-host.ts'
import { compileWalk } from './wasm/compile-walk.ts'

/** The long form is `WALK_RUNS=20000 WALK_MUTATIONS=1000000`. */
const runs = Number(process.env['WALK_RUNS'] ?? 100)
const mutations = Number(process.env['WALK_MUTATIONS'] ?? 3000)
const seed = Number(process.env['WALK_SEED'] ?? Date.now() % 1_000_000)

/** The same walk twice: its rows must not depend on what it runs on. */
const engines = {
  TypeScript: typescriptEngine,
  WebAssembly: webAssemblyEngine(await compileWalk()),
}
const walks = {
  TypeScript: createBatchWalk(engines.TypeScript),
  WebAssembly: createBatchWalk(engines.WebAssembly),
}

const recordsOf = (payloads: readonly Uint8Array[]): QueuedRecord[] =>
  payloads.map((payload, offset) => ({
    offset,
    queuedAtMillis: receivedAtMillis + offset,
    tenant: offset % 3 === 2 ? 'acme' : 'default',
    payload,
  }))

const walked = (walk: BatchWalk, signal: Signal, records: readonly QueuedRecord[]): Batch => {
  const gathering = walk.gather(signal, records)
  for (;;) {
    const turn = gathering.next()
    if (turn.done === true) return turn.value
  }
}

const rowsOf = (batch: Pick<Batch, 'resources' | 'blocks'>) => ({
  resources: batch.resources(),
  blocks: batch.blocks().map(({ table, day, rowCount, columns }) => ({
    table,
    day,
    rowCount,
    columns: readNativeBlock(encodeBlock(columns)),
  })),
})

type Gather = (signal: Signal, records: readonly QueuedRecord[]) => Pick<Batch, 'resources' | 'blocks'>

const attempt = (gather: Gather, signal: Signal, records: readonly QueuedRecord[]) => {
  try {
    return rowsOf(gather(signal, records))
  } catch (error) {
    return error
  }
}

/** Either the same rows, or none from either. True when there are rows. */
const expectSameRows = (signal: Signal, records: readonly QueuedRecord[]): boolean => {
  const expected = attempt(plainBatch, signal, records)
  for (const walk of Object.values(walks)) {
    const actual = attempt((...args) => walked(walk, ...args), signal, records)
    if (expected instanceof Error && actual instanceof Error) continue
    // One error only: it says more than the rows that it stands against.
    if (actual instanceof Error) throw actual
    if (expected instanceof Error) throw expected
    if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected)
  }
  return !(expected instanceof Error)
}

/** Each by itself, and then those that make rows together: how many do. */
const expectSameRowsOfAll = (signal: Signal, payloads: readonly Uint8Array[]): number => {
  const good = recordsOf(payloads).filter((record) => expectSameRows(signal, [record]))
  expect(expectSameRows(signal, good)).toBe(true)
  return good.length
}

const requestsOf = (signal: Signal): fc.Arbitrary<Buffer[]> =>
  fc
    .array(arbitraryExports[signal] as fc.Arbitrary<ExportRequestBySignal[Signal]>, { maxLength: 4 })
    .map((requests) => requests.map((request) => Buffer.from(encodeExportRequest<Signal>(signal, request))))

type Rewrite = (descriptor: Descriptor, bytes: Buffer, below: (bound: number) => number) => Buffer
const rewriteWire: Rewrite = (descriptor, bytes, below) =>
  varyWire(descriptor, bytes, { below, oddity: 3, forms: 'lawful' })

describe.each(signals)('the walk over %s', (signal) => {
  it('makes the rows of the plain decoder, whatever a request holds', () => {
    let madeRows = 0
    fc.assert(
      fc.property(requestsOf(signal), (payloads) => {
        madeRows += expectSameRowsOfAll(signal, payloads)
      }),
      { numRuns: runs, endOnFailure: true },
    )
    expect(madeRows).toBeGreaterThan(runs / 2)
  })

  it.each<[string, Rewrite]>([
    ['protobuf lets the bytes have', rewriteWire],
    [
      'the bytes have, odd ones included',
      (descriptor, bytes, below) => varyWire(descriptor, bytes, { below, oddity: 30, forms: 'any' }),
    ],
  ])('makes the rows of the plain decoder, whatever form %s', (_name, rewrite) => {
    let madeRows = 0
    fc.assert(
      fc.property(requestsOf(signal), fc.nat(), (payloads, variant) => {
        const below = seededIntegers(variant)
        const descriptor = exportRequestDescriptors[signal]
        madeRows += expectSameRowsOfAll(
          signal,
          payloads.map((payload) => rewrite(descriptor, payload, below)),
        )
      }),
      { numRuns: runs, endOnFailure: true },
    )
    expect(madeRows).toBeGreaterThan(runs / 10)
  })

  it.each<[string, () => RecordedExports | Promise<RecordedExports>]>([
    ['of the fixtures', fixtureExports],
    ['of the official exporters', () => sdkExports('proto')],
  ])('makes the rows of the plain decoder from exports %s', async (_name, exports) => {
    const payloads = (await exports())[signal]
    expect(expectSameRowsOfAll(signal, payloads)).toBe(payloads.length)
  })

  it(`makes the rows of the plain decoder, or none, from broken bytes (seed ${seed})`, () => {
    const below = seededIntegers(seed)
    const samples = fc.sample(requestsOf(signal), { numRuns: 200, seed }).flat()
    let madeRows = 0
    for (let count = 0; count < mutations; count++) {
      const sample = samples[below(samples.length)]
      if (sample === undefined) throw new Error('no samples')
      const varied = below(2) === 0 ? sample : rewriteWire(exportRequestDescriptors[signal], sample, below)
      if (expectSameRows(signal, recordsOf([breakWire(varied, below)]))) madeRows += 1
    }
    expect(madeRows).toBeGreaterThan(mutations / 20)
  }, 3_600_000)

  it('makes the same rows of the halves of a range, joined', () => {
    fc.assert(
      fc.property(requestsOf(signal), requestsOf(signal), (first, second) => {
        const records = recordsOf([...first, ...second]).filter(
          (record) => !(attempt(plainBatch, signal, [record]) instanceof Error),
        )
        const half = records.length >> 1
        const joined = joinBatches(
          walked(walks.WebAssembly, signal, records.slice(0, half)),
          walked(walks.WebAssembly, signal, records.slice(half)),
        )
        expect(rowsOf(joined)).toEqual(rowsOf(plainBatch(signal, records)))
      }),
      { numRuns: runs },
    )
  })
})

const logWith = (...doubles: readonly number[]): Buffer =>
  Buffer.from(
    encodeExportRequest('logs', {
      resourceLogs: [
        {
          schemaUrl: '',
          scopeLogs: [
            {
              schemaUrl: '',
              logRecords: doubles.map((doubleValue) => ({
                ...emptyLog,
                attributes: [{ key: 'd', value: { doubleValue } }],
                body: { arrayValue: { values: [{ doubleValue }] } },
              })),
            },
          ],
        },
      ],
    }),
  )

const emptyLog = {
  timeUnixNano: 1n,
  observedTimeUnixNano: 0n,
  severityNumber: 0,
  severityText: '',
  attributes: [],
  droppedAttributesCount: 0,
  flags: 0,
  traceId: new Uint8Array(),
  spanId: new Uint8Array(),
  eventName: '',
}

describe('doubles', () => {
  it('have the text that JavaScript gives them', () => {
    const edges = [0, -0, 1e-6, 9.9e-7, 1e15, 999999999999999.9, 0.1 + 0.2, 5e-324, 1e21, 1e22]
    const decimal = fc
      .tuple(fc.maxSafeNat(), fc.integer({ min: -8, max: 24 }), fc.boolean())
      .map(([digits, exponent, isNegative]) => Number(`${isNegative ? '-' : ''}${digits}e${-exponent}`))
    const short = fc
      .tuple(fc.nat(99_999), fc.integer({ min: 0, max: 9 }))
      .map(([digits, decimals]) => Number(`${digits}e-${decimals}`))
    const any = fc.oneof(decimal, short, fc.double(), fc.constantFrom(...edges, Number.NaN, Infinity))
    fc.assert(
      fc.property(fc.array(any, { minLength: 50, maxLength: 100 }), (doubles) => {
        expect(expectSameRows('logs', recordsOf([logWith(...doubles)]))).toBe(true)
      }),
      { numRuns: runs },
    )
  })
})

describe('keys and texts', () => {
  it('may have any length', () => {
    const lengths = [
      0, 1, 16, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 300, 16_383, 16_384,
    ]
    const attributes = lengths.flatMap((keyLength) =>
      lengths.map((length) => ({
        key: 'k'.repeat(keyLength),
        value: { stringValue: 'v'.repeat(length) },
      })),
    )
    const logRecords = [
      { ...emptyLog, attributes },
      ...lengths.map((length) => ({ ...emptyLog, body: { stringValue: 'b'.repeat(length) } })),
    ]
    const request = { resourceLogs: [{ schemaUrl: '', scopeLogs: [{ schemaUrl: '', logRecords }] }] }
    expect(expectSameRows('logs', recordsOf([Buffer.from(encodeExportRequest('logs', request))]))).toBe(true)
  })
})

describe.each(Object.entries(engines))('the heap in %s', (_name, engine) => {
  const record = recordsOf([logWith(...Array.from({ length: 20_000 }, (_, index) => index / 7))])

  it('is bounded', () => {
    const walk = createBatchWalk(engine, 1 << 20)
    expect(() => walked(walk, 'logs', record)).toThrow(HeapFull)
    expect(() => walked(walk, 'logs', record)).toThrow('the rows take more than 1048576 bytes')
    // What fits is walked as before.
    const small = recordsOf([logWith(1.5)])
    expect(rowsOf(walked(walk, 'logs', small))).toEqual(rowsOf(plainBatch('logs', small)))
  })
  it('is given back after a large batch', () => {
    let engineCount = 0
    const walk = createBatchWalk((host) => {
      engineCount += 1
      return engine(host)
    })
    expect(rowCountOf(walked(walk, 'logs', recordsOf([unknownFieldOf(80 << 20)])))).toBe(0)
    expect(engineCount).toBe(2)
    expect(rowsOf(walked(walk, 'logs', record))).toEqual(rowsOf(plainBatch('logs', record)))
    expect(engineCount).toBe(2)
  })
})

const rowCountOf = (batch: Batch): number => batch.blocks().reduce((sum, { rowCount }) => sum + rowCount, 0)

const unknownFieldOf = (byteCount: number): Buffer =>
  Buffer.from(lengthDelimited(15, Buffer.alloc(byteCount)))

/** An export of a resource alone, with its service's name. */
const resourceExport = (name: string, byteCount = 0): Buffer => {
  const value = lengthDelimited(1, Buffer.concat([Buffer.from(name), Buffer.alloc(byteCount, 'x')]))
  const attribute = Buffer.concat([
    lengthDelimited(1, Buffer.from('service.name')),
    lengthDelimited(2, value),
  ])
  return lengthDelimited(1, lengthDelimited(1, lengthDelimited(1, attribute)))
}

const resourcesOf = (gather: Gather, payloads: readonly Buffer[]) =>
  gather('traces', recordsOf(payloads)).resources()

describe.each(Object.entries(engines))('resources in %s', (_name, engine) => {
  const walk = createBatchWalk(engine)
  const gather: Gather = (signal, records) => walked(walk, signal, records)

  it('are found again, and those that are not remembered are read again', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => resourceExport(`service ${index}`))
    // Beyond what is remembered of one, and of all.
    const large = Array.from({ length: 40 }, (_, index) => resourceExport(`large ${index % 20}`, 1 << 14))
    const middle = Array.from({ length: 1100 }, (_, index) => resourceExport(`middle ${index}`, 16_000))
    for (const payloads of [many.slice(0, 10), many, many.slice(0, 10), large, middle, many.slice(5, 15)])
      expect(resourcesOf(gather, [...payloads, ...payloads.toReversed()])).toEqual(
        resourcesOf(plainBatch, [...payloads, ...payloads.toReversed()]),
      )
  }, 60_000)

  it('are those of the tenant that they came from', () => {
    const payload = resourceExport('one')
    const records = ['acme', 'default', 'acme'].map((tenant, offset) => ({
      offset,
      queuedAtMillis: receivedAtMillis,
      tenant,
      payload,
    }))
    for (const some of [records.slice(0, 1), records]) expect(expectSameRows('traces', some)).toBe(true)
  })

  it('are known to one walk while another one runs between', () => {
    const other = createBatchWalk(engine)
    const gatherElsewhere: Gather = (signal, records) => walked(other, signal, records)
    for (const names of [['a', 'b'], ['b', 'c'], ['a']]) {
      const payloads = names.map((name) => resourceExport(name))
      expect(resourcesOf(gather, payloads)).toEqual(resourcesOf(plainBatch, payloads))
      const others = [resourceExport('elsewhere'), ...payloads]
      expect(resourcesOf(gatherElsewhere, others)).toEqual(resourcesOf(plainBatch, others))
    }
  })
})

describe.each(Object.entries(walks))('the walk in %s', (_name, walk) => {
  it('yields within a metric of many points', () => {
    const dataPoints = Array.from({ length: 5000 }, (_, index) => ({
      attributes: [],
      startTimeUnixNano: 0n,
      timeUnixNano: BigInt(index + 1),
      asDouble: index / 3,
      exemplars: [],
      flags: 0,
    }))
    const metric = { name: 'm', description: '', unit: '', metadata: [], gauge: { dataPoints } }
    const request = {
      resourceMetrics: [{ schemaUrl: '', scopeMetrics: [{ schemaUrl: '', metrics: [metric] }] }],
    }
    const records = recordsOf([Buffer.from(encodeExportRequest('metrics', request))])
    const gathering = walk.gather('metrics', records)
    let turnCount = 0
    let turn = gathering.next()
    for (; turn.done !== true; turn = gathering.next()) turnCount += 1
    expect(turnCount).toBeGreaterThan(8)
    expect(rowsOf(turn.value)).toEqual(rowsOf(plainBatch('metrics', records)))
  })

  it('counts the messages in resources towards the limit of a record', () => {
    const emptyAttribute = lengthDelimited(1, Buffer.alloc(0))
    const resource = lengthDelimited(1, Buffer.concat(Array.from({ length: 7000 }, () => emptyAttribute)))
    const ofResource = lengthDelimited(1, resource)
    const requestOf = (count: number): QueuedRecord[] =>
      recordsOf([Buffer.concat(Array.from({ length: count }, () => ofResource))])
    expect(walked(walk, 'traces', requestOf(850)).resources()).toHaveLength(1)
    expect(() => walked(walk, 'traces', requestOf(860))).toThrow('more than 6000000 messages')
  })
})
