import { createHash, randomBytes } from 'node:crypto'
import { getEventListeners } from 'node:events'
import {
  appendFile,
  mkdir,
  mkdtemp,
  open as openFile,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi, inject } from 'vitest'
import { Unavailable } from '#runtime/errors.ts'
import { createLogger } from '#runtime/logger.ts'
import { type LocalLog, type LocalLogSettings, openLocalLog } from './local-log.ts'
import type { QueuedRecord } from './queue.ts'

const logger = createLogger({ name: 'test', level: 'silent' })
const anyLimits = { recordsMax: 1000, bytesMax: 1 << 20 }
/** Bytes of a record that takes long to read. */
const large = 40 << 20
const payload = (text: string): Uint8Array => new TextEncoder().encode(text)
const textsOf = (records: readonly QueuedRecord[]): string[] =>
  records.map((record) => new TextDecoder().decode(record.payload))

let dataDir: string
let queue: LocalLog | undefined

const open = async (settings: Partial<LocalLogSettings> = {}): Promise<LocalLog> => {
  queue = await openLocalLog({ dataDir, logger, ...settings })
  return queue
}
const append = async (text: string) => queue?.append('traces', { tenant: 'default', payload: payload(text) })
const readAll = (from = 0) =>
  queue?.partition('traces').read(from, anyLimits, AbortSignal.timeout(5000)) ?? []
const segmentFiles = async () =>
  (await readdir(join(dataDir, 'queue/otlp_spans/0'))).filter((name) => name.endsWith('.log')).toSorted()

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-queue-'))
})
afterEach(async () => {
  await queue?.close()
  queue = undefined
  await rm(dataDir, { recursive: true, force: true })
})

describe('the local log', () => {
  it('is not stopped by the claim of a killed process whose number another program has now', async () => {
    await mkdir(join(dataDir, 'queue'))
    await writeFile(join(dataDir, 'queue/owner'), `${process.ppid} 1`)
    await open()
    expect(await append('a')).toBe('appended')
  })

  it('is refused while the process that claimed it lives', async () => {
    await mkdir(join(dataDir, 'queue'))
    await writeFile(join(dataDir, 'queue/owner'), String(process.ppid))
    await expect(open()).rejects.toThrow(`in use by process ${process.ppid}`)
    const stat = await readFile(`/proc/${process.ppid}/stat`, 'utf8').catch(() => undefined)
    if (stat === undefined) return
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    await writeFile(join(dataDir, 'queue/owner'), `${process.ppid} ${start}`)
    await expect(open()).rejects.toThrow(`in use by process ${process.ppid}`)
  })

  it('is for no other user of the machine to read', async () => {
    await open({ dataDir: join(dataDir, 'new') })
    for (const folder of ['new', 'new/queue'])
      expect((await stat(join(dataDir, folder))).mode & 0o077).toBe(0)
  })

  it('gives back what was appended, in order, with tenant and queue time', async () => {
    await open({ now: () => 1_700_000_000_123 })
    await Promise.all(['a', 'b', 'c'].map((text) => append(text)))
    const records = await readAll()
    expect(textsOf(records)).toEqual(['a', 'b', 'c'])
    expect(records.map((record) => record.offset)).toEqual([0, 1, 2])
    expect(records[0]).toMatchObject({ tenant: 'default', queuedAtMillis: 1_700_000_000_123 })
  })

  it('has everything acknowledged, and the position, after it is opened again', async () => {
    await open()
    await append('a')
    await append('b')
    await queue?.partition('traces').savePosition({ next: 1, intent: { first: 1, last: 1, attempt: 3 } })
    await queue?.close()
    await open()
    expect(queue?.partition('traces').position()).toEqual({
      next: 1,
      intent: { first: 1, last: 1, attempt: 3 },
    })
    expect(textsOf(await readAll(1))).toEqual(['b'])
    await append('c')
    expect((await readAll(2)).map((record) => record.offset)).toEqual([2])
  })

  it('cuts a torn tail off and goes on with the offset that was never acknowledged', async () => {
    await open()
    await append('whole')
    await append('torn')
    await queue?.close()
    const file = join(dataDir, 'queue/otlp_spans/0', (await segmentFiles())[0] ?? '')
    await truncate(file, 8 + 34 + 'default'.length + 'whole'.length + 20)
    await open()
    await append('after')
    const records = await readAll()
    expect(textsOf(records)).toEqual(['whole', 'after'])
    expect(records.map((record) => record.offset)).toEqual([0, 1])
  })

  it('cuts off bytes that are no entry at all', async () => {
    await open()
    await append('whole')
    await queue?.close()
    await appendFile(
      join(dataDir, 'queue/otlp_spans/0', (await segmentFiles())[0] ?? ''),
      Buffer.alloc(5000, 0xff),
    )
    await open()
    await append('after')
    expect(textsOf(await readAll())).toEqual(['whole', 'after'])
  })

  it('knows an export that is sent again, also after a restart, and tenants do not share exports', async () => {
    await open()
    expect(await append('same')).toBe('appended')
    expect(await append('same')).toBe('duplicate')
    expect(await queue?.append('traces', { tenant: 'other', payload: payload('same') })).toBe('appended')
    await queue?.close()
    await open()
    expect(await append('same')).toBe('duplicate')
    expect(textsOf(await readAll())).toEqual(['same', 'same'])
  })

  it('knows a large export that is sent again, also while the first is on its way and after a restart', async () => {
    const large = randomBytes(3_500_000)
    const appendLarge = () => queue?.append('traces', { tenant: 'default', payload: large })
    await open()
    expect(await Promise.all([appendLarge(), appendLarge(), append('a')])).toEqual([
      'appended',
      'duplicate',
      'appended',
    ])
    await queue?.close()
    await open()
    expect(await appendLarge()).toBe('duplicate')
    const records = await queue?.partition('traces').readRange(0, 1)
    const sizes = records?.map((record) => record.payload.length)
    expect(sizes?.toSorted((a, b) => a - b)).toEqual([1, large.length])
    expect(records?.some((record) => large.equals(record.payload))).toBe(true)
  })

  it('lets others go on while it looks over a large export', async () => {
    await open()
    const large = Buffer.alloc(60 << 20, 'a')
    const atOnce = performance.now()
    createHash('sha256').update(large).digest()
    const atOnceMillis = performance.now() - atOnce
    const startedAt = performance.now()
    const appending = queue?.append('traces', { tenant: 'default', payload: large })
    expect(performance.now() - startedAt).toBeLessThan(atOnceMillis / 4)
    expect(await appending).toBe('appended')
  })

  it('refuses an export that it was still looking over when it was closed', async () => {
    await open()
    const large = { tenant: 'default', payload: Buffer.alloc(3_500_000, 'a') }
    const outcome = queue?.append('traces', large).catch((error: unknown) => error)
    await queue?.close()
    expect(await outcome).toBeInstanceOf(Unavailable)
    await open()
    expect(queue?.partition('traces').lag()).toMatchObject({ recordsBehind: 0 })
  })

  it('stores records that may repeat as often as they come', async () => {
    await open()
    for (let count = 0; count < 3; count++)
      await queue?.append('logs', { tenant: 'default', payload: payload('tick'), mayRepeat: true })
    const records = await queue?.partition('logs').read(0, anyLimits, AbortSignal.timeout(5000))
    expect(records).toHaveLength(3)
  })

  it('reads across segments within its limits and removes segments that are in the store', async () => {
    await open({ segmentBytes: 1000 })
    const texts = Array.from({ length: 50 }, (_, index) => `${index}`.padEnd(100, '.'))
    for (const text of texts) await append(text)
    const before = await segmentFiles()
    expect(before.length).toBeGreaterThan(5)
    const partition = queue?.partition('traces')
    const seen: string[] = []
    for (let from = 0; from < texts.length; from = seen.length) {
      const records =
        (await partition?.read(from, { recordsMax: 7, bytesMax: 600 }, AbortSignal.timeout(5000))) ?? []
      expect(records.length).toBeLessThanOrEqual(4)
      seen.push(...textsOf(records))
    }
    expect(seen).toEqual(texts)
    expect(textsOf((await partition?.readRange(20, 29)) ?? [])).toEqual(texts.slice(20, 30))
    await partition?.savePosition({ next: 50 })
    expect((await segmentFiles()).length).toBeLessThan(before.length)
    await queue?.close()
    await open({ segmentBytes: 1000 })
    await append('next')
    expect((await readAll(50))[0]?.offset).toBe(50)
  })

  it('gives a record larger than the limit alone', async () => {
    await open()
    const large = 'x'.repeat(3 << 20)
    await append('small')
    await append(large)
    const partition = queue?.partition('traces')
    const limits = { recordsMax: 10, bytesMax: 1000 }
    expect(textsOf((await partition?.read(0, limits, AbortSignal.timeout(5000))) ?? [])).toEqual(['small'])
    expect(textsOf((await partition?.read(1, limits, AbortSignal.timeout(5000))) ?? [])).toEqual([large])
  })

  it('refuses by name when what is not in the store has reached its bound, and takes records again after', async () => {
    await open({ unwrittenBytesMax: 500 })
    await append('x'.repeat(300))
    await expect(append('y'.repeat(300))).rejects.toThrow(Unavailable)
    await expect(append('y'.repeat(300))).rejects.toThrow('the queue is full')
    await queue?.partition('traces').savePosition({ next: 1 })
    expect(await append('y'.repeat(300))).toBe('appended')
  })

  it('tells how far the writer is behind', async () => {
    let nowMillis = 1000
    await open({ now: () => nowMillis })
    await append('a')
    nowMillis = 4000
    await append('b')
    expect(queue?.partition('traces').lag()).toMatchObject({
      recordsBehind: 2,
      oldestUnwrittenAgeMillis: 3000,
    })
    await queue?.partition('traces').savePosition({ next: 1 })
    expect(queue?.partition('traces').lag()).toMatchObject({ recordsBehind: 1, oldestUnwrittenAgeMillis: 0 })
    await queue?.partition('traces').savePosition({ next: 2 })
    expect(queue?.partition('traces').lag()).toEqual({
      recordsBehind: 0,
      bytes: 0,
      oldestUnwrittenAgeMillis: 0,
    })
  })

  it('wakes a reader that waits, and lets it go when the wait is aborted', async () => {
    await open()
    const waiting = readAll()
    await append('late')
    expect(textsOf(await waiting)).toEqual(['late'])
    const abort = new AbortController()
    const reading = queue?.partition('traces').read(1, anyLimits, abort.signal)
    abort.abort()
    expect(await reading).toEqual([])
  })

  it('leaves nothing behind on the signal of a reader that waits again and again', async () => {
    await open()
    const { signal } = new AbortController()
    for (let from = 0; from < 20; from++) {
      const reading = queue?.partition('traces').read(from, anyLimits, signal)
      await append(`record ${from}`)
      await reading
    }
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('begins at the same record again when the disk failed in the middle of a read', async () => {
    await open()
    const texts = Array.from({ length: 40 }, (_, index) => `${index}`.padEnd(100_000, '.'))
    for (const text of texts) await append(text)
    const partition = queue?.partition('traces')
    const read = (from: number, recordsMax: number) =>
      partition?.read(from, { recordsMax, bytesMax: 1 << 30 }, AbortSignal.timeout(5000)) ?? []
    expect(await read(0, 1)).toHaveLength(1)

    const handle = await openFile(join(dataDir, 'any'), 'w+')
    await handle.close()
    const prototype = Object.getPrototypeOf(handle) as { read: (...args: unknown[]) => Promise<unknown> }
    const realRead = prototype.read
    let reads = 0
    const failing = vi.spyOn(prototype, 'read').mockImplementation(function (this: unknown, ...args) {
      reads += 1
      return reads === 3 ? Promise.reject(new Error('EIO: i/o error, read')) : realRead.apply(this, args)
    })
    try {
      await expect(read(1, 1000)).rejects.toThrow('EIO')
    } finally {
      failing.mockRestore()
    }
    expect((await read(1, 1000)).map((record) => record.offset)[0]).toBe(1)
  })

  it('gives no offset of a range that was being written to another record, even when the log lost its end', async () => {
    await open()
    for (const text of ['a', 'b', 'c']) await append(text)
    await queue?.partition('traces').savePosition({ next: 0, intent: { first: 0, last: 2, attempt: 1 } })
    await queue?.close()
    const file = join(dataDir, 'queue/otlp_spans/0', (await segmentFiles())[0] ?? '')
    await truncate(file, (await stat(file)).size - 10)
    await open()
    expect(textsOf((await queue?.partition('traces').readRange(0, 2)) ?? [])).toEqual(['a', 'b'])
    await append('after')
    await queue?.partition('traces').savePosition({ next: 3 })
    expect(textsOf(await readAll(3))).toEqual(['after'])
  })

  it('skips no record that comes into a segment while it is read, when another segment follows', async () => {
    // Where syncing takes no time, so that reading the large record takes longer than to append the small ones.
    dataDir = await mkdtemp(join(inject('sharedFolder'), 'queue-'))
    await open({ segmentBytes: large + 150 })
    await append('first')
    await readAll()
    await append('x'.repeat(large))
    const reading = readAll(1)
    for (const text of ['into the same segment, which is full then', 'into the next']) await append(text)
    const offsets = (await reading).map(({ offset }) => offset)
    while ((offsets.at(-1) ?? 3) < 3)
      offsets.push(...(await readAll((offsets.at(-1) ?? 0) + 1)).map(({ offset }) => offset))
    expect(offsets).toEqual([1, 2, 3])
  })
})
