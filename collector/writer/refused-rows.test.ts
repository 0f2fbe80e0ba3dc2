/** Blocks that a real engine refuses: a constraint is added to a table, so that it will not have what our own checks let through. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { type SelfMetrics, createSelfMetrics } from '#runtime/self-metrics.ts'
import type { Store } from '#storage/connection.ts'
import { type RangeStore, createRangeStore } from '#storage/range-store.ts'
import { sql } from '#storage/sql.ts'
import type { ExportTraceServiceRequest, Span } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type MigratedStore, openMigratedStore } from '../../test/harness/migrated-store.ts'
import { makeSpan } from '../../test/harness/make-span.ts'
import { type LocalLog, openLocalLog } from '../queue/local-log.ts'
import type { QueueConsumer } from '../queue/queue.ts'
import { deadLetterFolder, listDeadLetters, readDeadLetterPayload } from './dead-letter-files.ts'
import { createDeadLetters } from './dead-letters.ts'
import { type Writer, createWriter } from './writer.ts'

const nowNanos = 1_760_000_000_000_000_000n
const nanosPerDay = 86_400_000_000_000n

let migrated: MigratedStore
let store: Store
let queue: LocalLog
let selfMetrics: SelfMetrics
let writer: Writer | undefined

beforeEach(async () => {
  migrated = await openMigratedStore()
  ;({ store } = migrated)
  selfMetrics = createSelfMetrics()
  queue = await openLocalLog({ dataDir: migrated.dataDir, logger: silentLogger })
})
afterEach(async () => {
  await writer?.stop()
  writer = undefined
  await queue.close()
  await migrated.close()
  await selfMetrics.stop()
})

const start = (parts: { store?: RangeStore; queue?: Pick<QueueConsumer, 'start'> } = {}): Writer => {
  writer = createWriter({
    queue: parts.queue ?? queue,
    store: parts.store ?? createRangeStore(store),
    deadLetters: createDeadLetters({ dataDir: migrated.dataDir, logger: silentLogger }),
    logger: silentLogger,
    selfMetrics,
    gatherMillis: 0,
  })
  writer.start()
  return writer
}

const idBytes = (length: number, number: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(length - 4, number)
  return bytes
}

const span = (number: number, name: string, startTimeUnixNano = nowNanos): Span =>
  makeSpan({ traceId: idBytes(16, number + 1), spanId: idBytes(8, number + 1), name, startTimeUnixNano })

const append = (...spans: Span[]) => {
  const request: ExportTraceServiceRequest = {
    resourceSpans: [
      {
        resource: {
          attributes: [{ key: 'service.name', value: { stringValue: 'checkout' } }],
          droppedAttributesCount: 0,
          entityRefs: [],
        },
        schemaUrl: '',
        scopeSpans: [{ spans, schemaUrl: '' }],
      },
    ],
  }
  return queue.append('traces', { tenant: 'default', payload: encodeExportRequest('traces', request) })
}

const written = () =>
  expect
    .poll(() => queue.partition('traces').lag().recordsBehind || writer?.failure(), { timeout: 20_000 })
    .toBeUndefined()

const refuseIn = (table: string, column: string) =>
  store.command(
    sql`ALTER TABLE ${sql.identifier(table)} ADD CONSTRAINT guilty CHECK ${sql.identifier(column)} != 'guilty'`,
  )

const spanNames = async (): Promise<string[]> => {
  const rows = await store.query<{ name: string }>(sql`SELECT name FROM spans ORDER BY name`)
  return rows.map(({ name }) => name)
}

/** Rows of every table that a span makes rows in. */
const counts = async () => {
  const [row] = await store.query<Record<string, string>>(
    sql`SELECT (SELECT count() FROM spans) AS rows, (SELECT count() FROM span_search) AS found,
      (SELECT sum(span_count) FROM operation_red_10s) AS by_operation, (SELECT sum(span_count) FROM service_red_1h) AS by_service`,
  )
  return row
}
const allCounts = (count: number) => {
  const text = String(count)
  return { rows: text, found: text, by_operation: text, by_service: text }
}

const folder = () => deadLetterFolder(migrated.dataDir)
const namesOfDeadLetters = async (): Promise<string[]> => {
  const names: string[] = []
  for (const letter of await listDeadLetters(folder())) {
    const payload = await readDeadLetterPayload(folder(), letter.name)
    const { resourceSpans } = decodeExportRequest('traces', payload)
    for (const { scopeSpans } of resourceSpans)
      for (const { spans } of scopeSpans) names.push(...spans.map(({ name }) => name))
  }
  return names
}

const good = (count: number): string[] =>
  Array.from({ length: count }, (_, number) => `good ${String(number).padStart(3, '0')}`)

describe('rows that the store refuses', () => {
  it('cost the export that they came in, with the reason, and no other', async () => {
    await refuseIn('spans', 'name')
    const names = good(100)
    for (const [number, name] of names.entries()) {
      if (number === 37) await append(span(200, 'guilty'), span(201, 'beside the guilty'))
      await append(span(number, name))
    }
    start()
    await written()
    expect(await spanNames()).toEqual(names)
    expect(await counts()).toEqual(allCounts(100))
    expect(await namesOfDeadLetters()).toEqual(['guilty', 'beside the guilty'])
    const [letter] = await listDeadLetters(folder())
    expect(letter).toMatchObject({ signal: 'traces', offset: 37, cause: 'refused_by_store' })
    expect(letter?.reason).toMatch(/Constraint `guilty` .*VIOLATED_CONSTRAINT/)
    expect(await selfMetrics.render()).toMatch(/writer_refused_ranges_total\{[^}]*\} [1-9]/)
  })

  it('are found where several exports are guilty, side by side, first and last', async () => {
    await refuseIn('spans', 'name')
    const guilty = new Set([0, 7, 8, 29])
    for (let number = 0; number < 30; number++)
      await append(span(number, guilty.has(number) ? 'guilty' : `good ${String(number).padStart(2, '0')}`))
    start()
    await written()
    expect(await counts()).toEqual(allCounts(26))
    expect((await listDeadLetters(folder())).map(({ offset }) => offset)).toEqual([...guilty])
  })

  it('are taken back where they, or rows of another day, were in before a view refused', async () => {
    await refuseIn('span_search', 'operation')
    for (const [number, name] of good(6).entries()) await append(span(number, name, nowNanos - nanosPerDay))
    await append(span(10, 'guilty'), span(11, 'of the day before', nowNanos - nanosPerDay))
    for (const [number, name] of good(6).entries()) await append(span(20 + number, name))
    start()
    await written()
    expect(await counts()).toEqual(allCounts(12))
    expect(await namesOfDeadLetters()).toEqual(['guilty', 'of the day before'])
  })

  it('do not set anything aside while it is the table that is wrong', async () => {
    await store.command(sql`RENAME TABLE spans TO spans_elsewhere`)
    await append(span(1, 'patient'))
    const running = start()
    await expect.poll(() => running.failure(), { timeout: 10_000 }).toContain('spans')
    await store.command(sql`RENAME TABLE spans_elsewhere TO spans`)
    await written()
    expect(await spanNames()).toEqual(['patient'])
    expect(await listDeadLetters(folder())).toEqual([])
  })
})

/**
 * A process that is killed: from the chosen step on, nothing that it does has an effect. Steps are what changes the store or
 * the position; the kill comes right before or right after one.
 */
const killable = (killAt: { step: number; isAfter: boolean }) => {
  const state = { steps: 0, isDead: false }
  const step = async (act: () => Promise<void>): Promise<void> => {
    if (state.isDead) throw new Error('killed')
    state.steps += 1
    const isLast = state.steps === killAt.step
    try {
      if (!isLast || killAt.isAfter) await act()
    } finally {
      if (isLast) state.isDead = true
    }
    if (isLast) throw new Error('killed')
  }
  const real = createRangeStore(store)
  const rangeStore: RangeStore = {
    ...real,
    insertBlock: (...args) => step(() => real.insertBlock(...args)),
    deriveAgain: (...args) => step(() => real.deriveAgain(...args)),
    takeBack: (...args) => step(() => real.takeBack(...args)),
  }
  const killableQueue: Pick<QueueConsumer, 'start'> = {
    start: (write) =>
      queue.start(({ partition, ...rest }) => {
        const savePosition: typeof partition.savePosition = (position) =>
          step(() => partition.savePosition(position))
        return write({ ...rest, partition: { ...partition, savePosition } })
      }),
  }
  return { state, store: rangeStore, queue: killableQueue }
}

/** `REFUSED_ROWS_STEPS=all` is the long form: every step, before and after it. It takes some minutes. */
const isLongForm = process.env['REFUSED_ROWS_STEPS'] === 'all'
const stepStride = isLongForm ? 1 : 5

describe('a writer that is killed while it looks for the guilty export', () => {
  it('goes on where it was, at whatever step', { timeout: isLongForm ? 900_000 : 120_000 }, async () => {
    // A view refuses, so that rows are in which have to be taken back.
    await refuseIn('span_search', 'operation')
    const names: string[] = []
    let guiltyCount = 0
    let isThrough = false
    for (let step = 1; !isThrough; step += stepStride) {
      for (const isAfter of isLongForm ? [false, true] : [step % 2 === 0]) {
        const round = names.length
        names.push(...['a', 'b', 'c'].map((letter) => `good ${String(round).padStart(4, '0')} ${letter}`))
        // Now and then a block of another day is in before that. It costs a recount, so not every time.
        const otherNanos = step === 6 || step === 7 ? nowNanos - nanosPerDay : nowNanos
        await append(span(round * 10, names[round] ?? '', otherNanos))
        await append(span(round * 10 + 1, 'guilty'), span(round * 10 + 2, 'beside', otherNanos))
        guiltyCount += 1
        await append(span(round * 10 + 3, names[round + 1] ?? ''))
        await append(span(round * 10 + 4, names[round + 2] ?? ''))
        const killed = killable({ step, isAfter })
        const running = start(killed)
        const { promise: ended, resolve } = Promise.withResolvers<void>()
        const look = setInterval(() => {
          if (killed.state.isDead || queue.partition('traces').lag().recordsBehind === 0) resolve()
        }, 2)
        await ended
        clearInterval(look)
        isThrough = !killed.state.isDead
        await running.stop()
        start()
        await written()
        await writer?.stop()
        const where = `step ${step}, ${isAfter ? 'after' : 'before'} it`
        const letterCount = (await listDeadLetters(folder())).length
        expect({ where, names: await spanNames(), counts: await counts(), letterCount }).toEqual({
          where,
          names,
          counts: allCounts(names.length),
          letterCount: guiltyCount,
        })
      }
    }
    expect(guiltyCount).toBeGreaterThan(isLongForm ? 20 : 3)
  })
})
