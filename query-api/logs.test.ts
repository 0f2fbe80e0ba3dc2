import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { QueryStopped } from '#storage/connection.ts'
import { sql } from '#storage/sql.ts'
import {
  type SeededStore,
  nowNanos,
  openSeededStore,
  secondsAgo,
  spanId,
  traceId,
} from '../test/harness/seeded-store.ts'

let seeded: SeededStore

beforeAll(async () => {
  seeded = await openSeededStore()
  await seeded.insertResource({
    id: 1,
    attributes: {
      'service.name': 'storefront',
      'service.namespace': 'shop',
      'deployment.environment.name': 'test',
      'k8s.pod.uid': 'uid-front',
      'k8s.pod.name': 'front-1',
      region: 'north',
    },
  })
  await seeded.insertResource({
    id: 2,
    attributes: { 'service.name': 'cart', 'service.namespace': 'shop', 'k8s.pod.name': 'cart-1' },
  })
  await seeded.insertResource({ id: 3, tenant: 'other', attributes: { 'service.name': 'storefront' } })
  await seeded.insertLogs(
    {
      time: secondsAgo(60),
      resource: 1,
      trace: traceId(1),
      span: spanId(1),
      body: 'Payment of order-42 refused: connection reset by peer',
      severity: 17,
      severityText: 'ERROR',
      eventName: 'payment.refused',
      attributes: { 'order.id': '42', note: 'a=b' },
    },
    { time: secondsAgo(50), resource: 2, body: 'connection to peer reset, 결제 실패', severity: 13 },
    { time: secondsAgo(40), resource: 2, body: `100 % "quoted" it's \\ done`, severity: 0 },
    { time: secondsAgo(30), resource: 3, tenant: 'other', body: 'payment of another tenant', severity: 21 },
  )
  // Ten records of the same nanosecond, and a row of one a minute, the later the number the older.
  await seeded.insertLogs(
    ...Array.from({ length: 10 }, (_, index) => ({
      time: secondsAgo(3660),
      resource: 1,
      body: `tick ${index}`,
    })),
    ...Array.from({ length: 40 }, (_, index) => ({
      time: secondsAgo(7200 + index * 60),
      resource: 2,
      body: `row ${index}`,
      severity: 1 + (index % 24),
    })),
  )
})
afterAll(() => seeded.close())

const search = async (query: string) => {
  const { status, body } = await seeded.get(`/api/v1/logs?${query}`)
  expect(body).not.toHaveProperty('error')
  expect(status).toBe(200)
  const bodies: string[] = body.logs.map((log: { body: string }) => log.body)
  return { bodies, body }
}
const refused = 'Payment of order-42 refused: connection reset by peer'
const peer = 'connection to peer reset, 결제 실패'
const quoted = `100 % "quoted" it's \\ done`

const pagesOf = async (query: string): Promise<string[]> => {
  const bodies: string[] = []
  let cursor = ''
  for (let page = 0; page < 50; page++) {
    const found = await search(`${query}${cursor}`)
    bodies.push(...found.bodies)
    if (found.body.nextCursor === null) return bodies
    cursor = `&cursor=${found.body.nextCursor}`
  }
  throw new Error('the pages do not end')
}

describe('searching for log records', () => {
  it('shows all of a record, the newest first', async () => {
    const { body } = await search('from=now-5m')
    expect(body.logs.map((log: { body: string }) => log.body)).toEqual([quoted, peer, refused])
    expect(body.logs[2]).toEqual({
      timeUnixNano: secondsAgo(60).toString(),
      severityNumber: 17,
      severityText: 'ERROR',
      body: refused,
      eventName: 'payment.refused',
      serviceName: 'storefront',
      podUid: 'uid-front',
      traceId: traceId(1),
      spanId: spanId(1),
      attributes: [
        { key: 'order.id', value: '42', type: 'string' },
        { key: 'note', value: 'a=b', type: 'string' },
      ],
    })
    expect(body).toMatchObject({
      nextCursor: null,
      isComplete: true,
      searchedFromTimeUnixNano: secondsAgo(300).toString(),
    })
  })

  it('gives the rest page by page, each record once, those of one nanosecond too', async () => {
    const rows = Array.from({ length: 40 }, (_, index) => `row ${index}`)
    expect(await pagesOf('from=now-4h&text=row&limit=7')).toEqual(rows)
    const ticks = await pagesOf('from=now-4h&text=tick&limit=3')
    expect(ticks.toSorted()).toEqual(Array.from({ length: 10 }, (_, index) => `tick ${index}`))
    expect(await pagesOf('from=now-4h&text=tick&limit=4')).toEqual(ticks)
    expect(await pagesOf('from=now-4h&limit=5')).toHaveLength(53)
  })

  it.each<[string, string[]]>([
    ['service=cart', [quoted, peer]],
    ['service=storefront&namespace=shop&environment=test', [refused]],
    ['environment=', [quoted, peer]],
    ['namespace=none', []],
    ['minSeverity=13', [peer, refused]],
    ['minSeverity=14', [refused]],
    ['text=PAYMENT', [refused]],
    ['text=peer+connection', [peer, refused]],
    ['text=pay', []],
    ['text=결제', [peer]],
    ['text="reset+by+peer"', [refused]],
    ['text="order-42"', [refused]],
    ['text="order+42"', []],
    ['text="set+by+peer"', []],
    ['text=payment+"reset+by"+"of+order"', [refused]],
    ['text="%25"', [quoted]],
    ['text="\\"quoted\\""', [quoted]],
    ['text="\\\\"', [quoted]],
    ['text="it\'s"', [quoted]],
    ['text=', [quoted, peer, refused]],
    ['attribute=order.id=42', [refused]],
    ['attribute=note=a=b', [refused]],
    ['attribute=note=a', []],
    ['attribute=region=north', [refused]],
    ['attribute=region=north&attribute=order.id=43', []],
    [`traceId=${traceId(1)}`, [refused]],
    ['pod=uid-front', [refused]],
    ['pod=cart-1', [quoted, peer]],
    ['eventName=payment.refused', [refused]],
    ['eventName=', [quoted, peer]],
    ['service=cart&text=payment', []],
  ])('filters by %s', async (filter, expected) => {
    expect((await search(`from=now-5m&${filter}`)).bodies).toEqual(expected)
  })

  it.each([
    "' OR 1=1 --",
    '\\',
    "\\'); DROP TABLE log_records; --",
    '{x:String}',
    '\u0000',
    '%',
    '🦊\ud800',
    '${1}',
    '*/ /*',
  ])('takes a hostile value as a value: %j', async (hostile) => {
    const value = encodeURIComponent(hostile.toWellFormed())
    for (const name of ['service', 'namespace', 'environment', 'pod', 'eventName'])
      expect((await search(`from=now-5m&${name}=${value}`)).bodies).toEqual([])
    expect((await search(`from=now-5m&attribute=${value}x=${value}`)).bodies).toEqual([])
    const inQuotes = encodeURIComponent(`"x${hostile.toWellFormed().replaceAll('\\', '\\\\')}"`)
    expect((await search(`from=now-5m&text=${inQuotes}`)).bodies).toEqual([])
    expect((await search('from=now-5m')).bodies).toHaveLength(3)
  })

  it('goes on where time ran out', async () => {
    const app = seeded.app({
      store: {
        ...seeded.store,
        query: async () => {
          throw new QueryStopped('over 5 s')
        },
      },
    })
    const response = await app.request('/api/v1/logs?from=now-5m')
    const answer = (await response.json()) as { nextCursor: string }
    expect(answer).toMatchObject({
      logs: [],
      isComplete: false,
      searchedFromTimeUnixNano: nowNanos.toString(),
    })
    expect((await search(`from=now-5m&cursor=${answer.nextCursor}`)).bodies).toHaveLength(3)
  })
})

describe('counting log records', () => {
  const countOf = async (query: string) => {
    const { status, body } = await seeded.get(`/api/v1/logs/histogram?${query}`)
    expect(body).not.toHaveProperty('error')
    expect(status).toBe(200)
    return body
  }

  it('counts by interval and severity', async () => {
    const body = await countOf('from=now-5m')
    expect(body).toMatchObject({
      fromTimeUnixNano: secondsAgo(300).toString(),
      toTimeUnixNano: nowNanos.toString(),
      intervalNanos: 5_000_000_000,
      isComplete: true,
      searchedFromTimeUnixNano: secondsAgo(300).toString(),
    })
    expect(body.intervals).toHaveLength(60)
    expect(body.intervals[0].startTimeUnixNano).toBe(secondsAgo(300).toString())
    const none = { unspecified: 0, trace: 0, debug: 0, info: 0, warn: 0, error: 0, fatal: 0 }
    const filled = body.intervals.filter(
      (interval: Record<string, unknown>) =>
        !Object.values(interval).every((value) => value === 0 || typeof value === 'string'),
    )
    expect(filled).toEqual([
      { startTimeUnixNano: secondsAgo(60).toString(), ...none, error: 1 },
      { startTimeUnixNano: secondsAgo(50).toString(), ...none, warn: 1 },
      { startTimeUnixNano: secondsAgo(40).toString(), ...none, unspecified: 1 },
    ])
  })

  it('goes by the same filters', async () => {
    const totalOf = (body: { intervals: Record<string, number | string>[] }): number =>
      body.intervals
        .flatMap((interval) => Object.values(interval))
        .reduce<number>((sum, value) => sum + (typeof value === 'number' ? value : 0), 0)
    const totals: Record<string, number> = {
      'from=now-4h': 53,
      'from=now-4h&text=row': 40,
      'from=now-4h&text=row&minSeverity=21': 4,
      'from=now-4h&attribute=region=north': 11,
      [`traceId=${traceId(1)}`]: 1,
      'service=nobody': 0,
    }
    const counted: Record<string, number> = {}
    for (const query of Object.keys(totals)) counted[query] = totalOf(await countOf(query))
    expect(counted).toEqual(totals)
  })
})

describe('asking for log records', () => {
  it.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['from=yesterday', 'from'],
    ['minSeverity=0', 'minSeverity'],
    ['minSeverity=25', 'minSeverity'],
    ['minSeverity=error', 'minSeverity'],
    ['text="open', 'text'],
    ['text=--', 'text'],
    [`text=${'x'.repeat(1025)}`, 'text'],
    [`text=${'"x"'.repeat(21)}`, 'text'],
    ['text=a&text=b', 'text'],
    ['attribute=novalue', 'attribute'],
    ['traceId=12', 'traceId'],
    ['cursor=AAAA', 'cursor'],
    [`cursor=${Buffer.from('1.99999999999999999999.0').toString('base64url')}`, 'cursor'],
    ['body=x', 'body'],
  ])('wrongly, by %s, is refused with the name of the parameter', async (query, parameter) => {
    const { status, body } = await seeded.get(`/api/v1/logs?${query}`)
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'invalid_parameter', parameter })
    expect(body.error.message).toContain(parameter)
  })

  it('is described', async () => {
    const { body } = await seeded.get('/api/v1/openapi.json')
    const names = (path: string): string[] =>
      body.paths[path].get.parameters.map((parameter: { name: string }) => parameter.name)
    const filters = ['from', 'to', 'service', 'namespace', 'environment', 'minSeverity', 'text', 'attribute']
    expect(names('/api/v1/logs')).toEqual([...filters, 'traceId', 'pod', 'eventName', 'limit', 'cursor'])
    expect(names('/api/v1/logs/histogram')).toEqual([...filters, 'traceId', 'pod', 'eventName'])
  })

  it('leaves other tenants out', async () => {
    const [row] = await seeded.store.query<{ found: string }>(
      sql`SELECT count() AS found FROM log_records WHERE tenant = 'other'`,
    )
    expect(row?.found).toBe('1')
    expect((await search('from=now-1h&text=tenant')).bodies).toEqual([])
    const other = seeded.app({ apiTokens: new Map([['token-of-the-other-tenant', 'other']]) })
    const response = await other.request('/api/v1/logs?from=now-1h', {
      headers: { authorization: 'Bearer token-of-the-other-tenant' },
    })
    const { logs } = (await response.json()) as { logs: { body: string }[] }
    expect(logs.map(({ body }) => body)).toEqual(['payment of another tenant'])
  })
})
