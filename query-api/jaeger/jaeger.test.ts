import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type SeededStore,
  nowMillis,
  openSeededStore,
  seconds,
  secondsAgo,
  spanId,
  traceId,
} from '../../test/harness/seeded-store.ts'

let seeded: SeededStore

beforeAll(async () => {
  seeded = await openSeededStore()
  await seeded.insertResource({
    id: 1,
    attributes: { 'service.name': 'storefront', 'k8s.pod.name': 'front-1', replicas: '3' },
    types: 'ssi',
  })
  await seeded.insertResource({ id: 2, attributes: { 'service.name': 'cart' } })
  await seeded.insertSpans(
    {
      trace: traceId(1),
      span: spanId(1),
      resource: 1,
      name: 'GET /cart',
      kind: 2,
      start: secondsAgo(60) + 999n,
      duration: 1_234_567n,
      attributes: [
        ['retried', 'true'],
        ['bytes', '42'],
        ['share', '0.5'],
        ['huge', '9223372036854775807'],
        ['raw', 'AAE='],
        ['list', '["a",1]'],
        ['plain', 'text'],
      ],
      types: 'bidiyas',
      links: [{ trace: traceId(9), span: spanId(9) }],
      events: [{ time: secondsAgo(60) + 5000n, name: 'exception', attributes: { 'exception.type': 'Oops' } }],
    },
    {
      trace: traceId(1),
      span: spanId(2),
      parent: spanId(77),
      resource: 2,
      name: 'load',
      kind: 3,
      start: secondsAgo(59),
      isOpen: true,
      status: 2,
      statusMessage: 'no stock',
    },
    {
      trace: traceId(2),
      span: spanId(3),
      resource: 1,
      name: 'GET /',
      kind: 2,
      start: secondsAgo(50),
      duration: seconds(2),
    },
  )
})
afterAll(() => seeded.close())

const searchOf = async (query: string) => {
  const { status, body } = await seeded.get(`/jaeger/api/traces?${query}`)
  expect(body.errors).toBeNull()
  expect(status).toBe(200)
  return body.data.map((trace: { traceID: string }) => trace.traceID)
}

describe("Jaeger's API", () => {
  it('lists services and operations', async () => {
    const envelope = { limit: 0, offset: 0, errors: null }
    expect(await seeded.get('/jaeger/api/services')).toEqual({
      status: 200,
      body: { data: ['cart', 'storefront'], total: 2, ...envelope },
    })
    expect((await seeded.get('/jaeger/api/services/storefront/operations')).body).toEqual({
      data: ['GET /', 'GET /cart'],
      total: 2,
      ...envelope,
    })
    expect((await seeded.get('/jaeger/api/operations?service=cart')).body.data).toEqual([
      { name: 'load', spanKind: 'client' },
    ])
    expect((await seeded.get('/jaeger/api/operations?service=cart&spanKind=server')).body.data).toEqual([])
  })

  it('gives a trace with typed tags, references, logs and warnings', async () => {
    const { status, body } = await seeded.get(`/jaeger/api/traces/${traceId(1)}`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ total: 1, errors: null })
    const [trace] = body.data
    expect(trace).toMatchObject({ traceID: traceId(1), warnings: null })
    const [root, load] = trace.spans
    const startMicros = (nowMillis - 60_000) * 1000
    expect(root).toEqual({
      traceID: traceId(1),
      spanID: spanId(1),
      flags: 0,
      operationName: 'GET /cart',
      references: [{ refType: 'FOLLOWS_FROM', traceID: traceId(9), spanID: spanId(9) }],
      startTime: startMicros,
      duration: 1234,
      tags: [
        { key: 'retried', type: 'bool', value: true },
        { key: 'bytes', type: 'int64', value: 42 },
        { key: 'share', type: 'float64', value: 0.5 },
        { key: 'huge', type: 'string', value: '9223372036854775807' },
        { key: 'raw', type: 'binary', value: 'AAE=' },
        { key: 'list', type: 'string', value: '["a",1]' },
        { key: 'plain', type: 'string', value: 'text' },
        { key: 'span.kind', type: 'string', value: 'server' },
        { key: 'otel.scope.name', type: 'string', value: 'scope' },
        { key: 'otel.scope.version', type: 'string', value: '1.0' },
      ],
      logs: [
        {
          timestamp: startMicros + 5,
          fields: [
            { key: 'event', type: 'string', value: 'exception' },
            { key: 'exception.type', type: 'string', value: 'Oops' },
          ],
        },
      ],
      processID: expect.stringMatching(/^p\d$/),
      warnings: null,
    })
    expect(trace.processes[root.processID]).toEqual({
      serviceName: 'storefront',
      tags: [
        { key: 'k8s.pod.name', type: 'string', value: 'front-1' },
        { key: 'replicas', type: 'int64', value: 3 },
      ],
    })
    expect(load.references).toEqual([{ refType: 'CHILD_OF', traceID: traceId(1), spanID: spanId(77) }])
    expect(load.tags).toEqual([
      { key: 'span.kind', type: 'string', value: 'client' },
      { key: 'error', type: 'bool', value: true },
      { key: 'otel.status_code', type: 'string', value: 'ERROR' },
      { key: 'otel.status_description', type: 'string', value: 'no stock' },
      { key: 'otel.scope.name', type: 'string', value: 'scope' },
      { key: 'otel.scope.version', type: 'string', value: '1.0' },
    ])
    expect(load.warnings).toEqual([
      expect.stringContaining(spanId(77)),
      expect.stringContaining('has not ended'),
    ])
  })

  it('takes an id without its leading zeros, and one that is not there is a 404', async () => {
    expect((await seeded.get('/jaeger/api/traces/1')).body.data[0].traceID).toBe(traceId(1))
    const { status, body } = await seeded.get('/jaeger/api/traces/abc')
    expect(status).toBe(404)
    expect(body).toEqual({
      data: null,
      total: 0,
      limit: 0,
      offset: 0,
      errors: [{ code: 404, msg: 'trace not found', traceID: traceId(0xabc) }],
    })
  })

  it('searches', async () => {
    const end = nowMillis * 1000
    const range = `start=${end - 3_600_000_000}&end=${end}`
    expect(await searchOf(`service=storefront&${range}`)).toEqual([traceId(2), traceId(1)])
    expect(await searchOf('service=storefront&lookback=1h&limit=1')).toEqual([traceId(2)])
    expect(await searchOf('service=storefront&lookback=2d&minDuration=1s')).toEqual([traceId(2)])
    expect(await searchOf('service=storefront&operation=GET%20%2Fcart')).toEqual([traceId(1)])
    const tags = (tags: object): string => `tags=${encodeURIComponent(JSON.stringify(tags))}`
    expect(await searchOf(`service=cart&${tags({ error: 'true', 'span.kind': 'client' })}`)).toEqual([
      traceId(1),
    ])
    expect(await searchOf(`service=cart&${tags({ error: 'false' })}`)).toEqual([])
    expect(await searchOf(`service=storefront&${tags({ bytes: 42, 'k8s.pod.name': 'front-1' })}`)).toEqual([
      traceId(1),
    ])
    expect(await searchOf('service=storefront&tag=plain:text')).toEqual([traceId(1)])
    expect(await searchOf(`traceID=2&traceID=${traceId(1)}&traceID=ff`)).toEqual([traceId(2), traceId(1)])
  })

  it.each([
    ['', 'service'],
    ['service=a&limit=x', 'limit'],
    ['service=a&tags={', 'tags'],
    ['service=a&tags=[]', 'tags'],
    ['service=a&start=2&end=1', 'start'],
    ['service=a&start=tomorrow', 'start'],
    ['service=a&minDuration=1', 'minDuration'],
    ['traceID=zz', 'trace id'],
  ])('refuses %j in its own envelope', async (query, named) => {
    const { status, body } = await seeded.get(`/jaeger/api/traces?${query}`)
    expect(status).toBe(400)
    expect(body.data).toBeNull()
    expect(body.errors[0].code).toBe(400)
    expect(body.errors[0].msg).toContain(named)
  })
})

it.each([
  [`service=${'x'.repeat(1025)}`, 'service: longer than 1024 characters'],
  [
    `service=cart&tags=${encodeURIComponent(JSON.stringify({ a: 'x'.repeat(40_000) }))}`,
    'tags: more than 32768 bytes together',
  ],
])('refuses texts that are too long', async (query, message) => {
  const { status, body } = await seeded.get(`/jaeger/api/traces?${query}`)
  expect(status).toBe(400)
  expect(body.errors[0].msg).toContain(message)
})
