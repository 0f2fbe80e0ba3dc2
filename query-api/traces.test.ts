import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { QueryStopped } from '#storage/connection.ts'
import { sql } from '#storage/sql.ts'
import { createTraceStore } from '#storage/traces/create-trace-store.ts'
import {
  type SeededStore,
  nowMillis,
  openSeededStore,
  seconds,
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
      replicas: '3',
    },
    types: 'ssssssi',
  })
  await seeded.insertResource({
    id: 2,
    attributes: { 'service.name': 'cart', 'service.namespace': 'shop', 'k8s.pod.name': 'cart-1' },
  })
  await seeded.insertResource({ id: 3, tenant: 'other', attributes: { 'service.name': 'storefront' } })
  // A trace of two services whose cart failed.
  await seeded.insertSpans(
    {
      trace: traceId(1),
      span: spanId(1),
      resource: 1,
      name: 'GET /cart',
      kind: 2,
      start: secondsAgo(60),
      duration: seconds(0.3),
      attributes: [
        ['10', 'ten'],
        ['9', 'nine'],
        ['http.route', '/cart'],
        ['retried', 'true'],
      ],
      types: 'sssb',
    },
    {
      trace: traceId(1),
      span: spanId(2),
      parent: spanId(1),
      resource: 2,
      name: 'load',
      kind: 2,
      start: secondsAgo(59.9),
      duration: seconds(0.1),
      status: 2,
      statusMessage: 'no stock',
      events: [
        { time: secondsAgo(59.85), name: 'exception', attributes: { 'exception.message': "it's <b>" } },
      ],
      links: [{ trace: traceId(9), span: spanId(9) }],
    },
    // The same span, sent while it was open.
    {
      trace: traceId(1),
      span: spanId(2),
      parent: spanId(1),
      resource: 2,
      name: 'load',
      kind: 2,
      start: secondsAgo(59.9),
      isOpen: true,
    },
    // Its parent never arrived, and it never ended.
    {
      trace: traceId(1),
      span: spanId(3),
      parent: spanId(77),
      resource: 2,
      name: 'query',
      kind: 3,
      start: secondsAgo(59.88),
      isOpen: true,
    },
  )
  // A row of traces, one a minute, the later the number the older.
  await seeded.insertSpans(
    ...Array.from({ length: 40 }, (_, index) => ({
      trace: traceId(100 + index),
      span: spanId(100 + index),
      resource: 1,
      name: 'GET /row',
      kind: 2,
      start: secondsAgo(7200 + index * 60),
      duration: seconds(index / 100),
      attributes: { number: String(index) },
    })),
  )
  // Twenty that start in the same nanosecond.
  await seeded.insertSpans(
    ...Array.from({ length: 20 }, (_, index) => ({
      trace: traceId(500 + index),
      span: spanId(500 + index),
      resource: 2,
      name: 'tick',
      start: secondsAgo(20_000),
    })),
  )
  // A trace over a quarter of an hour, which several slices touch.
  await seeded.insertSpans(
    ...Array.from({ length: 16 }, (_, index) => ({
      trace: traceId(700),
      span: spanId(700 + index),
      parent: index === 0 ? '' : spanId(700),
      resource: 2,
      name: index === 0 ? 'batch' : 'batch step',
      start: secondsAgo(2500 - index * 60),
      duration: seconds(1),
    })),
  )
  await seeded.insertSpans({
    trace: traceId(900),
    span: spanId(900),
    resource: 3,
    tenant: 'other',
    name: 'secret',
    start: secondsAgo(60),
  })
})
afterAll(() => seeded.close())

const search = async (query: string) => {
  const { status, body } = await seeded.get(`/api/v1/traces?${query}`)
  expect(body).not.toHaveProperty('error')
  expect(status).toBe(200)
  const ids: string[] = body.traces.map((trace: { traceId: string }) => trace.traceId)
  return { ids, body }
}

describe('searching for traces', () => {
  it('summarises a whole trace, counting each span once', async () => {
    const { body } = await search('from=now-5m&service=cart')
    expect(body.traces).toEqual([
      {
        traceId: traceId(1),
        startTimeUnixNano: secondsAgo(60).toString(),
        durationNanos: 300_000_000,
        rootService: 'storefront',
        rootOperation: 'GET /cart',
        hasRoot: true,
        spanCount: 3,
        errorCount: 1,
        services: [
          { name: 'cart', spanCount: 2, errorCount: 1 },
          { name: 'storefront', spanCount: 1, errorCount: 0 },
        ],
        matchedSpan: {
          service: 'cart',
          operation: 'load',
          durationNanos: 100_000_000,
          startTimeUnixNano: secondsAgo(59.9).toString(),
          isError: true,
        },
        podsGone: 0,
        podsFailed: 0,
        pods: ['cart-1', 'front-1'],
      },
    ])
    expect(body).toMatchObject({
      nextCursor: null,
      isComplete: true,
      searchedFromTimeUnixNano: secondsAgo(300).toString(),
    })
  })

  it('says how far back a page searched', async () => {
    const { body } = await search('from=now-4h&operation=GET%20/row&limit=7')
    const searchedFrom = BigInt(body.searchedFromTimeUnixNano)
    expect(searchedFrom).toBeLessThanOrEqual(secondsAgo(7200 + 5 * 60))
    expect(searchedFrom).toBeGreaterThan(secondsAgo(7200 + 7 * 60))
  })

  it('gives the newest first and the rest page by page, each trace once', async () => {
    const seen: string[] = []
    let cursor = ''
    for (let page = 0; page < 20; page++) {
      const { ids, body } = await search(`from=now-4h&operation=GET%20/row&limit=7${cursor}`)
      seen.push(...ids)
      if (body.nextCursor === null) break
      cursor = `&cursor=${body.nextCursor}`
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => traceId(100 + index)))
  })

  it('pages through traces of the same nanosecond', async () => {
    const seen: string[] = []
    let cursor = ''
    for (let page = 0; page < 20; page++) {
      const { ids, body } = await search(`from=now-6h&operation=tick&limit=3${cursor}`)
      seen.push(...ids)
      if (body.nextCursor === null) break
      cursor = `&cursor=${body.nextCursor}`
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, index) => traceId(519 - index)))
  })

  it('finds a trace that spans several slices once, at its first matching span', async () => {
    const { body } = await search('from=now-1h&service=cart&operation=batch%20step')
    expect(body.traces).toHaveLength(1)
    expect(body.traces[0]).toMatchObject({ traceId: traceId(700), spanCount: 16, rootOperation: 'batch' })
    expect(body.traces[0].matchedSpan.startTimeUnixNano).toBe(secondsAgo(2440).toString())
  })

  it.each([
    ['service=storefront&namespace=shop&environment=test', [1]],
    ['service=storefront&environment=', []],
    ['service=cart&environment=&operation=load', [1]],
    ['status=error', [1]],
    ['service=storefront&status=ok', [1]],
    ['operation=load&status=ok', []],
    ['root=true', [1]],
    ['root=true&service=storefront', [1]],
    ['root=true&service=cart', []],
    ['root=true&operation=load', []],
    ['root=false&service=cart', [1]],
    ['minDuration=250ms&maxDuration=0.3s', [1]],
    ['minDuration=301ms', []],
    ['attribute=http.route=/cart', [1]],
    ['attribute=region=north&attribute=replicas=3', [1]],
    ['attribute=region=', []],
    ['pod=uid-front', [1]],
    ['pod=cart-1&status=error', [1]],
    ['pod=nobody', []],
  ])('filters by %s', async (filter, expected) => {
    expect((await search(`from=now-5m&${filter}`)).ids).toEqual(expected.map((number) => traceId(number)))
  })

  it('needs all filters to hold in one span', async () => {
    expect((await search('from=now-5m&service=storefront&operation=load')).ids).toEqual([])
  })

  it.each([
    "' OR 1=1 --",
    '\\',
    "\\'); DROP TABLE spans; --",
    '{x:String}',
    '\u0000',
    '%',
    '🦊\ud800',
    '${1}',
    '*/ /*',
  ])('takes a hostile value as a value: %j', async (hostile) => {
    const value = encodeURIComponent(hostile.toWellFormed())
    for (const name of ['service', 'namespace', 'environment', 'operation', 'pod'])
      expect((await search(`from=now-5m&${name}=${value}`)).ids).toEqual([])
    expect((await search(`from=now-5m&attribute=${value}x=${value}`)).ids).toEqual([])
    expect((await search('from=now-5m')).ids).toEqual([traceId(1)])
  })

  it.each([
    ['limit=0', 'limit'],
    ['limit=501', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['from=yesterday', 'from'],
    ['to=now-2h', 'from'],
    ['from=now-500d', 'from'],
    ['minDuration=fast', 'minDuration'],
    ['minDuration=2s&maxDuration=1s', 'minDuration'],
    ['status=bad', 'status'],
    ['root=yes', 'root'],
    ['attribute=novalue', 'attribute'],
    ['cursor=AAAA', 'cursor'],
    ['sample=0', 'sample'],
    ['sample=2001', 'sample'],
    ['sample=10&cursor=AAAA', 'sample'],
    ['sample=10&limit=10', 'sample'],
    ['servce=cart', 'servce'],
  ])('refuses %s and names the parameter', async (query, parameter) => {
    const { status, body } = await seeded.get(`/api/v1/traces?${query}`)
    expect(status).toBe(400)
    expect(body.error).toMatchObject({ code: 'invalid_parameter', parameter })
    expect(body.error.message).toContain(parameter)
  })
})

describe('a sample of traces', () => {
  beforeAll(() =>
    // Ten hours with 30 traces in each of their first 60 seconds, and one long trace over all of them.
    seeded.insertSpans(
      ...Array.from({ length: 300 }, (_, index) => ({
        trace: traceId(2000 + index),
        span: spanId(2000 + index),
        resource: 1,
        name: 'sampled',
        status: index % 30 === 0 ? 2 : 0,
        start: secondsAgo(1_000_000 + Math.floor(index / 30) * 3600 - (index % 30)),
        duration: seconds(0.1),
      })),
      ...Array.from({ length: 10 }, (_, index) => ({
        trace: traceId(3000),
        span: spanId(3000 + index),
        resource: 2,
        name: 'sampled',
        start: secondsAgo(1_000_000 + index * 3600 - 40),
      })),
    ),
  )
  const range = `from=${nowMillis - 1_032_400_000}&to=${nowMillis - 996_400_000}`
  const startsOf = (body: { traces: { matchedSpan: { startTimeUnixNano: string } }[] }): number[] =>
    body.traces.map(({ matchedSpan }) => Number(BigInt(matchedSpan.startTimeUnixNano) / 1_000_000n))

  it('takes as many of each interval, newest first, each trace once', async () => {
    // 120 in 60 intervals of ten minutes: two of each.
    const { ids, body } = await search(`${range}&sample=120`)
    expect(body).toMatchObject({ nextCursor: null, isComplete: true })
    expect(new Set(ids).size).toBe(ids.length)
    const starts = startsOf(body)
    expect(starts).toEqual(starts.toSorted((a, b) => b - a))
    const hours = Map.groupBy(starts, (start) => Math.ceil((nowMillis - 996_400_000 - start) / 3_600_000))
    expect(hours.size).toBe(10)
    for (const hour of hours.values()) expect(hour).toHaveLength(2)
  })

  it('is the same for the same data, and part of a larger one', async () => {
    const small = await search(`${range}&sample=60`)
    expect((await search(`${range}&sample=60`)).ids).toEqual(small.ids)
    const large = await search(`${range}&sample=1200`)
    expect(large.ids).toEqual(expect.arrayContaining(small.ids))
    expect(small.ids).toHaveLength(10)
    expect(large.ids.length).toBeGreaterThan(180)
  })

  it('has all traces of a quiet range, and never more than asked for', async () => {
    expect((await search('from=now-5m&sample=2000')).ids).toEqual([traceId(1)])
    expect((await search(`${range}&sample=1`)).ids).toHaveLength(1)
    expect((await search(`${range}&sample=61`)).ids.length).toBeLessThanOrEqual(61)
  })

  it('goes by the same filters', async () => {
    const failed = await search(`${range}&sample=2000&status=error`)
    expect(failed.ids).toHaveLength(10)
    const fine = await search(`${range}&sample=2000&status=ok&service=storefront`)
    expect(fine.ids).toHaveLength(290)
    // The long trace counts where its first span in the range is.
    const long = await search(`${range}&sample=60&service=cart`)
    expect(long.ids).toEqual([traceId(3000)])
    expect(startsOf(long.body)).toEqual([nowMillis - 1_032_360_000])
  })

  it('is thinned where all traces are too many, and says so', async () => {
    let asked = 0
    const app = seeded.app({
      store: {
        ...seeded.store,
        query: (statement, options) => {
          asked += 1
          return asked === 2
            ? Promise.reject(new QueryStopped('over 6 s'))
            : seeded.store.query(statement, options)
        },
      },
    })
    const response = await app.request(`/api/v1/traces?${range}&sample=2000`)
    const thinned = (await response.json()) as { traces: { traceId: string }[]; isComplete: boolean }
    const { ids } = await search(`${range}&sample=2000`)
    expect(thinned.isComplete).toBe(false)
    expect(thinned.traces.length).toBeGreaterThan(0)
    expect(thinned.traces.length).toBeLessThan(100)
    expect(ids).toEqual(expect.arrayContaining(thinned.traces.map((trace) => trace.traceId)))
  })
})

describe('one trace', () => {
  it('is given whole, with what was sent and what is missing', async () => {
    const { status, body } = await seeded.get(`/api/v1/traces/${traceId(1)}`)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      traceId: traceId(1),
      startTimeUnixNano: secondsAgo(60).toString(),
      durationNanos: 300_000_000,
      isTruncated: false,
    })
    expect(body.spans.map((span: { spanId: string }) => span.spanId)).toEqual([
      spanId(1),
      spanId(2),
      spanId(3),
    ])
    const [root, load, query] = body.spans
    expect(root).toMatchObject({
      parentSpanId: '',
      kind: 'Server',
      status: 'Unset',
      serviceName: 'storefront',
      podUid: 'uid-front',
      scope: { name: 'scope', version: '1.0' },
      isParentMissing: false,
    })
    expect(root.attributes).toEqual([
      { key: '10', value: 'ten', type: 'string' },
      { key: '9', value: 'nine', type: 'string' },
      { key: 'http.route', value: '/cart', type: 'string' },
      { key: 'retried', value: 'true', type: 'bool' },
    ])
    expect(load).toMatchObject({
      isOpen: false,
      status: 'Error',
      statusMessage: 'no stock',
      durationNanos: 100_000_000,
      podUid: 'cart-1',
      links: [{ traceId: traceId(9), spanId: spanId(9), attributes: [] }],
      events: [
        {
          timeUnixNano: secondsAgo(59.85).toString(),
          name: 'exception',
          attributes: [{ key: 'exception.message', value: "it's <b>", type: 'string' }],
        },
      ],
    })
    expect(query).toMatchObject({ isOpen: true, durationNanos: 0, isParentMissing: true, kind: 'Client' })
    expect(body.resources['1']).toMatchObject({
      serviceName: 'storefront',
      serviceNamespace: 'shop',
      environment: 'test',
    })
    expect(body.resources['1'].attributes).toContainEqual({ key: 'replicas', value: '3', type: 'int' })
    expect(Object.keys(body.pods).toSorted()).toEqual(['cart-1', 'uid-front'])
    expect(body.pods['cart-1']).toMatchObject({ name: 'cart-1', serviceName: 'cart', spanCount: 2 })
  })

  it('is found by an upper-case id, and not where one looks at another time', async () => {
    const id = traceId(700).toUpperCase()
    expect((await seeded.get(`/api/v1/traces/${id}`)).status).toBe(200)
    expect((await seeded.get(`/api/v1/traces/${id}?from=now-30d&to=now-20d`)).status).toBe(404)
  })

  it('that is not there is a 404, also where another tenant has it', async () => {
    for (const id of [traceId(12_345), traceId(900)]) {
      const { status, body } = await seeded.get(`/api/v1/traces/${id}`)
      expect(status).toBe(404)
      expect(body.error.code).toBe('not_found')
    }
    expect((await seeded.get('/api/v1/traces/xyz')).body.error.parameter).toBe('traceId')
  })

  it('gives of a trace of large spans the earliest, and of several each its share', async () => {
    const spansPerTrace = 60
    const idsOfLarge = ['ab'.repeat(16), 'cd'.repeat(16)]
    for (const id of idsOfLarge)
      await seeded.store.command(sql`
        INSERT INTO spans (tenant, trace_id, span_ids, start_time, name, resource_id, service_name, attributes, ingested_at)
        SELECT 'default', toFixedString(${sql.bytes(Buffer.from(id, 'hex'))}, 16),
          toFixedString(concat(reinterpretAsFixedString(number + 1), unhex('0000000000000000')), 16),
          fromUnixTimestamp64Nano(${sql.int64(secondsAgo(40_000))} + number, 'UTC'), 'large', 1, 'large',
          map('number', toString(number), 'text', repeat('large ', 250000)), now()
        FROM numbers(${sql.uint64(spansPerTrace)})`)
    const numbersOf = (spans: { attributes: { key: string; value: string }[] }[]): number[] =>
      spans.map(({ attributes }) => Number(attributes.find(({ key }) => key === 'number')?.value))
    const earliest = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

    const { status, body } = await seeded.get(`/api/v1/traces/${idsOfLarge[0]}`)
    expect(status).toBe(200)
    expect(body.isTruncated).toBe(true)
    expect(body.spans.length).toBeGreaterThan(40)
    expect(body.spans.length).toBeLessThan(spansPerTrace)
    expect(numbersOf(body.spans)).toEqual(earliest(body.spans.length))

    const found = await createTraceStore(seeded.store).getTraces({ tenant: 'default' }, idsOfLarge, {
      spansMax: 1000,
    })
    expect(found.map(({ traceId: id, isTruncated }) => [id, isTruncated])).toEqual(
      idsOfLarge.map((id) => [id, true]),
    )
    for (const { spans } of found) {
      expect(spans.length).toBeGreaterThan(20)
      expect(numbersOf(spans)).toEqual(earliest(spans.length))
    }
    const listed = await createTraceStore(seeded.store).getTraces({ tenant: 'default' }, idsOfLarge, {
      spansMax: 3,
    })
    expect(listed.map(({ spans }) => numbersOf(spans))).toEqual([earliest(3), earliest(3)])
  })

  it('takes long filters by attributes, and says where they are too long together', async () => {
    const filters = (count: number): string =>
      Array.from(
        { length: count },
        (_, n) => `attribute=${encodeURIComponent(`k${n}=${'결'.repeat(1000)}`)}`,
      ).join('&')
    for (const path of ['traces', 'logs']) {
      expect((await seeded.get(`/api/v1/${path}?${filters(10)}`)).status).toBe(200)
      const { status, body } = await seeded.get(`/api/v1/${path}?${filters(15)}`)
      expect(status).toBe(400)
      expect(body.error).toMatchObject({ code: 'invalid_parameter', parameter: 'attribute' })
      expect(body.error.message).toContain('more than 32768 bytes together')
    }
  })

  it('of more spans than can be given is cut to its earliest', async () => {
    await seeded.store.command(
      // 20 005 spans, a microsecond apart, their ids in no order.
      sql`
        INSERT INTO spans (tenant, trace_id, span_ids, start_time, name, resource_id, ingested_at)
        SELECT 'default', toFixedString(unhex('000000000000000000000000000fffff'), 16), toFixedString(reinterpretAsString(cityHash64(number)), 8),
          fromUnixTimestamp64Nano(toInt64('1760000000000000000') + number * 1000, 'UTC'), toString(number), 1, now() FROM numbers(20005)`,
    )
    const { body } = await seeded.get(`/api/v1/traces/${'fffff'.padStart(32, '0')}`)
    expect(body.isTruncated).toBe(true)
    expect(body.spans).toHaveLength(20_000)
    expect(body.spans.at(-1).name).toBe('19999')
  })
})

describe('logs of a trace', () => {
  it('come by time, with the service and pod that wrote them', async () => {
    await seeded.insertLogs(
      { time: secondsAgo(59), resource: 2, trace: traceId(1), span: spanId(2), body: 'second', severity: 17 },
      { time: secondsAgo(59.5), resource: 2, trace: traceId(1), body: 'first', attributes: { a: '1' } },
      { time: secondsAgo(59.5), resource: 2, body: 'of no trace' },
    )
    const { body } = await seeded.get(`/api/v1/traces/${traceId(1)}/logs`)
    expect(body.isTruncated).toBe(false)
    expect(body.logs).toEqual([
      expect.objectContaining({
        body: 'first',
        serviceName: 'cart',
        podUid: 'cart-1',
        spanId: '',
        attributes: [{ key: 'a', value: '1', type: 'string' }],
      }),
      expect.objectContaining({ body: 'second', spanId: spanId(2), severityNumber: 17, traceId: traceId(1) }),
    ])
    const cut = await seeded.get(`/api/v1/traces/${traceId(1)}/logs?limit=1`)
    expect(cut.body).toMatchObject({ isTruncated: true, logs: [{ body: 'first' }] })
  })
})

describe('tenants and tokens', () => {
  it('show a token what its tenant has, and nothing without one', async () => {
    const app = seeded.app({ apiTokens: new Map([['token-of-the-other-tenant', 'other']]) })
    const path = `/api/v1/traces?from=${nowMillis - 300_000}`
    const refused = await app.request(path)
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe('Basic realm="aftertrace", charset="UTF-8"')
    expect((await app.request(path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401)
    const basic = Buffer.from('anybody:token-of-the-other-tenant').toString('base64')
    for (const authorization of ['Bearer token-of-the-other-tenant', `Basic ${basic}`]) {
      const response = await app.request(path, { headers: { authorization } })
      const { traces } = (await response.json()) as { traces: { traceId: string }[] }
      expect(traces.map((trace) => trace.traceId)).toEqual([traceId(900)])
    }
    expect((await app.request('/livez')).status).toBe(200)
  })
})
