import { hc } from 'hono/client'
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from 'vitest'
import { createPodStore } from '#storage/pods/pod-store.ts'
import { bucketDurationNanos, durationBucket } from '#telemetry/duration-buckets.ts'
import type { AppType } from './app.ts'
import {
  type SeededStore,
  nowMillis,
  nowNanos,
  openSeededStore,
  seconds,
  secondsAgo,
  spanId,
  traceId,
} from '../test/harness/seeded-store.ts'

let seeded: SeededStore

const watchResource = 90
const podResource = (pod: string, service: string, more: Record<string, string> = {}) => ({
  'service.name': service,
  'service.namespace': 'shop',
  'deployment.environment.name': 'test',
  'service.version': '1.2.0',
  'k8s.pod.uid': `uid-${pod}`,
  'k8s.pod.name': pod,
  'k8s.namespace.name': 'shop',
  'k8s.node.name': 'node-1',
  'k8s.container.name': service,
  ...more,
})

/** A span that was sent `ago` seconds before now. */
const span = (number: number, resource: number, ago: number, more: object = {}) => ({
  trace: traceId(number),
  span: spanId(number),
  resource,
  name: 'work',
  kind: 2,
  start: secondsAgo(ago),
  duration: seconds(0.1),
  ...more,
})

const watchRecord = (ago: number, type: string, pod: string, status: object, isBare = false) => {
  const object = { metadata: { uid: `uid-${pod}`, name: pod }, status }
  return {
    time: secondsAgo(ago),
    resource: watchResource,
    body: JSON.stringify(isBare ? object : { type, object }),
    attributes: { 'k8s.resource.name': 'pods', 'event.domain': 'k8s', 'event.name': pod },
  }
}
const running = (name: string, restartCount = 0, more: object = {}) => ({
  name,
  restartCount,
  state: { running: { startedAt: '2026-11-20T11:00:00Z' } },
  ...more,
})
const oomKilled = { exitCode: 137, reason: 'OOMKilled', finishedAt: '2026-11-20T11:59:30Z' }

beforeAll(async () => {
  seeded = await openSeededStore()
  await seeded.insertResource({ id: watchResource, attributes: { 'k8s.namespace.name': 'shop' } })
  const resources: [number, Record<string, string>][] = [
    [1, podResource('cart-alive', 'cart')],
    [2, podResource('cart-oom', 'cart')],
    [3, podResource('cart-silent', 'cart')],
    [4, podResource('pay-restarted', 'payment', { 'k8s.container.restart_count': '0' })],
    [5, podResource('pay-restarted', 'payment', { 'k8s.container.restart_count': '1' })],
    [6, podResource('pay-deleted', 'payment')],
    [7, podResource('pay-looping', 'payment')],
    [8, { 'service.name': 'batch', 'k8s.pod.name': 'batch-no-uid' }],
    [9, podResource('pay-evicted', 'payment')],
    [10, podResource('pay-sidecar', 'payment')],
    [11, { 'service.name': 'no-pod' }],
    // What a node's agent says of a pod: no service.
    [12, { 'k8s.pod.uid': 'uid-cart-alive', 'k8s.pod.name': 'cart-alive' }],
  ]
  for (const [id, attributes] of resources) await seeded.insertResource({ id, attributes })
  await seeded.insertSpans(
    span(1, 1, 1200),
    span(2, 1, 5),
    span(3, 2, 1100),
    span(4, 2, 31, { status: 2 }),
    span(5, 3, 1000),
    span(6, 4, 900),
    span(7, 5, 20),
    span(8, 6, 800),
    span(9, 7, 700),
    span(10, 7, 40),
    span(11, 8, 600),
    span(12, 9, 500),
    span(13, 10, 400),
    span(14, 10, 30),
    span(15, 11, 10, { kind: 3 }),
    // One trace through a dead and a living pod.
    span(4, 1, 30.9, { span: spanId(40), parent: spanId(4) }),
  )
  await seeded.insertLogs(
    { time: secondsAgo(2), resource: 12, body: 'the node says' },
    { time: secondsAgo(40), resource: 2, body: 'heap is full' },
    { time: secondsAgo(45), resource: 2, body: 'heap is nearly full' },
    watchRecord(1000, 'ADDED', 'cart-oom', { phase: 'Running', containerStatuses: [running('cart')] }),
    watchRecord(28, 'MODIFIED', 'cart-oom', {
      phase: 'Running',
      containerStatuses: [{ name: 'cart', restartCount: 0, state: { terminated: oomKilled }, lastState: {} }],
    }),
    watchRecord(25, 'MODIFIED', 'pay-restarted', {
      phase: 'Running',
      containerStatuses: [running('payment', 1, { lastState: { terminated: oomKilled } })],
    }),
    watchRecord(790, 'DELETED', 'pay-deleted', {
      phase: 'Running',
      containerStatuses: [running('payment', 1, { lastState: { terminated: oomKilled } })],
    }),
    watchRecord(20, 'MODIFIED', 'pay-looping', {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'payment',
          restartCount: 4,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, reason: 'Error', finishedAt: '2026-11-20T11:59:20Z' } },
        },
      ],
    }),
    // The object itself as the body, as older receivers send it.
    watchRecord(490, '', 'pay-evicted', { phase: 'Failed', reason: 'Evicted', message: 'low on disk' }, true),
    watchRecord(25, 'MODIFIED', 'pay-sidecar', {
      phase: 'Running',
      containerStatuses: [
        running('proxy'),
        { name: 'payment', restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
      ],
    }),
    { ...watchRecord(1, 'MODIFIED', 'cart-alive', {}), body: 'not JSON at all: uid-cart-alive' },
    watchRecord(1, 'MODIFIED', 'cart-alive', { containerStatuses: 'nonsense' }),
  )
})
afterAll(() => seeded.close())

const podsOf = async (query: string) => {
  const { status, body } = await seeded.get(`/api/v1/pods?from=now-1h&${query}`)
  expect(status).toBe(200)
  const pods: Record<string, { name: string; state: string; end: object | null; containerEnds?: object[] }> =
    Object.fromEntries(body.pods.map((pod: { name: string }) => [pod.name, pod]))
  return { pods, body }
}

describe('pods', () => {
  it('are alive while they are seen, whatever the watch may say that cannot be read', async () => {
    const { pods } = await podsOf('')
    expect(pods['cart-alive']).toEqual({
      uid: 'uid-cart-alive',
      name: 'cart-alive',
      namespace: 'shop',
      node: 'node-1',
      serviceName: 'cart',
      serviceVersion: '1.2.0',
      environment: 'test',
      container: 'cart',
      firstSeenTimeUnixNano: secondsAgo(1200).toString(),
      lastSeenTimeUnixNano: secondsAgo(2).toString(),
      state: 'alive',
      end: null,
      containerEnds: [],
      restartCount: 0,
    })
  })

  it('killed for their memory say so with exit code and signal', async () => {
    const { pods } = await podsOf('service=cart&state=gone')
    expect(pods['cart-oom']).toMatchObject({
      state: 'gone',
      end: {
        timeUnixNano: secondsAgo(30).toString(),
        reason: 'OOMKilled',
        exitCode: 137,
        signal: 9,
        evidence: 'pod-watch',
        isFailure: true,
      },
    })
  })

  it('that nobody saw end are gone after three minutes of silence', async () => {
    const { pods } = await podsOf('')
    expect(pods['cart-silent']).toMatchObject({
      state: 'gone',
      end: {
        reason: 'Silent',
        exitCode: null,
        evidence: 'silence',
        isFailure: false,
        timeUnixNano: secondsAgo(999.9).toString(),
      },
    })
  })

  it('live on when their container was started again', async () => {
    const { pods } = await podsOf('')
    expect(pods['pay-restarted']).toMatchObject({ state: 'alive', end: null, restartCount: 1 })
    expect(pods['pay-restarted']?.containerEnds).toEqual([
      {
        container: 'payment',
        timeUnixNano: secondsAgo(30).toString(),
        reason: 'OOMKilled',
        exitCode: 137,
        signal: 9,
        isFailure: true,
      },
    ])
    expect(pods['cart-alive']?.containerEnds).toEqual([])
  })

  it.each([
    [
      'pay-deleted',
      { reason: 'Deleted', exitCode: null, timeUnixNano: secondsAgo(790).toString(), isFailure: false },
    ],
    [
      'pay-looping',
      { reason: 'Error', exitCode: 1, timeUnixNano: secondsAgo(40).toString(), isFailure: true },
    ],
    ['pay-evicted', { reason: 'Evicted', exitCode: null, isFailure: true }],
    ['pay-sidecar', { reason: 'Completed', exitCode: 0, isFailure: false }],
  ])('%s ended as the watch saw it', async (name, end) => {
    const { pods } = await podsOf('namespace=shop&environment=test')
    expect(pods[name]).toMatchObject({ state: 'gone', end: { ...end, evidence: 'pod-watch' } })
  })

  it('without a uid go by their name', async () => {
    const { pods } = await podsOf('service=batch')
    expect(pods['batch-no-uid']).toMatchObject({ uid: 'batch-no-uid', state: 'gone' })
  })

  it('come the latest first seen first, cut where asked', async () => {
    const { body } = await podsOf('limit=2')
    expect(body.pods.map((pod: { name: string }) => pod.name)).toEqual(['pay-sidecar', 'pay-evicted'])
    expect(body.isTruncated).toBe(true)
    expect(Object.keys((await podsOf('state=alive')).pods).toSorted()).toEqual([
      'cart-alive',
      'pay-restarted',
    ])
  })

  it('are listed for the range in which they were seen', async () => {
    const { body } = await seeded.get('/api/v1/pods?from=now-22m&to=now-19m')
    expect(body.pods.map((pod: { name: string }) => pod.name)).toEqual(['cart-alive'])
  })

  it.each([
    ['state=dead', 'state'],
    ['limit=5001', 'limit'],
    ['from=tomorrow', 'from'],
    ['pod=x', 'pod'],
  ])('refuse %s', async (query, parameter) => {
    const { status, body } = await seeded.get(`/api/v1/pods?${query}`)
    expect(status).toBe(400)
    expect(body.error.parameter).toBe(parameter)
  })
})

describe('one pod', () => {
  it.each(['uid-cart-oom', 'cart-oom'])('%s is shown with its last traces and logs', async (key) => {
    const { status, body } = await seeded.get(`/api/v1/pods/${key}?from=now-5m`)
    expect(status).toBe(200)
    expect(body.pod).toMatchObject({ uid: 'uid-cart-oom', end: { reason: 'OOMKilled' } })
    expect(body.resource).toMatchObject({ serviceName: 'cart', serviceVersion: '1.2.0' })
    expect(body.traces).toHaveLength(1)
    expect(body.traces[0]).toMatchObject({
      traceId: traceId(4),
      podsGone: 1,
      podsFailed: 1,
      pods: ['cart-alive', 'cart-oom'],
    })
    expect(body.logs.map((log: { body: string }) => log.body)).toEqual([
      'heap is nearly full',
      'heap is full',
    ])
  })

  it('is not told of traces that it served long before it failed', async () => {
    const { body } = await seeded.get('/api/v1/traces?from=now-1h&pod=uid-cart-oom')
    const failedById = body.traces.map((trace: { traceId: string; podsGone: number; podsFailed: number }) => [
      trace.traceId,
      trace.podsGone,
      trace.podsFailed,
    ])
    expect(failedById).toEqual([
      [traceId(4), 1, 1],
      [traceId(3), 1, 0],
    ])
  })

  it('is looked at over its life when the range is another', async () => {
    const { body } = await seeded.get('/api/v1/pods/uid-cart-silent?from=now-5m')
    expect(body.traces.map((trace: { traceId: string }) => trace.traceId)).toEqual([traceId(5)])
    // Silence is not a failure.
    expect(body.traces[0]).toMatchObject({ podsGone: 1, podsFailed: 0 })
  })

  it('that is not there is a 404', async () => {
    const { status, body } = await seeded.get(`/api/v1/pods/${encodeURIComponent("x' OR 1=1 --")}`)
    expect(status).toBe(404)
    expect(body.error.code).toBe('not_found')
  })
})

describe('a trace through pods', () => {
  it('says which of them are gone, and how', async () => {
    const { body } = await seeded.get(`/api/v1/traces/${traceId(4)}`)
    expect(body.pods['uid-cart-oom']).toMatchObject({
      state: 'gone',
      spanCount: 1,
      end: { reason: 'OOMKilled' },
    })
    expect(body.pods['uid-cart-alive']).toMatchObject({ state: 'alive', spanCount: 1 })
  })
})

/** Durations are told as what their bucket stands for. */
const toldOf = (durationNanos: number): number =>
  Math.round(bucketDurationNanos(durationBucket(durationNanos)))
const latencyOf100Millis = { p50: toldOf(1e8), p95: toldOf(1e8), p99: toldOf(1e8) }

describe('services', () => {
  it('are counted with their requests, errors, latency and pods', async () => {
    const { body } = await seeded.get('/api/v1/services?from=now-1h')
    expect(body.services.map((service: { name: string }) => service.name)).toEqual([
      'batch',
      'cart',
      'no-pod',
      'payment',
    ])
    expect(body).toMatchObject({
      fromTimeUnixNano: secondsAgo(3600).toString(),
      toTimeUnixNano: nowNanos.toString(),
      counted: {
        fromTimeUnixNano: secondsAgo(3600).toString(),
        toTimeUnixNano: nowNanos.toString(),
        resolutionSeconds: 60,
      },
      isTruncated: false,
    })
    const cart = body.services[1]
    expect(cart).toMatchObject({
      namespace: 'shop',
      environment: 'test',
      spanCount: 6,
      requestCount: 6,
      errorCount: 1,
      podCount: 3,
      podsGone: 2,
      podsFailed: 1,
      versions: ['1.2.0'],
      countedSpanCount: 6,
      isEstimated: false,
      latencyNanos: latencyOf100Millis,
      firstSeenTimeUnixNano: secondsAgo(1200).toString(),
    })
    expect(cart.errorShare).toBeCloseTo(1 / 6)
    expect(cart.requestsPerSecond).toBeCloseTo(6 / 3600)
    // Evicted and looping; deleted and completed are no failures.
    expect(body.services[3]).toMatchObject({ name: 'payment', podCount: 5, podsGone: 4, podsFailed: 2 })
    expect(body.services[2]).toMatchObject({
      name: 'no-pod',
      spanCount: 1,
      requestCount: 0,
      latencyNanos: null,
    })
  })

  it('are filtered by namespace and environment, of which the empty one is one too', async () => {
    const names = async (query: string): Promise<string[]> =>
      (await seeded.get(`/api/v1/services?from=now-1h&${query}`)).body.services.map(
        (service: { name: string }) => service.name,
      )
    expect(await names('namespace=shop')).toEqual(['cart', 'payment'])
    expect(await names('environment=')).toEqual(['batch', 'no-pod'])
    expect(await names('namespace=other')).toEqual([])
  })

  it('are counted over whole buckets where the range is none, and rated by the time that was counted', async () => {
    // The span of five seconds ago started before the range and is in its bucket.
    const { body } = await seeded.get(`/api/v1/services?from=${secondsAgo(4.95) / 1_000_000n}&to=now`)
    expect(body.counted).toEqual({
      fromTimeUnixNano: secondsAgo(10).toString(),
      toTimeUnixNano: nowNanos.toString(),
      resolutionSeconds: 10,
    })
    const cart = body.services.find((service: { name: string }) => service.name === 'cart')
    expect(cart.requestCount).toBe(1)
    expect(cart.requestsPerSecond).toBeCloseTo(1 / 10)
  })

  it('have operations', async () => {
    const { body } = await seeded.get('/api/v1/services/cart/operations?from=now-1h&namespace=shop')
    expect(body.operations).toEqual([
      {
        name: 'work',
        kind: 'Server',
        spanCount: 6,
        countedSpanCount: 6,
        isEstimated: false,
        errorCount: 1,
        latencyNanos: latencyOf100Millis,
      },
    ])
    expect((await seeded.get('/api/v1/services/a%2Fb%27/operations')).body.operations).toEqual([])
  })
})

describe('the typed client', () => {
  it('knows paths, parameters and answers', async () => {
    const client = hc<AppType>('http://localhost', {
      fetch: (input: RequestInfo | URL, init?: RequestInit) => seeded.app().request(input, init),
    })
    const response = await client.api.v1.pods.$get({ query: { from: 'now-1h', state: 'alive', limit: '1' } })
    if (response.status !== 200) throw new Error('not answered')
    const { pods } = await response.json()
    expectTypeOf<NonNullable<(typeof pods)[number]['end']>['exitCode']>().toEqualTypeOf<number | null>()
    expect(pods[0]?.state).toBe('alive')
    const trace = await client.api.v1.traces[':traceId'].$get({ param: { traceId: traceId(4) }, query: {} })
    if (trace.status !== 200) throw new Error('not answered')
    const { spans } = await trace.json()
    expectTypeOf<(typeof spans)[number]['podUid']>().toEqualTypeOf<string>()
    expect(spans).toHaveLength(2)
  })
})

it('finds pods among thousands of long names', async () => {
  const uids = Array.from({ length: 5000 }, (_, n) => `${n}-`.padEnd(600, '결'))
  await seeded.insertResource({
    id: 9001,
    attributes: { 'service.name': 'long', 'k8s.pod.uid': uids[4321] ?? '', 'k8s.pod.name': 'long-1' },
  })
  await seeded.insertSpans({
    trace: 'fe'.repeat(16),
    span: 'fe'.repeat(8),
    resource: 9001,
    name: 'long',
    start: nowNanos - 60_000_000_000n,
  })
  const found = await createPodStore(seeded.store, { now: () => nowMillis }).podsByKey(
    { tenant: 'default' },
    uids,
  )
  expect([...found.keys()]).toEqual([uids[4321]])
})
