import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueueAppender, QueueConsumer, QueuePartition, QueuedRecord } from './queue.ts'

/** Both ends of one queue, in one process or in two. */
export interface OpenQueue {
  appender: QueueAppender
  consumer: QueueConsumer
  close(): Promise<void>
}

/** What holds for every queue. Each case has an empty queue of its own; `reopen` opens the one that was closed. */
export const describeQueue = (
  name: string,
  open: () => Promise<{ queue: OpenQueue; reopen: () => Promise<OpenQueue> }>,
): void => {
  // oxlint-disable-next-line vitest/valid-title -- who holds a queue to this names it
  describe(name, () => {
    let queue: OpenQueue
    let reopenQueue: () => Promise<OpenQueue>

    beforeEach(async () => {
      const opened = await open()
      queue = opened.queue
      reopenQueue = opened.reopen
    })
    afterEach(() => queue.close())
    const reopen = async (): Promise<void> => {
      await queue.close()
      queue = await reopenQueue()
    }

    const append = (text: string, more: { tenant?: string; mayRepeat?: boolean } = {}) =>
      queue.appender.append('traces', { tenant: 'default', payload: bytesOf(text), ...more })

    it('gives what was appended in order, with tenant and time, each signal apart', async () => {
      const before = Date.now()
      for (const text of ['a', 'b', 'c']) expect(await append(text)).toBe('appended')
      await append('of another', { tenant: 'other' })
      await queue.appender.append('logs', { tenant: 'default', payload: bytesOf('log') })
      const partition = await hold(queue.consumer, 'traces')
      const records = await readAtLeast(partition, partition.position().next, 4)
      expect(records.map(({ payload, tenant }) => [textOf(payload), tenant])).toEqual([
        ['a', 'default'],
        ['b', 'default'],
        ['c', 'default'],
        ['of another', 'other'],
      ])
      const offsets = records.map(({ offset }) => offset)
      expect(offsets).toEqual(offsets.toSorted((a, b) => a - b))
      expect(new Set(offsets).size).toBe(4)
      for (const { queuedAtMillis, isForeign } of records) {
        expect(queuedAtMillis).toBeGreaterThanOrEqual(before - clockMillis)
        expect(queuedAtMillis).toBeLessThanOrEqual(Date.now() + clockMillis)
        expect(isForeign ?? false).toBe(false)
      }
    })

    it('takes bytes that were appended before for the same export sent again', async () => {
      const [first, again] = await Promise.all([append('same'), append('same')])
      expect([first, again]).toEqual(['appended', 'duplicate'])
      expect(await append('same')).toBe('duplicate')
      expect(await append('same', { tenant: 'other' })).toBe('appended')
      expect(await append('may repeat', { mayRepeat: true })).toBe('appended')
      expect(await append('may repeat', { mayRepeat: true })).toBe('appended')
      const partition = await hold(queue.consumer, 'traces')
      const records = await readAtLeast(partition, partition.position().next, 4)
      expect(textsOf(records)).toEqual(['same', 'same', 'may repeat', 'may repeat'])
    })

    it('keeps records within the limits of a read, and gives a larger one alone', async () => {
      const large = 'x'.repeat(5000)
      for (const text of ['a', 'b', large, 'c']) await append(text)
      const partition = await hold(queue.consumer, 'traces')
      const from = partition.position().next
      await readAtLeast(partition, from, 4)
      const one = await partition.read(from, { recordsMax: 1, bytesMax: Infinity }, untilTimeout())
      expect(textsOf(one)).toEqual(['a'])
      const small = await partition.read(from, { recordsMax: 10, bytesMax: 3000 }, untilTimeout())
      expect(textsOf(small)).toEqual(['a', 'b'])
      const third = (small.at(-1)?.offset ?? 0) + 1
      const alone = await partition.read(third, { recordsMax: 10, bytesMax: 3000 }, untilTimeout())
      expect(textsOf(alone)).toEqual([large])
    })

    it('waits for a record that is not there yet, and for none once the signal aborts', async () => {
      await append('a')
      const partition = await hold(queue.consumer, 'traces')
      const [first] = await readAtLeast(partition, partition.position().next, 1)
      const next = (first?.offset ?? 0) + 1
      const waiting = partition.read(next, anyLimits, untilTimeout())
      await append('b')
      expect(textsOf(await waiting)).toEqual(['b'])
      const abort = new AbortController()
      const never = partition.read(next + 1, anyLimits, abort.signal)
      abort.abort()
      expect(await never).toEqual([])
    })

    it('knows the position, the intent and the name in rows when it is opened again', async () => {
      for (const text of ['a', 'b', 'c', 'd']) await append(text)
      const partition = await hold(queue.consumer, 'traces')
      const start = partition.position().next
      const records = await readAtLeast(partition, start, 4)
      const [, second, third, fourth] = records.map(({ offset }) => offset)
      const intent = { first: second ?? 0, last: third ?? 0, attempt: 3, refusal: 'töo large'.repeat(900) }
      await partition.savePosition({ next: second ?? 0, intent })
      await reopen()
      const again = await hold(queue.consumer, 'traces')
      expect(again.identity).toBe(partition.identity)
      const { refusal, ...rest } = again.position().intent ?? {}
      expect({ next: again.position().next, ...rest }).toEqual({
        next: second,
        first: second,
        last: third,
        attempt: 3,
      })
      expect(intent.refusal.startsWith(refusal ?? 'none')).toBe(true)
      expect(textsOf(await again.readRange(second ?? 0, third ?? 0))).toEqual(['b', 'c'])
      await again.savePosition({ next: fourth ?? 0 })
      expect(textsOf(await readAtLeast(again, fourth ?? 0, 1))).toEqual(['d'])
      await reopen()
      expect((await hold(queue.consumer, 'traces')).position()).toEqual({ next: fourth })
    })

    it('gives records again from any offset that is not written', async () => {
      for (const text of ['a', 'b', 'c']) await append(text)
      const partition = await hold(queue.consumer, 'traces')
      const start = partition.position().next
      const records = await readAtLeast(partition, start, 3)
      const [first = 0, second = 0, third = 0] = records.map(({ offset }) => offset)
      expect(textsOf(await readAtLeast(partition, second, 2))).toEqual(['b', 'c'])
      expect(textsOf(await partition.readRange(first, second))).toEqual(['a', 'b'])
      expect(textsOf(await partition.readRange(third, third))).toEqual(['c'])
      expect(textsOf(await readAtLeast(partition, start, 3))).toEqual(['a', 'b', 'c'])
    })

    it('says how far it is behind', async () => {
      for (const text of ['a', 'b', 'c']) await append(text)
      const partition = await hold(queue.consumer, 'traces')
      const records = await readAtLeast(partition, partition.position().next, 3)
      const lagOfTraces = () => queue.consumer.lags().find(({ signal }) => signal === 'traces')
      expect(lagOfTraces()).toMatchObject({ signal: 'traces', topic: expect.any(String) as unknown })
      expect(lagOfTraces()?.recordsBehind).toBe(3)
      expect(lagOfTraces()?.bytes).toBeGreaterThan(2)
      const second = records[1]?.offset ?? 0
      await partition.savePosition({ next: second })
      expect(lagOfTraces()?.recordsBehind).toBe(2)
      await partition.savePosition({ next: (records.at(-1)?.offset ?? 0) + 1 })
      expect(lagOfTraces()).toMatchObject({ recordsBehind: 0, bytes: 0, oldestUnwrittenAgeMillis: 0 })
    })

    it('waits when it is closed until its writers have let go, and lets no position move afterwards', async () => {
      await append('a')
      const written = Promise.withResolvers<void>()
      const held = Promise.withResolvers<QueuePartition>()
      let hasLetGo = false
      queue.consumer.start(async ({ signal, partition, released }) => {
        if (signal === 'traces') {
          held.resolve(partition)
          await partition.read(partition.position().next, anyLimits, released)
          await untilAborted(released)
          await written.promise
          hasLetGo = true
        }
      })
      const partition = await held.promise
      const closing = queue.consumer.close().then(() => hasLetGo)
      await new Promise(setImmediate)
      expect(hasLetGo).toBe(false)
      written.resolve()
      expect(await closing).toBe(true)
      await expect(partition.savePosition({ next: 1 })).rejects.toThrow(/closed|no longer/)
    })
  })
}

const clockMillis = 1000
const anyLimits = { recordsMax: Infinity, bytesMax: Infinity }
const outcomeMillisMax = 20_000
const untilTimeout = (): AbortSignal => AbortSignal.timeout(outcomeMillisMax)
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const textsOf = (records: readonly QueuedRecord[]): string[] => records.map(({ payload }) => textOf(payload))

const untilAborted = async (signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
}

/** The one partition of the signal, held until it is released. */
const hold = async (consumer: QueueConsumer, wanted: Signal): Promise<QueuePartition> => {
  const held = Promise.withResolvers<QueuePartition>()
  consumer.start(async ({ signal, partition, released }) => {
    if (signal === wanted) held.resolve(partition)
    await untilAborted(released)
  })
  return held.promise
}

/** At least so many records, which may come in several reads. */
const readAtLeast = async (
  partition: QueuePartition,
  from: number,
  count: number,
): Promise<QueuedRecord[]> => {
  const records: QueuedRecord[] = []
  const signal = untilTimeout()
  while (records.length < count) {
    const next = (records.at(-1)?.offset ?? from - 1) + 1
    const some = await partition.read(next, anyLimits, signal)
    if (some.length === 0) throw new Error(`only ${records.length} of ${count} records came`)
    records.push(...some)
  }
  return records
}
