import { existsSync } from 'node:fs'
import { mkdir, rm, rmdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Unavailable } from '#runtime/errors.ts'
import { createLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import type { Store } from '#storage/connection.ts'
import { type RangeStore, createRangeStore } from '#storage/range-store.ts'
import { sql } from '#storage/sql.ts'
import type { ExportTraceServiceRequest, Span } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type MigratedStore, openMigratedStore } from '../../test/harness/migrated-store.ts'
import { makeSpan } from '../../test/harness/make-span.ts'
import { type LocalLog, openLocalLog } from '../queue/local-log.ts'
import { deadLetterFolder, listDeadLetters } from './dead-letter-files.ts'
import { createDeadLetters } from './dead-letters.ts'
import { builtWalkFile } from './walk/wasm/built-walk.ts'
import { type Writer, createWriter } from './writer.ts'

const logger = createLogger({ name: 'test', level: 'silent' })
const selfMetrics = createSelfMetrics()
const nowNanos = 1_760_000_000_000_000_000n
const nanosPerDay = 86_400_000_000_000n

let migrated: MigratedStore
let dataDir: string
let store: Store
let queue: LocalLog
let writer: Writer | undefined

beforeEach(async () => {
  migrated = await openMigratedStore()
  ;({ dataDir, store } = migrated)
  queue = await openLocalLog({ dataDir, logger })
})
afterEach(async () => {
  await writer?.stop()
  writer = undefined
  await queue.close()
  await migrated.close()
})

const start = (rangeStore: RangeStore = createRangeStore(store), gatherMillis = 10): Writer => {
  writer = createWriter({
    queue,
    store: rangeStore,
    deadLetters: createDeadLetters({ dataDir, logger }),
    logger,
    selfMetrics,
    gatherMillis,
    stopMillis: 1000,
  })
  writer.start()
  return writer
}

const id = (length: number, number: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(length - 4, number)
  return bytes
}

const span = (number: number, startTimeUnixNano: bigint): Span =>
  makeSpan({ traceId: id(16, number), spanId: id(8, number), name: `span ${number}`, startTimeUnixNano })

const request = (spans: Span[], pod = 'pod-a'): ExportTraceServiceRequest => ({
  resourceSpans: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'checkout' } },
          { key: 'k8s.pod.name', value: { stringValue: pod } },
        ],
        droppedAttributesCount: 0,
        entityRefs: [],
      },
      schemaUrl: '',
      scopeSpans: [{ spans, schemaUrl: '' }],
    },
  ],
})

const append = (spans: Span[], pod?: string) =>
  queue.append('traces', { tenant: 'default', payload: encodeExportRequest('traces', request(spans, pod)) })

const written = async (): Promise<void> => {
  await expect.poll(() => queue.partition('traces').lag().recordsBehind, { timeout: 15_000 }).toBe(0)
}

const spanNames = async (): Promise<string[]> => {
  const rows = await store.query<{ name: string }>(sql`SELECT name FROM spans ORDER BY name`)
  return rows.map(({ name }) => name)
}
const ranges = async (): Promise<string[]> => {
  const rows = await store.query<{ range: string }>(sql`SELECT DISTINCT range FROM spans ORDER BY range`)
  return rows.map(({ range }) => range)
}

const deadLetters = () => listDeadLetters(deadLetterFolder(dataDir))

describe('the writer', () => {
  it('says what decodes its records, and what it costs where that is not the fast one', async () => {
    const lines: string[] = []
    writer = createWriter({
      queue,
      store: createRangeStore(store),
      deadLetters: createDeadLetters({ dataDir, logger }),
      logger: createLogger({ name: 'test', destination: { write: (line) => lines.push(line) } }),
      selfMetrics,
    })
    writer.start()
    const { engine, level, msg } = JSON.parse(lines[0] ?? '{}') as Record<string, unknown>
    // As it is in this work tree: built or not.
    const isBuilt = existsSync(builtWalkFile())
    expect({ engine, level }).toEqual(
      isBuilt ? { engine: 'WebAssembly', level: 30 } : { engine: 'TypeScript', level: 40 },
    )
    expect(msg).toContain(isBuilt ? 'by WebAssembly' : 'up to three times the CPU')
    expect(await selfMetrics.render()).toMatch(
      new RegExp(`writer_walk\\{[^}]*engine="${String(engine)}"[^}]*\\} 1`),
    )
  })

  it('brings queued exports into the store and remembers each resource once', async () => {
    await append([span(1, nowNanos), span(2, nowNanos)])
    await append([span(3, nowNanos)])
    await append([span(4, nowNanos)], 'pod-b')
    start()
    await written()
    expect(await spanNames()).toEqual(['span 1', 'span 2', 'span 3', 'span 4'])
    expect(await store.query(sql`SELECT pod_name FROM resources ORDER BY pod_name`)).toEqual([
      { pod_name: 'pod-a' },
      { pod_name: 'pod-b' },
    ])
    expect(await store.query(sql`SELECT count() AS sightings FROM resource_sightings FINAL`)).toEqual([
      { sightings: '2' },
    ])
  })

  it('brings a block in as it is, however large some of its columns are', async () => {
    const names = Array.from({ length: 8 }, (_, number) =>
      String(number).repeat(number % 3 === 0 ? 100_000 : 1),
    )
    await append(names.map((name, number) => ({ ...span(number + 1, nowNanos), name })))
    start()
    await written()
    expect(await spanNames()).toEqual(names.toSorted())
    expect(await store.query(sql`SELECT uniqExact(hex(span_id)) AS ids FROM spans`)).toEqual([{ ids: '8' }])
  })

  it('writes a range over several days as one part per day', async () => {
    await append([span(1, nowNanos), span(2, nowNanos - nanosPerDay), span(3, nowNanos - 2n * nanosPerDay)])
    start()
    await written()
    expect(await spanNames()).toHaveLength(3)
    expect(
      await store.query(
        sql`SELECT uniqExact(partition) AS days FROM system.parts WHERE table = 'spans' AND active`,
      ),
    ).toEqual([{ days: '3' }])
  })

  it('writes nothing twice when it was killed after the insert and before the position moved', async () => {
    await append([span(1, nowNanos), span(2, nowNanos - nanosPerDay)])
    start()
    await written()
    await writer?.stop()
    await queue.partition('traces').savePosition({ next: 0, intent: { first: 0, last: 0, attempt: 1 } })
    await append([span(3, nowNanos)])
    start()
    await written()
    expect(await spanNames()).toEqual(['span 1', 'span 2', 'span 3'])
  })

  it('writes only the missing day when it was killed between two inserts of a range', async () => {
    await append([span(1, nowNanos), span(2, nowNanos - nanosPerDay)])
    start()
    await written()
    await writer?.stop()
    await store.command(sql`ALTER TABLE spans DELETE WHERE name = 'span 2' SETTINGS mutations_sync = 1`)
    await store.command(sql`TRUNCATE TABLE resource_sightings`)
    await queue.partition('traces').savePosition({ next: 0, intent: { first: 0, last: 0, attempt: 1 } })
    start()
    await written()
    expect(await spanNames()).toEqual(['span 1', 'span 2'])
    const { identity } = queue.partition('traces')
    expect(await ranges()).toEqual([`${identity}:0-0#1`, `${identity}:0-0#2`])
    const sightings = await store.query(sql`SELECT count() AS days FROM resource_sightings FINAL`)
    expect(sightings).toEqual([{ days: '2' }])
  })

  it('asks the store before it repeats an insert whose answer was lost', async () => {
    const real = createRangeStore(store)
    let lostAnswers = 2
    const unsure: RangeStore = {
      ...real,
      insertBlock: async (identity, attempt, block) => {
        await real.insertBlock(identity, attempt, block)
        if (lostAnswers-- > 0) throw new Error('connection reset while waiting for the answer')
      },
    }
    await append([span(1, nowNanos), span(2, nowNanos - nanosPerDay)])
    start(unsure)
    await written()
    expect(await spanNames()).toEqual(['span 1', 'span 2'])
  })

  it('tries again under the next attempt when an insert failed for real', async () => {
    const real = createRangeStore(store)
    let failures = 1
    const failing: RangeStore = {
      ...real,
      insertBlock: async (identity, attempt, block) => {
        if (failures-- > 0) throw new Error('too many parts')
        await real.insertBlock(identity, attempt, block)
      },
    }
    await append([span(1, nowNanos)])
    const running = start(failing)
    await written()
    expect(running.failure()).toBeUndefined()
    expect(await ranges()).toEqual([`${queue.partition('traces').identity}:0-0#2`])
  })

  it('goes on after a crash when an insert that was given up had arrived after all', async () => {
    const real = createRangeStore(store)
    const twice: RangeStore = {
      ...real,
      insertBlock: async (identity, attempt, block) => {
        await real.insertBlock(identity, attempt, block)
        await real.insertBlock(identity, attempt + 1, block)
      },
    }
    await append([span(1, nowNanos)])
    start(twice)
    await written()
    await writer?.stop()
    await queue.partition('traces').savePosition({ next: 0, intent: { first: 0, last: 0, attempt: 2 } })
    start()
    await written()
    expect(await ranges()).toHaveLength(2)
  })

  it('does not take the rows of a lost queue for those of the queue that was begun anew', async () => {
    await append([span(1, nowNanos)])
    start()
    await written()
    await writer?.stop()
    await queue.close()
    await rm(join(dataDir, 'queue'), { recursive: true })
    queue = await openLocalLog({ dataDir, logger })
    await append([span(2, nowNanos)])
    const real = createRangeStore(store)
    let failures = 1
    start({
      ...real,
      insertBlock: async (identity, attempt, block) => {
        if (failures-- > 0) throw new Error('connection refused')
        await real.insertBlock(identity, attempt, block)
      },
    })
    await written()
    expect(await spanNames()).toEqual(['span 1', 'span 2'])
  })

  it('takes a range that is in the store for written, even when the log lost some of its records', async () => {
    await append([span(1, nowNanos)])
    await append([span(2, nowNanos)])
    start()
    await written()
    await writer?.stop()
    await queue.partition('traces').savePosition({ next: 0, intent: { first: 0, last: 1, attempt: 1 } })
    await queue.close()
    const file = join(dataDir, 'queue/otlp_spans/0/00000000000000000000.log')
    await truncate(file, (await stat(file)).size - 10)
    queue = await openLocalLog({ dataDir, logger })
    await append([span(3, nowNanos)])
    start()
    await written()
    expect(await spanNames()).toEqual(['span 1', 'span 2', 'span 3'])
  })

  it('stops in time while the store does not answer, and writes once afterwards', async () => {
    const real = createRangeStore(store)
    const { promise: answer, reject } = Promise.withResolvers<never>()
    let inserts = 0
    const hanging: RangeStore = {
      ...real,
      insertBlock: async (identity, attempt, block) => {
        await real.insertBlock(identity, attempt, block)
        inserts += 1
        await answer
      },
    }
    await append([span(1, nowNanos)])
    const running = start(hanging)
    await expect.poll(() => inserts, { timeout: 5000 }).toBe(1)
    await running.stop()
    reject(new Error('connection closed'))
    start()
    await written()
    expect(await spanNames()).toEqual(['span 1'])
  })

  it('lets the queue fill up and refuse while the store is away, and catches up by itself', async () => {
    await queue.close()
    queue = await openLocalLog({ dataDir, logger, unwrittenBytesMax: 20_000 })
    const real = createRangeStore(store)
    let isAway = true
    start({
      ...real,
      insertBlock: async (identity, attempt, block) => {
        if (isAway) throw new Unavailable('no answer from ClickHouse')
        await real.insertBlock(identity, attempt, block)
      },
    })
    const names: string[] = []
    const appendNext = async (): Promise<void> => {
      await append([span(names.length, nowNanos)])
      names.push(`span ${names.length}`)
    }
    const untilFull = async (): Promise<void> => {
      for (;;) await appendNext()
    }
    await expect(untilFull()).rejects.toThrow('the queue is full')
    expect(names.length).toBeGreaterThan(50)
    expect(queue.partition('traces').lag().recordsBehind).toBe(names.length)
    isAway = false
    await written()
    await appendNext()
    await written()
    expect(await spanNames()).toEqual(names.toSorted())
  })

  it('makes large ranges of what has piled up, and holds no more in memory than it may', async () => {
    const recordCount = 300
    for (let number = 0; number < recordCount; number++) await append([span(number, nowNanos)])
    const bytes = queue.partition('traces').lag().bytes
    const bounded = createSelfMetrics()
    const real = createRangeStore(store)
    const rowCounts: number[] = []
    let inFlightMost = 0
    writer = createWriter({
      queue,
      store: {
        ...real,
        insertBlock: async (identity, attempt, block) => {
          rowCounts.push(block.rowCount)
          const [, inFlight] = /writer_in_flight_bytes\{[^}]*\} (\d+)/.exec(await bounded.render()) ?? []
          inFlightMost = Math.max(inFlightMost, Number(inFlight))
          await real.insertBlock(identity, attempt, block)
        },
      },
      deadLetters: createDeadLetters({ dataDir, logger }),
      logger,
      selfMetrics: bounded,
      rangeBytesMax: Math.ceil(bytes / 4),
      inFlightBytesMax: Math.ceil(bytes / 2),
    })
    writer.start()
    await written()
    expect(await spanNames()).toHaveLength(recordCount)
    expect(rowCounts.length).toBeLessThanOrEqual(6)
    expect(inFlightMost).toBeGreaterThan(bytes / 8)
    expect(inFlightMost).toBeLessThanOrEqual(bytes / 2)
    await bounded.stop()
  })

  it('shows a span that comes alone well within a second', async () => {
    start(undefined, 500)
    await append([span(1, nowNanos)])
    await written()
    const sentAt = performance.now()
    await append([span(2, nowNanos)])
    await expect.poll(spanNames, { interval: 10 }).toContain('span 2')
    expect(performance.now() - sentAt).toBeLessThan(1000)
  })

  it('keeps what it cannot write in the queue when it is stopped', async () => {
    const failing: RangeStore = {
      ...createRangeStore(store),
      insertBlock: () => Promise.reject(new Error('disk full')),
    }
    await append([span(1, nowNanos)])
    const running = start(failing)
    await expect.poll(() => running.failure(), { timeout: 5000 }).toContain('disk full')
    await running.stop()
    expect(queue.partition('traces').lag().recordsBehind).toBe(1)
    start()
    await written()
    expect(await spanNames()).toEqual(['span 1'])
  })

  it('waits and says why while the position cannot be saved, and goes on by itself afterwards', async () => {
    const inTheWay = join(dataDir, 'queue/otlp_spans/0/position.json.new')
    await mkdir(inTheWay)
    await append([span(1, nowNanos)])
    const running = start()
    await expect.poll(() => running.failure(), { timeout: 5000 }).toContain('EISDIR')
    await rmdir(inTheWay)
    await written()
    expect(await spanNames()).toEqual(['span 1'])
    expect(running.failure()).toBeUndefined()
  })

  it('sets a record aside that cannot be decoded, and writes the others', async () => {
    await append([span(1, nowNanos)])
    await queue.append('traces', { tenant: 'default', payload: Uint8Array.of(0x0a, 0xff, 0xff) })
    await queue.append('traces', {
      tenant: 'default',
      payload: encodeExportRequest('traces', request([{ ...span(9, nowNanos), spanId: id(5, 1) }])),
    })
    await append([span(2, nowNanos)])
    start()
    await written()
    expect(await spanNames()).toEqual(['span 1', 'span 2'])
    expect(await deadLetters()).toMatchObject([
      { offset: 1, cause: 'undecodable' },
      { offset: 2, cause: 'undecodable' },
    ])
  })
})
