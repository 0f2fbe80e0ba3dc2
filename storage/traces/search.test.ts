import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededIntegers } from '../../test/harness/seeded-random.ts'
import { type QueryOptions, type Store, QueryStopped } from '../connection.ts'
import type { TimeRange } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'
import { type SeededStore, type SpanSeed, openSeededStore } from '../../test/harness/seeded-store.ts'
import { createTraceStore } from './create-trace-store.ts'
import type { FoundTrace, SpanFilters, TracePosition, TraceSearch } from './trace-store.ts'

const nanosPerMilli = 1_000_000n
const nanosPerMinute = 60_000n * nanosPerMilli
const nanosPerDay = 1440n * nanosPerMinute
/** Traces start around midnight, so that they reach over the borders of days and of five minutes. */
const midnight = BigInt(Date.UTC(2026, 10, 20)) * nanosPerMilli
const everything = { fromNanos: midnight - 10n * nanosPerDay, toNanos: midnight + 2n * nanosPerDay }

const resources = [
  {
    id: 1,
    tenant: 'default',
    service: 'cart',
    namespace: 'shop',
    environment: 'test',
    uid: 'uid-1',
    pod: 'cart-1',
    region: 'north',
  },
  {
    id: 2,
    tenant: 'default',
    service: 'cart',
    namespace: '',
    environment: 'live',
    uid: '',
    pod: 'cart-2',
    region: 'south',
  },
  {
    id: 3,
    tenant: 'default',
    service: 'till',
    namespace: 'shop',
    environment: 'test',
    uid: 'uid-3',
    pod: 'till-1',
    region: 'north',
  },
  {
    id: 4,
    tenant: 'other',
    service: 'cart',
    namespace: 'shop',
    environment: 'test',
    uid: 'uid-4',
    pod: 'cart-1',
    region: 'north',
  },
]
type ModelSpan = SpanSeed & {
  tenant: string
  duration: bigint
  isOpen: boolean
  status: number
  kind: number
  parent: string
  attributes: Record<string, string>
}

/** What the contract in trace-store.ts says, by looking at every row. */
const searchModel = (
  rows: readonly ModelSpan[],
  tenant: string,
  { range, filters }: Pick<TraceSearch, 'range' | 'filters'>,
): TracePosition[] => {
  const best = new Map<string, ModelSpan>()
  for (const row of rows.filter((candidate) => candidate.tenant === tenant)) {
    const other = best.get(row.trace + row.span)
    if (other === undefined || (other.isOpen && !row.isOpen)) best.set(row.trace + row.span, row)
  }
  const matching = [...best.values()].filter(
    (span) => span.start >= range.fromNanos && span.start < range.toNanos && meets(span, filters),
  )
  return [...Map.groupBy(matching, (span) => span.trace)]
    .filter(([, spans]) => filters.status !== 'ok' || spans.every((span) => span.status !== 2))
    .map(([traceId, spans]) => ({
      traceId,
      startNanos: spans.reduce((min, { start }) => (start < min ? start : min), range.toNanos),
    }))
    .toSorted((a, b) => compare(b.startNanos, a.startNanos) || compare(b.traceId, a.traceId))
}

const compare = <T extends bigint | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

const meets = (span: ModelSpan, filters: SpanFilters): boolean => {
  const resource = resources.find(({ id }) => id === span.resource)
  const { minDurationNanos, maxDurationNanos, attributes = [], pod } = filters
  return (
    resource !== undefined &&
    (filters.service === undefined || resource.service === filters.service) &&
    (filters.namespace === undefined || resource.namespace === filters.namespace) &&
    (filters.environment === undefined || resource.environment === filters.environment) &&
    (pod === undefined || resource.uid === pod || resource.pod === pod) &&
    (filters.operation === undefined || span.name === filters.operation) &&
    (filters.kind === undefined || span.kind === filters.kind) &&
    (filters.status !== 'error' || span.status === 2) &&
    (filters.root !== true || span.parent === '') &&
    (minDurationNanos === undefined || span.duration >= minDurationNanos) &&
    (maxDurationNanos === undefined || (!span.isOpen && span.duration <= maxDurationNanos)) &&
    attributes.every(
      ({ key, value }) => span.attributes[key] === value || (key === 'region' && resource.region === value),
    )
  )
}

type Integers = ReturnType<typeof seededIntegers>

const pick = <T>(integers: Integers, items: readonly T[]): T => items[integers(items.length)] as T

/** Short traces and long ones, some with equal last bytes, some in one millisecond or nanosecond, some of both tenants. */
const makeSpans = (integers: Integers, traceCount: number): ModelSpan[] => {
  const hex = (bytes: number): string =>
    Array.from({ length: bytes }, () => integers(256).toString(16).padStart(2, '0')).join('')
  const spans: ModelSpan[] = []
  const ids: string[] = []
  const idsOfOne: string[] = []
  for (let index = 0; index < traceCount; index++) {
    const ending = integers(4) === 0 && index > 0 ? pick(integers, ids).slice(24) : hex(4)
    const isOfBoth = integers(8) === 0 && idsOfOne.length > 0
    const trace = isOfBoth ? (idsOfOne.pop() ?? '') : hex(12) + ending
    ids.push(trace)
    if (!isOfBoth) idsOfOne.push(trace)
    const tenant = isOfBoth ? 'other' : 'default'
    const start = midnight + startOffset(integers)
    const reach = pick(integers, [
      1n,
      nanosPerMilli,
      nanosPerMinute,
      7n * nanosPerMinute,
      300n * nanosPerMinute,
    ])
    const root = hex(8)
    const rest = Array.from({ length: integers(6) }, () => ({
      span: hex(8),
      parent: root,
      start: start + (reach * BigInt(integers(1000))) / 1000n,
    }))
    for (const place of [{ span: root, parent: '', start }, ...rest]) {
      const span: ModelSpan = {
        ...place,
        tenant,
        trace,
        resource: pick(
          integers,
          resources.filter((resource) => resource.tenant === tenant),
        ).id,
        name: pick(integers, ['load', 'store', 'GET /']),
        kind: integers(7),
        status: pick(integers, [0, 0, 0, 1, 2]),
        // A long trace's root lasts as long as it does.
        duration:
          place.span === root && reach > nanosPerMinute
            ? reach
            : 1000n * 2n ** BigInt(integers(24)) + BigInt(integers(2)) - 1n,
        isOpen: false,
        attributes: {
          color: pick(integers, ['red', 'green', 'blue']),
          ...(integers(40) === 0 && { 'rare.key': 'rare' }),
        },
      }
      // Roots of long traces mostly never arrived.
      const isMissing = place.span === root && rest.length > 0 && reach > nanosPerMinute && integers(3) > 0
      if (isMissing) continue
      if (integers(4) === 0) spans.push({ ...span, isOpen: true, duration: 0n, status: 0, attributes: {} })
      if (integers(10) > 0) spans.push(span)
    }
  }
  return spans
}

const startOffset = (integers: Integers): bigint => {
  const minute = BigInt(integers(40) - 20) * nanosPerMinute
  switch (integers(6)) {
    case 0:
      return 4n * nanosPerMilli + BigInt(integers(3))
    case 1:
      return -1n - BigInt(integers(2))
    case 2:
      return minute
    case 3:
      return -BigInt(integers(9 * 1440)) * nanosPerMinute
    default:
      return minute + BigInt(integers(60_000)) * nanosPerMilli + BigInt(integers(1_000_000))
  }
}

const makeFilters = (integers: Integers): SpanFilters => {
  const maybe = <T extends object>(share: number, filters: () => T): Partial<T> =>
    integers(share) === 0 ? filters() : {}
  return {
    ...maybe(2, () => ({ service: pick(integers, ['cart', 'till']) })),
    ...maybe(6, () => ({ namespace: pick(integers, ['shop', '']) })),
    ...maybe(6, () => ({ environment: pick(integers, ['test', 'live']) })),
    ...maybe(4, () => ({ operation: pick(integers, ['load', 'store', 'nothing']) })),
    ...maybe(5, () => ({ kind: integers(7) })),
    ...maybe(4, () => ({ status: pick(integers, ['error', 'ok'] as const) })),
    ...maybe(4, () => ({ root: true })),
    ...maybe(4, () => ({ minDurationNanos: 1000n * 2n ** BigInt(integers(24)) })),
    ...maybe(4, () => ({ maxDurationNanos: 1000n * 2n ** BigInt(integers(24)) })),
    ...maybe(5, () => ({
      attributes: [
        pick(integers, [
          { key: 'color', value: 'red' },
          { key: 'region', value: 'north' },
          { key: 'rare.key', value: 'rare' },
        ]),
      ],
    })),
    ...maybe(8, () => ({ pod: pick(integers, ['uid-1', 'cart-2', 'till-1']) })),
  }
}

let seeded: SeededStore

beforeAll(async () => {
  seeded = await openSeededStore()
  for (const { id, tenant, service, namespace, environment, uid, pod, region } of resources)
    await seeded.insertResource({
      id,
      tenant,
      attributes: {
        'service.name': service,
        'service.namespace': namespace,
        'deployment.environment.name': environment,
        'k8s.pod.uid': uid,
        'k8s.pod.name': pod,
        region,
      },
    })
})
afterAll(() => seeded.close())

type Search = Pick<TraceSearch, 'range' | 'filters'>

/** All pages, each of another size, until nothing is left. */
const walk = async (
  search: Search,
  {
    nextLimit,
    tenant = 'default',
    store = seeded.store,
  }: { nextLimit: () => number; tenant?: string; store?: Store },
): Promise<FoundTrace[]> => {
  const traces = createTraceStore(store)
  const found: FoundTrace[] = []
  let after: TracePosition | undefined
  let searchedFrom = search.range.toNanos
  for (;;) {
    const limit = nextLimit()
    const page = await traces.searchTraces({ tenant }, { ...search, limit, after })
    expect(page.isComplete).toBe(true)
    expect(page.traces.length).toBeLessThanOrEqual(limit)
    expect(page.searchedFromNanos).toBeLessThanOrEqual(searchedFrom)
    searchedFrom = page.searchedFromNanos
    found.push(...page.traces)
    if (page.next === undefined) break
    expect(page.traces).toHaveLength(limit)
    after = page.next
  }
  expect(searchedFrom).toBe(search.range.fromNanos)
  return found
}

const idsOf = (traces: readonly { traceId: string }[]): string[] => traces.map(({ traceId }) => traceId)

describe('a search, compared with looking at every row', () => {
  const integers = seededIntegers(20_261_120)
  const spans = makeSpans(integers, 180)
  beforeAll(() => seeded.insertSpans(...spans))

  const edge = (): bigint => pick(integers, spans).start + BigInt(integers(3) - 1)
  const makeRange = (): TimeRange => {
    const [a, b] = [edge(), edge()]
    if (integers(3) > 0 || a === b) return everything
    return a < b ? { fromNanos: a, toNanos: b } : { fromNanos: b, toNanos: a }
  }

  it('finds every trace in its place once, whatever the filters, the range and the sizes of pages', async () => {
    let foundCount = 0
    for (let round = 0; round < 32; round++) {
      const search = { range: makeRange(), filters: makeFilters(integers) }
      const tenant = integers(6) === 0 ? 'other' : 'default'
      const expected = idsOf(searchModel(spans, tenant, search))
      const sizeMax = pick(integers, [20, 60, 500])
      const nextLimit = (): number => sizeMax / 2 + integers(sizeMax / 2)
      expect({ search, found: idsOf(await walk(search, { nextLimit, tenant })) }).toEqual({
        search,
        found: expected,
      })
      foundCount += expected.length
    }
    expect(foundCount).toBeGreaterThan(300)
  })

  it('goes on with less where a slice takes too long', async () => {
    let asked = 0
    const store: Store = {
      ...seeded.store,
      query: (statement, options) => {
        asked += 1
        return [1, 2, 4, 9].includes(asked) && statement.text.includes('ORDER BY')
          ? Promise.reject(new QueryStopped('over 5 s'))
          : seeded.store.query(statement, options)
      },
    }
    for (const filters of [{ service: 'cart' }, { operation: 'load' }]) {
      asked = 0
      const search = { range: everything, filters }
      const found = await walk(search, { nextLimit: () => 60, store })
      expect(idsOf(found)).toEqual(idsOf(searchModel(spans, 'default', search)))
    }
  })

  it('tells what it has, and where to go on, when time is up', async () => {
    const tooSlow = createTraceStore({
      ...seeded.store,
      query: () => Promise.reject(new QueryStopped('over 5 s')),
    })
    const search = { range: everything, filters: { service: 'cart' }, limit: 10 }
    expect(await tooSlow.searchTraces({ tenant: 'default' }, search)).toEqual({
      traces: [],
      next: { startNanos: everything.toNanos, traceId: '' },
      isComplete: false,
      searchedFromNanos: everything.toNanos,
    })
  })

  it('ends where time began', async () => {
    const range = { fromNanos: -nanosPerDay, toNanos: nanosPerDay }
    const page = await createTraceStore(seeded.store).searchTraces(
      { tenant: 'default' },
      { range, filters: { service: 'cart' }, limit: 10 },
    )
    expect(page).toEqual({
      traces: [],
      next: undefined,
      isComplete: true,
      searchedFromNanos: range.fromNanos,
    })
  })

  it('stops between slices when nobody waits any more', async () => {
    const caller = new AbortController()
    let asked = 0
    const traces = createTraceStore({
      ...seeded.store,
      query: async (statement, options) => {
        asked += 1
        const rows = await seeded.store.query<never>(statement, options)
        caller.abort()
        return rows
      },
    })
    const scope = { tenant: 'default', signal: caller.signal }
    const search = { range: everything, filters: { service: 'nobody' }, limit: 10 }
    await expect(traces.searchTraces(scope, search)).rejects.toThrow(QueryStopped)
    expect(asked).toBe(2)
  })

  it('samples the lowest keys of each interval', async () => {
    for (const [filters, count] of [
      [{}, 30],
      [{ service: 'cart' }, 150],
      [{ status: 'ok' }, 40],
      [{ attributes: [{ key: 'color', value: 'red' }] }, 61],
      [{ maxDurationNanos: 100_000n }, 50],
    ] as const) {
      const range = { fromNanos: midnight - nanosPerDay, toNanos: midnight + nanosPerDay }
      const expected = sampleModel(searchModel(spans, 'default', { range, filters }), range, count)
      const sample = await createTraceStore(seeded.store).sampleTraces(
        { tenant: 'default' },
        { range, filters, count },
      )
      expect(sample.isComplete).toBe(true)
      expect(idsOf(sample.traces)).toEqual(expected)
    }
  })

  it('tells the same of a trace whether the engine counts it or not', async () => {
    const search = { range: everything, filters: {} }
    const found = await walk(search, { nextLimit: () => 500 })
    const sample = await createTraceStore(seeded.store).sampleTraces(
      { tenant: 'default' },
      { ...search, count: 2000 },
    )
    const inOrder = (traces: readonly FoundTrace[]): FoundTrace[] =>
      traces
        .map((trace) => ({
          ...trace,
          parts: trace.parts.toSorted((a, b) =>
            compare(a.resource?.resourceId ?? '', b.resource?.resourceId ?? ''),
          ),
        }))
        .toSorted((a, b) => compare(a.traceId, b.traceId))
    const sampled = new Set(idsOf(sample.traces))
    expect(sampled.size).toBeGreaterThan(50)
    expect(inOrder(sample.traces)).toEqual(inOrder(found.filter(({ traceId }) => sampled.has(traceId))))
  })
})

const sampleModel = (positions: readonly TracePosition[], range: TimeRange, count: number): string[] => {
  const perInterval = Math.ceil(count / 60)
  const intervals = BigInt(Math.floor(count / perInterval))
  const nanos = (range.toNanos - range.fromNanos + intervals - 1n) / intervals
  const byInterval = Map.groupBy(positions, ({ startNanos }) => (startNanos - range.fromNanos) / nanos)
  const key = ({ traceId }: TracePosition): number => Buffer.from(traceId.slice(24), 'hex').readUInt32LE()
  const picked = new Set(
    [...byInterval.values()].flatMap((inInterval) =>
      inInterval.toSorted((a, b) => key(a) - key(b) || compare(a.traceId, b.traceId)).slice(0, perInterval),
    ),
  )
  return idsOf(positions.filter((position) => picked.has(position)))
}

describe('many spans at once', () => {
  const start = midnight - 30n * nanosPerDay
  const range = { fromNanos: start - nanosPerDay, toNanos: start + nanosPerDay }
  const traceCount = 3000
  const numberOf = (traceId: string): number => Number.parseInt(traceId.slice(16), 16)

  beforeAll(() =>
    // Each trace begins in the same millisecond, three in each nanosecond; every second one has a span a second later.
    seeded.store.command(sql`
      INSERT INTO spans (tenant, trace_id, span_ids, start_time, name, attributes, resource_id, service_name, ingested_at)
      SELECT 'default', toFixedString(concat(unhex('ffffffffffffffff'), unhex(leftPad(hex(number), 16, '0'))) , 16) AS id,
        toFixedString(concat(substring(id, 9, 8), unhex('0000000000000000')), 16),
        fromUnixTimestamp64Nano(${sql.int64(start)} + intDiv(number, 3) + later * 1000000000, 'UTC'),
        'crowded', map('crowd', 'yes'), 1, 'crowd', now()
      FROM (SELECT number, arrayJoin(if(number % 2 = 0, [0, 1], [0])) AS later FROM numbers(${sql.uint64(traceCount)}))`),
  )

  it.each([{ service: 'crowd' }, { attributes: [{ key: 'crowd', value: 'yes' }] }])(
    'are paged through in order: %j',
    async (filters) => {
      const sizes = seededIntegers(7)
      const found = await walk({ range, filters }, { nextLimit: () => 300 + sizes(200) })
      const expected = Array.from({ length: traceCount }, (_, number) => number).toSorted(
        (a, b) => Math.floor(b / 3) - Math.floor(a / 3) || b - a,
      )
      expect(found.map(({ traceId }) => numberOf(traceId))).toEqual(expected)
    },
  )

  it('are counted in a trace that has more than are carried out of the engine', async () => {
    const traceId = 'ee'.repeat(16)
    await seeded.store.command(sql`
      INSERT INTO spans (tenant, trace_id, span_ids, start_time, duration_nanos, name, status_code, resource_id, service_name, ingested_at)
      SELECT 'default', toFixedString(unhex('eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'), 16),
        toFixedString(concat(unhex(leftPad(hex(number + 1), 16, '0')), if(number = 0, unhex('0000000000000000'), unhex('0000000000000001'))), 16),
        fromUnixTimestamp64Nano(${sql.int64(start - nanosPerMinute)} + number, 'UTC'), 1000, 'large', if(number % 100 = 7, 2, 0), 1, 'large', now()
      FROM numbers(20500)`)
    const [found] = await walk({ range, filters: { service: 'large' } }, { nextLimit: () => 20 })
    expect(found).toMatchObject({
      traceId,
      startTimeUnixNano: (start - nanosPerMinute).toString(),
      durationNanos: 20_499 + 1000,
      hasRoot: true,
      spanCount: 20_500,
      errorCount: 205,
      matched: { operation: 'large', isError: false },
    })
  })

  it('are left for the next page where a crowd takes too long', async () => {
    const store: Store = {
      ...seeded.store,
      query: (statement, options) =>
        statement.text.includes('ORDER BY max(start_time)')
          ? Promise.reject(new QueryStopped('over 5 s'))
          : seeded.store.query(statement, options),
    }
    const search = { range, filters: { service: 'crowd' }, limit: 1 }
    const page = await createTraceStore(store).searchTraces({ tenant: 'default' }, search)
    expect(page).toMatchObject({ traces: [], isComplete: false })
    expect(page.next?.startNanos).toBe(start + 1001n * nanosPerMilli)
  })

  it('are found in a trace that goes on for months', async () => {
    const count = 90 * 288
    const first = start - 90n * nanosPerDay
    await seeded.store.command(sql`
      INSERT INTO spans (tenant, trace_id, span_ids, start_time, name, resource_id, service_name, ingested_at)
      SELECT 'default', toFixedString(unhex('cccccccccccccccccccccccccccccccc'), 16),
        toFixedString(concat(reinterpretAsFixedString(number + 1), unhex('0000000000000000')), 16),
        fromUnixTimestamp64Nano(${sql.int64(first)} + number * 300000000000, 'UTC'), 'tick', 1, 'endless', now()
      FROM numbers(${sql.uint64(count)}) SETTINGS max_partitions_per_insert_block = 100`)
    const found = await walk(
      { range: { fromNanos: first, toNanos: start }, filters: { service: 'endless' } },
      { nextLimit: () => 20 },
    )
    expect(found).toMatchObject([{ startTimeUnixNano: first.toString(), spanCount: count }])
  })

  it('are let go once their traces were looked at', async () => {
    const traceCount = 200
    const spanCount = 450
    const begin = start - 2n * nanosPerMinute
    await seeded.store.command(sql`
      INSERT INTO spans (tenant, trace_id, span_ids, start_time, name, resource_id, service_name, ingested_at)
      SELECT 'default', toFixedString(concat(unhex('dddddddddddddddddddddddd'), reinterpretAsFixedString(toUInt32(number % ${sql.uint64(traceCount)}))), 16),
        toFixedString(concat(reinterpretAsFixedString(number + 1), unhex('0000000000000000')), 16),
        fromUnixTimestamp64Nano(${sql.int64(begin)} + number, 'UTC'), 'held', 1, 'held', now()
      FROM numbers(${sql.uint64(traceCount * spanCount)})`)
    setFlagsFromString('--expose-gc')
    const collectGarbage: () => void = runInNewContext('gc')
    const given: WeakRef<object>[] = []
    let heldMax = 0
    const store: Store = {
      ...seeded.store,
      query: async <Row>(statement: Sql, options?: QueryOptions): Promise<Row[]> => {
        collectGarbage()
        heldMax = Math.max(heldMax, given.filter((rows) => rows.deref() !== undefined).length)
        const rows = await seeded.store.query<Row>(statement, options)
        if (rows.length > 5000 && statement.text.includes('duration_nanos'))
          given.push(new WeakRef(rows[0] as object))
        return rows
      },
    }
    const found = await walk({ range, filters: { service: 'held' } }, { nextLimit: () => 300, store })
    expect(found.map((trace) => trace.spanCount)).toEqual(Array.from({ length: traceCount }, () => spanCount))
    expect(given.length).toBeGreaterThan(5)
    expect(heldMax).toBeLessThan(given.length / 2)
  })
})

describe('long traces side by side', () => {
  const traceCount = 60
  const spansPerTrace = 700
  const begin = midnight - 60n * nanosPerDay
  const stepNanos = 70n * nanosPerMilli
  const range = { fromNanos: begin - nanosPerDay, toNanos: begin + nanosPerDay }
  const idOf = (number: number): string =>
    'bb'.repeat(12) + Buffer.from(Uint32Array.of(number).buffer).toString('hex')
  /** It has the key of a long one, and begins when all of these have. */
  const stranger = 'aa'.repeat(12) + idOf(7).slice(24)

  beforeAll(async () => {
    await seeded.store.command(sql`
      INSERT INTO spans (tenant, trace_id, span_ids, start_time, name, resource_id, service_name, attributes, ingested_at)
      SELECT 'default', toFixedString(concat(unhex('bbbbbbbbbbbbbbbbbbbbbbbb'), reinterpretAsFixedString(toUInt32(number % ${sql.uint64(traceCount)}))), 16),
        toFixedString(concat(reinterpretAsFixedString(number + 1), unhex('0000000000000001')), 16),
        fromUnixTimestamp64Nano(${sql.int64(begin)} + number * ${sql.int64(stepNanos)}, 'UTC'), 'long', 1, 'long', map('length', 'long'), now()
      FROM numbers(${sql.uint64(traceCount * spansPerTrace)})`)
    await seeded.store.command(sql`
      INSERT INTO spans (tenant, trace_id, span_ids, start_time, name, resource_id, service_name, attributes, ingested_at)
      SELECT 'default', toFixedString(${sql.bytes(Buffer.from(stranger, 'hex'))}, 16), toFixedString(${sql.bytes(Buffer.from(`${'01'.repeat(8)}${'00'.repeat(8)}`, 'hex'))}, 16),
        ${sql.dateTime64(begin + 20n * nanosPerMinute)}, 'long', 1, 'long', map('length', 'long'), now()`)
  })

  const expected = [stranger, ...Array.from({ length: traceCount }, (_, n) => idOf(traceCount - 1 - n))]

  it.each([
    [{ service: 'long' }, 1],
    [{ service: 'long' }, 20],
    [{ attributes: [{ key: 'length', value: 'long' }] }, 20],
  ])('give a page in their order without being read over and over: %j, %d', async (filters, limit) => {
    let rowCount = 0
    const store: Store = {
      ...seeded.store,
      query: async <Row>(statement: Sql, options?: QueryOptions): Promise<Row[]> => {
        const rows = await seeded.store.query<Row>(statement, options)
        rowCount += rows.length
        return rows
      },
    }
    const page = await createTraceStore(store).searchTraces({ tenant: 'default' }, { range, filters, limit })
    expect(page.isComplete).toBe(true)
    expect(idsOf(page.traces)).toEqual(expected.slice(0, limit))
    expect(page.traces.at(-1)?.spanCount).toBe(limit === 1 ? 1 : spansPerTrace)
    expect(rowCount).toBeLessThan(1.5 * traceCount * spansPerTrace)
    const rest = await walk({ range, filters }, { nextLimit: () => 25 })
    expect(idsOf(rest)).toEqual(expected)
  })
})

describe('rare traces over months', () => {
  const ends = Array.from({ length: 8 }, (_, n) => midnight - BigInt(400 + 20 * n) * nanosPerDay)
  const range = { fromNanos: midnight - 700n * nanosPerDay, toNanos: midnight - 390n * nanosPerDay }
  const idOf = (n: number): string => `${n}`.padStart(32, '9')
  const search = { range, filters: { service: 'till', operation: 'rare' }, limit: 20 }

  beforeAll(async () => {
    for (const [n, start] of ends.entries())
      await seeded.insertSpans({
        trace: idOf(n),
        span: '02'.repeat(8),
        parent: '03'.repeat(8),
        start,
        name: 'rare',
        resource: 3,
      })
  })

  const idsIn = ({ text }: Sql): number => ends.filter((_, n) => text.includes(`'${idOf(n)}'`)).length

  it('are each looked for where they were found', async () => {
    const counts: number[] = []
    const store: Store = {
      ...seeded.store,
      query: (statement, options) => {
        counts.push(idsIn(statement))
        return seeded.store.query(statement, options)
      },
    }
    expect(idsOf(await walk(search, { nextLimit: () => 20, store }))).toEqual(ends.map((_, n) => idOf(n)))
    expect(Math.max(...counts)).toBe(1)
    expect(counts.filter((count) => count > 0)).toHaveLength(ends.length)
  })

  it('are given as far as they were looked at when time is up', async () => {
    let looks = 0
    const store: Store = {
      ...seeded.store,
      query: (statement, options) =>
        idsIn(statement) > 0 && ++looks > 3
          ? Promise.reject(new QueryStopped('over 10 s'))
          : seeded.store.query(statement, options),
    }
    const page = await createTraceStore(store).searchTraces({ tenant: 'default' }, search)
    expect(page).toMatchObject({ isComplete: false })
    expect(idsOf(page.traces)).toEqual([0, 1, 2].map(idOf))
    expect(page.searchedFromNanos).toBeGreaterThan(ends[3] ?? 0n)
    const rest = await createTraceStore(seeded.store).searchTraces(
      { tenant: 'default' },
      { ...search, after: page.next },
    )
    expect(idsOf(rest.traces)).toEqual([3, 4, 5, 6, 7].map(idOf))
  })
})
