import { describe, expect, it } from 'vitest'
import { createInFlightBytes } from './in-flight-bytes.ts'

const never = new AbortController().signal

describe('bytes in flight', () => {
  it('are given in the order in which they were asked for, and never more than the bound', async () => {
    const inFlight = createInFlightBytes(100)
    const first = await inFlight.take(60, never)
    const order: string[] = []
    const second = inFlight.take(60, never).then((lease) => (order.push('second'), lease))
    const third = inFlight.take(10, never).then((lease) => (order.push('third'), lease))
    expect(inFlight.bytesInUse).toBe(60)
    first.release()
    expect(inFlight.bytesInUse).toBe(70)
    ;(await second).release()
    ;(await third).release()
    expect(order).toEqual(['second', 'third'])
    expect(inFlight.bytesInUse).toBe(0)
  })

  it('make room when less was read than was asked for', async () => {
    const inFlight = createInFlightBytes(100)
    const first = await inFlight.take(100, never)
    const second = inFlight.take(50, never)
    first.resize(50)
    await second
    expect(inFlight.bytesInUse).toBe(100)
  })

  it('are given for one record that is larger than all, once nothing else is held', async () => {
    const inFlight = createInFlightBytes(100)
    const first = await inFlight.take(1, never)
    const large = inFlight.take(500, never)
    expect(inFlight.bytesInUse).toBe(1)
    first.release()
    ;(await large).release()
    expect(inFlight.bytesInUse).toBe(0)
  })

  it('are not waited for by one that gives up, nor by those behind it', async () => {
    const inFlight = createInFlightBytes(100)
    const first = await inFlight.take(90, never)
    const abort = new AbortController()
    const second = inFlight.take(90, abort.signal)
    const third = inFlight.take(10, never)
    abort.abort()
    ;(await second).release()
    ;(await third).release()
    first.release()
    expect(inFlight.bytesInUse).toBe(0)
  })
})
