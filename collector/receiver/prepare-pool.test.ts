import { afterEach, describe, expect, it } from 'vitest'
import { Unavailable } from '#runtime/errors.ts'
import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import type { UnpreparedExport } from './prepare.ts'
import { createPreparePool, type PreparePool, type PreparePoolSettings } from './prepare-pool.ts'

const pools: PreparePool[] = []
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.stop()
})
const startPool = (settings?: PreparePoolSettings): PreparePool => {
  const pool = createPreparePool(settings)
  pools.push(pool)
  return pool
}

const nowMillis = Date.UTC(2026, 10, 20)
const span = (name: string, traceId = '5b8efff798038103d269b633813fc60c') => ({
  traceId,
  spanId: 'eee19b7ec3c1b174',
  name,
  startTimeUnixNano: `${nowMillis}000000`,
})
const tracesJson = (...spans: unknown[]): Uint8Array =>
  Buffer.from(JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }))
const unprepared = (bytes: Uint8Array): UnpreparedExport => ({
  signal: 'traces',
  encoding: 'json',
  bytes,
  nowMillis,
  retentionNanos: 1n,
})
/** Text around one span: decoding it takes a moment, and little memory. */
const padded = (megabytes: number): Uint8Array =>
  Buffer.concat([Buffer.alloc(megabytes << 20, ' '), tracesJson(span('padded'))])

describe('createPreparePool', () => {
  it('prepares exports as they would be prepared here, several at a time', async () => {
    const pool = startPool()
    const prepared = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        pool.prepare(unprepared(tracesJson(span(`span ${index}`), span('bad', '00')))),
      ),
    )
    for (const [index, { payload, tally, mayRepeat }] of prepared.entries()) {
      const { resourceSpans } = decodeExportRequest('traces', payload!)
      expect(resourceSpans[0]!.scopeSpans[0]!.spans.map(({ name }) => name)).toEqual([`span ${index}`])
      expect(tally).toMatchObject({ accepted: 1, rejected: 1 })
      expect(tally.reasons.get('invalid_trace_id')).toEqual({ count: 1, example: 'bad' })
      expect(mayRepeat).toBe(false)
    }
  })

  it('tells the sender’s faults from its own, and goes on', async () => {
    const pool = startPool()
    await expect(pool.prepare(unprepared(Buffer.from('{"resourceSpans":[')))).rejects.toThrow(OtlpDecodeError)
    await expect(pool.prepare(unprepared(Buffer.from('{"resourceSpans":7}')))).rejects.toThrow(
      'expected an array',
    )
    await expect(pool.prepare(unprepared(tracesJson(span('next'))))).resolves.toMatchObject({
      tally: { accepted: 1 },
    })
  })

  it('refuses what takes more memory than a process may have as too large, and goes on', async () => {
    const pool = startPool({ heapMegabytesMax: 48 })
    const many = Buffer.from(`{"resourceSpans":[${'{},'.repeat(2_000_000)}{}]}`)
    await expect(pool.prepare(unprepared(many))).rejects.toMatchObject({
      reason: 'too_large',
      retryAfterSeconds: undefined,
    })
    await expect(pool.prepare(unprepared(tracesJson(span('next'))))).resolves.toMatchObject({
      tally: { accepted: 1 },
    })
  })

  it('lets others pass while several of the very large wait for each other', async () => {
    const pool = startPool()
    const ended: string[] = []
    const prepare = async (name: string, bytes: Uint8Array): Promise<void> => {
      await pool.prepare(unprepared(bytes))
      ended.push(name)
    }
    await Promise.all([
      prepare('very large 1', padded(60)),
      prepare('very large 2', padded(60)),
      prepare('large', padded(1)),
    ])
    expect(ended.at(-1)).toBe('very large 2')
    expect(ended).toContain('large')
  })

  it('refuses as unavailable when too many wait', async () => {
    const pool = startPool({ waitingMax: 1 })
    const taken = [1, 2, 3].map(() => pool.prepare(unprepared(padded(1))))
    expect(pool.waiting()).toBe(1)
    await expect(pool.prepare(unprepared(padded(1)))).rejects.toThrow(Unavailable)
    await expect(Promise.all(taken)).resolves.toHaveLength(3)
  })

  it('does without processes once they are idle, and starts them again', async () => {
    const pool = startPool({ idleMillisMax: 1 })
    for (let round = 0; round < 3; round++)
      await expect(pool.prepare(unprepared(tracesJson(span('again'))))).resolves.toMatchObject({
        tally: { accepted: 1 },
      })
  })

  it('fails what is under way when it stops, and takes nothing after', async () => {
    const pool = startPool()
    const settled = Promise.allSettled([1, 2, 3].map(() => pool.prepare(unprepared(padded(20)))))
    await pool.stop()
    await pool.stop()
    for (const { status } of await settled) expect(status).toBe('rejected')
    await expect(pool.prepare(unprepared(tracesJson(span('late'))))).rejects.toThrow(Unavailable)
  })
})
