import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Unavailable } from '#runtime/errors.ts'
import { createHealth } from '#runtime/health.ts'
import { createLogger } from '#runtime/logger.ts'
import { QueryStopped } from '#storage/connection.ts'
import {
  type SeededStore,
  openSeededStore,
  secondsAgo,
  spanId,
  traceId,
} from '../test/harness/seeded-store.ts'

let seeded: SeededStore

beforeAll(async () => {
  seeded = await openSeededStore()
})
afterAll(() => seeded.close())

describe('status', () => {
  it('of an empty store says that there is no data', async () => {
    const { status, body } = await seeded.get('/api/v1/status')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      version: '0.0.0-test',
      queue: [],
      receiver: {},
      deadLetters: null,
      disk: null,
      otlpPorts: { http: 4318, grpc: null },
      storage: { kind: 'chdb', database: 'otel' },
      hasData: false,
      lastSeenTimeUnixNano: null,
    })
  })

  it('tells when anything was seen last', async () => {
    await seeded.insertSpans({
      trace: traceId(1),
      span: spanId(1),
      resource: 1,
      name: 'a',
      start: secondsAgo(60),
    })
    const { body } = await seeded.get('/api/v1/status')
    expect(body).toMatchObject({ hasData: true, lastSeenTimeUnixNano: secondsAgo(60).toString() })
    expect(body.storage.rows).toBeGreaterThan(0)
  })
})

describe('errors', () => {
  const failing = (error: Error, lines: string[] = []) =>
    seeded.app({
      store: {
        ...seeded.store,
        query: async () => {
          throw error
        },
      },
      logger: createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } }),
    })

  it('of a store that is away are a 503 with the time to try again', async () => {
    const response = await failing(new Unavailable('the store is closed', { retryAfterSeconds: 7 })).request(
      '/api/v1/services',
    )
    expect(response.status).toBe(503)
    expect(response.headers.get('retry-after')).toBe('7')
    expect(await response.json()).toEqual({ error: { code: 'unavailable', message: 'the store is closed' } })
  })

  it('of a query that takes too long are a 504 that says what to do', async () => {
    const response = await failing(new QueryStopped('over 15 s')).request('/api/v1/services')
    expect(response.status).toBe(504)
    expect(((await response.json()) as { error: { message: string } }).error.message).toContain(
      'shorter time range',
    )
  })

  it('of a search that is always too slow leave it incomplete, not failed', async () => {
    const response = await failing(new QueryStopped('over 5 s')).request('/api/v1/traces')
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      traces: [],
      isComplete: false,
      nextCursor: expect.any(String),
    })
  })

  it('that are bugs are a 500 which keeps the cause to the log', async () => {
    const lines: string[] = []
    const app = failing(new TypeError('secret detail'), lines)
    for (const path of ['/api/v1/services', '/jaeger/api/services']) {
      const response = await app.request(path)
      expect(response.status).toBe(500)
      expect(await response.text()).not.toContain('secret')
    }
    expect(lines.join('')).toContain('secret detail')
    expect(lines.join('')).toContain('request failed')
  })

  it('are JSON for an address that is not there', async () => {
    const { status, body } = await seeded.get('/api/v1/nothing')
    expect(status).toBe(404)
    expect(body.error.code).toBe('not_found')
  })
})

describe('health', () => {
  it('is told apart by check, and never asks for a token', async () => {
    const health = createHealth()
    health.addCheck('store', () => undefined)
    const app = seeded.app({ health, apiTokens: new Map([['some-long-token-here', 'default']]) })
    expect(await (await app.request('/livez')).text()).toBe('alive\n')
    expect(await (await app.request('/readyz?verbose')).text()).toBe('[+]store ok\nready\n')
    health.addCheck('writer', () => {
      throw new Error('stuck')
    })
    for (const path of ['/readyz', '/healthz']) {
      const response = await app.request(path)
      expect(response.status).toBe(503)
      expect(await response.text()).toBe('not ready: writer\n')
    }
    expect(await (await app.request('/readyz?verbose')).text()).toContain('[-]writer failed: stuck\n')
    expect((await app.request('/livez')).status).toBe(200)
  })

  it('comes with metrics of the requests', async () => {
    await seeded.get('/api/v1/services')
    const text = await (await seeded.app().request('/metrics')).text()
    expect(text).toMatch(/aftertrace_api_request_duration_seconds_count\{.*http_route="\/api\/v1\/services"/)
  })
})

describe('headers', () => {
  it('keep browsers from sniffing, framing and caching', async () => {
    const { headers } = await seeded.app().request('/api/v1/services')
    expect(headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('same-origin')
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('say that an answer is compressed for who can read that', async () => {
    const response = await seeded
      .app()
      .request('/api/v1/openapi.json', { headers: { 'accept-encoding': 'gzip' } })
    expect(response.headers.get('content-encoding')).toBe('gzip')
    const plain = response.body?.pipeThrough(new DecompressionStream('gzip'))
    expect(await new Response(plain).json()).toHaveProperty('openapi')
  })
})

describe('the OpenAPI document', () => {
  it('describes every route, and every reference in it leads somewhere', async () => {
    const { body } = await seeded.get('/api/v1/openapi.json')
    expect(body.openapi).toBe('3.1.0')
    expect(Object.keys(body.paths).toSorted()).toEqual([
      '/api/v1/logs',
      '/api/v1/logs/histogram',
      '/api/v1/pods',
      '/api/v1/pods/{uid}',
      '/api/v1/services',
      '/api/v1/services/{service}/operations',
      '/api/v1/status',
      '/api/v1/traces',
      '/api/v1/traces/{traceId}',
      '/api/v1/traces/{traceId}/logs',
    ])
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
    expect(references.length).toBeGreaterThan(10)
    for (const [, name = ''] of references) expect(body.components.schemas).toHaveProperty(name)
    for (const [path, { get }] of Object.entries<{ get: { parameters?: Parameter[]; responses: object } }>(
      body.paths,
    )) {
      const named = (get.parameters ?? []).filter(({ in: place }) => place === 'path').map(({ name }) => name)
      expect(named).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
      for (const parameter of get.parameters ?? []) expect(parameter.schema).toHaveProperty('type')
      expect(get.responses).toHaveProperty('200')
    }
    const limit = body.paths['/api/v1/traces'].get.parameters.find(({ name }: Parameter) => name === 'limit')
    expect(limit).toMatchObject({
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 500, default: 100 },
    })
  })
})

interface Parameter {
  name: string
  in: string
  schema: object
}
