import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type SeededStore,
  nowNanos,
  openSeededStore,
  seconds,
  secondsAgo,
  spanId,
  traceId,
} from '../test/harness/seeded-store.ts'
import { type ServiceStore, createServiceStore } from './service-store.ts'

const scope = { tenant: 'default' }
const range = { fromNanos: secondsAgo(3600), toNanos: nowNanos }

let seeded: SeededStore
let services: ServiceStore

beforeAll(async () => {
  seeded = await openSeededStore()
  services = createServiceStore(seeded.store)
  await seeded.insertResource({ id: 1, attributes: { 'service.name': 'cart' } })
  await seeded.insertResource({ id: 2, attributes: { 'host.name': 'node-1' } })
  const span = (number: number, name: string, more: object = {}) => ({
    trace: traceId(number),
    span: spanId(number),
    resource: 1,
    name,
    kind: 2,
    start: secondsAgo(100),
    duration: seconds(0.1),
    ...more,
  })
  await seeded.insertSpans(
    span(1, 'GET /cart'),
    span(2, 'GET /cart', { isOpen: true, duration: 0n }),
    span(2, 'GET /cart'),
    span(3, 'POST /cart', { isOpen: true, duration: 0n, status: 2 }),
    span(4, 'GET /cart', { start: secondsAgo(7200) }),
    span(5, 'old', { start: secondsAgo(7200), isOpen: true, duration: 0n }),
    span(6, 'other', { tenant: 'acme' }),
  )
  await seeded.insertLogs({ time: secondsAgo(50), resource: 2, body: 'the node says' })
})
afterAll(() => seeded.close())

describe('a span that came open and then finished', () => {
  it('counts once, and one that never finished does not', async () => {
    const { services: found } = await services.listServices(scope, range, {})
    expect(found).toMatchObject([{ name: 'cart', spanCount: 2, requestCount: 2, errorCount: 0, podCount: 0 }])
  })
})

describe('operations', () => {
  it('of which no span finished are listed too, after those that were counted', async () => {
    const { operations, isTruncated } = await services.listOperations(scope, range, { service: 'cart' })
    expect(operations).toMatchObject([
      { name: 'GET /cart', kind: 2, spanCount: 2 },
      { name: 'POST /cart', kind: 2, spanCount: 0, errorCount: 0, latencyNanos: null },
    ])
    expect(isTruncated).toBe(false)
  })

  it('are listed when they start in the very nanosecond in which the range begins', async () => {
    const start = secondsAgo(10_000) + 123_456n
    await seeded.insertSpans({
      trace: traceId(7),
      span: spanId(7),
      resource: 1,
      name: 'at the edge',
      start,
      isOpen: true,
    })
    const { operations } = await services.listOperations(
      scope,
      { fromNanos: start, toNanos: start + 1n },
      { service: 'cart' },
    )
    expect(operations).toMatchObject([{ name: 'at the edge' }])
  })
})
