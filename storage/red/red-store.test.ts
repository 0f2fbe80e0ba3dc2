import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bucketDurationNanos, durationBucket, durationBucketCount } from '#telemetry/duration-buckets.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { samplingThreshold, spansPerSample } from '#telemetry/sampling.ts'
import { type Pipeline, startPipeline } from '../../test/harness/pipeline.ts'
import { seededIntegers, seededRandom } from '../../test/harness/seeded-random.ts'
import type { Store } from '../connection.ts'
import type { TimeRange } from '../read-scope.ts'
import { type Latency, type RedStore, createRedStore } from './red-store.ts'
import { type Sql, sql } from '../sql.ts'

const scope = { tenant: 'default' }
const nanosPerSecond = 1_000_000_000n
const hourNanos = 3600n * nanosPerSecond
/** 2026-11-18T00:00:00Z */
const start = BigInt(Date.UTC(2026, 10, 18)) * 1_000_000n
const rangeAfter = (fromSeconds: number, toSeconds: number): TimeRange => ({
  fromNanos: start + BigInt(fromSeconds) * nanosPerSecond,
  toNanos: start + BigInt(toSeconds) * nanosPerSecond,
})

let pipeline: Pipeline
let store: Store
let red: RedStore

beforeAll(async () => {
  pipeline = await startPipeline()
  store = pipeline.store
  red = createRedStore(store)
})
afterAll(() => pipeline.stop())

interface SpanGroup {
  service: string
  operation?: string
  kind?: number
  tenant?: string
  namespace?: string
  environment?: string
  version?: string
  traceState?: string
  isOpen?: boolean
  isError?: boolean
  /** Of the first; the others follow evenly until `spreadSeconds` later. */
  atSeconds: number
  spreadSeconds?: number
  durations: readonly (number | bigint)[]
}

const insertSpans = (group: SpanGroup): Promise<void> => {
  const { durations, spreadSeconds = 0 } = group
  const stepNanos = Math.floor((spreadSeconds * 1e9) / durations.length)
  const text = (value: string | undefined): Sql => sql.string(value ?? '')
  return store.command(sql`
    INSERT INTO spans (tenant, trace_id, span_ids, trace_state, sampling_threshold, start_time, duration_nanos, is_open,
      name, kind, status_code, service_name, service_namespace, environment, service_version, ingested_at)
    SELECT ${sql.string(group.tenant ?? 'default')}, toFixedString(toString(index), 16), toFixedString(toString(index), 16),
      ${text(group.traceState)}, ${sql.uint64(samplingThreshold(group.traceState ?? ''))},
      ${sql.dateTime64(start + BigInt(group.atSeconds) * nanosPerSecond)} + toIntervalNanosecond((index - 1) * ${sql.int64(stepNanos)}),
      duration, ${sql.bool(group.isOpen ?? false)}, ${sql.string(group.operation ?? 'work')}, ${sql.int64(group.kind ?? 2)},
      ${sql.int64(group.isError === true ? 2 : 0)}, ${sql.string(group.service)}, ${text(group.namespace)},
      ${text(group.environment)}, ${text(group.version)}, now64(3)
    FROM (SELECT CAST(${sql.string(`[${durations.join(',')}]`)}, 'Array(Int64)') AS list)
    ARRAY JOIN list AS duration, arrayEnumerate(list) AS index`)
}

const serviceNamed = async (name: string, range: TimeRange) => {
  const { services } = await red.redOfServices(scope, range, { service: name })
  expect(services).toHaveLength(1)
  return services[0]?.requests ?? expect.fail()
}

const told = (durationNanos: number): number => Math.round(bucketDurationNanos(durationBucket(durationNanos)))
const toldLatency = (durationNanos: number): Latency => ({
  p50: told(durationNanos),
  p95: told(durationNanos),
  p99: told(durationNanos),
})
const millis = (count: number): number => count * 1_000_000

describe('duration buckets', () => {
  it('are the same where they are counted as where they are read', async () => {
    const below = seededIntegers(11)
    const atBounds = Array.from({ length: durationBucketCount + 1 }, (_, bucket) => {
      const bound = BigInt(Math.round(1000 * 2 ** (bucket / 20)))
      return [bound - 2n, bound - 1n, bound, bound + 1n, bound + 2n]
    })
    const powers = Array.from({ length: 63 }, (_, power) => 2n ** BigInt(power))
    const anywhere = Array.from(
      { length: 3000 },
      () => (BigInt(below(2 ** 31)) * 2n ** 32n + BigInt(below(2 ** 32))) >> BigInt(below(63)),
    )
    const durations = [
      0n,
      1n,
      999n,
      1001n,
      -1n,
      -(2n ** 63n),
      2n ** 63n - 1n,
      2n ** 53n + 1n,
      ...powers.flatMap((power) => [power - 1n, power, power + 1n]),
      ...atBounds.flat(),
      ...anywhere,
    ]
    await insertSpans({ service: 'bounds', atSeconds: 0, spreadSeconds: durations.length, durations })
    const rows = await store.query<{ duration: string; counted: number }>(sql`
      SELECT toString(spans.duration_nanos) AS duration, searched.duration_bucket AS counted
      FROM (SELECT start_time, duration_bucket FROM span_search WHERE service_name = 'bounds') AS searched
      INNER JOIN (SELECT start_time, duration_nanos FROM spans WHERE service_name = 'bounds') AS spans
        ON toDateTime64(spans.start_time, 3, 'UTC') = searched.start_time`)
    expect(rows).toHaveLength(durations.length)
    const differing = rows.filter(({ duration, counted }) => durationBucket(Number(duration)) !== counted)
    expect(differing).toEqual([])
  })
})

/** What real services look like, and what makes quantiles hard. */
const shapes = {
  lognormal: (random: () => number) => millis(20) * Math.exp(1.1 * normal(random)),
  bimodal: (random: () => number) =>
    random() < 0.93 ? millis(2) * (1 + 0.05 * normal(random)) : millis(900) * (1 + 0.1 * normal(random)),
  spiky: (random: () => number) =>
    [millis(5), millis(5.05), millis(50), millis(3000)][Math.floor(random() * 4)],
  heavyTailed: (random: () => number) => millis(1) / Math.max(1e-6, 1 - random()) ** 1.5,
}
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** The duration at a rank, where each span counts as many as it stands for. */
const exactQuantile = (spans: readonly { duration: number; weight: number }[], share: number): number => {
  const sorted = spans.toSorted((a, b) => a.duration - b.duration)
  const rank = share * sorted.reduce((sum, { weight }) => sum + weight, 0)
  let passed = 0
  for (const { duration, weight } of sorted) {
    passed += weight
    // Sums of thirds and tenths are a little off.
    if (passed >= rank - 1e-6) return duration
  }
  return expect.fail()
}

describe('quantiles', () => {
  const cases = Object.keys(shapes).flatMap((shape) =>
    [1, 2, 3].map((seed) => ({ shape: shape as keyof typeof shapes, seed })),
  )
  const range = rangeAfter(3600 * 2, 3600 * 3)

  /** Of the three quantiles, how far the worst is from the truth, as a share of it. */
  const worstError = (latency: Latency | null, spans: { duration: number; weight: number }[]): number => {
    const shares = [
      ['p50', 0.5],
      ['p95', 0.95],
      ['p99', 0.99],
    ] as const
    return Math.max(
      ...shares.map(([name, share]) => {
        const exact = exactQuantile(spans, share)
        return Math.abs((latency?.[name] ?? 0) - exact) / exact
      }),
    )
  }

  it.each(cases)(
    'of $shape durations (seed $seed) are within 2 % of the span at that rank',
    async ({ shape, seed }) => {
      const random = seededRandom(seed)
      const count = 200 + Math.floor(random() * 3000)
      const durations = Array.from({ length: count }, () =>
        Math.max(1000, Math.round(shapes[shape](random) ?? 0)),
      )
      const service = `${shape}-${seed}`
      await insertSpans({ service, atSeconds: 2 * 3600, spreadSeconds: 3600, durations })
      const spans = durations.map((duration) => ({ duration, weight: 1 }))
      const requests = await serviceNamed(service, range)
      expect(worstError(requests.latencyNanos, spans)).toBeLessThan(0.02)
      const { operations } = await red.redOfOperations(scope, range, { service })
      expect(operations[0]?.spans).toEqual(requests)
    },
  )

  it.each([1, 2, 3])(
    'of spans sampled in different ways (seed %d) weigh what they stand for',
    async (seed) => {
      const random = seededRandom(100 + seed)
      const service = `sampled-${seed}`
      const spans: { duration: number; weight: number }[] = []
      // Slow ones are kept more often: without weights the quantiles would be theirs.
      for (const [traceState, median] of [
        ['', 80],
        ['ot=th:8', 40],
        ['ot=th:c', 20],
        ['ot=th:e666', 5],
      ] as const) {
        const durations = Array.from({ length: 400 }, () =>
          Math.max(1000, Math.round(millis(median) * Math.exp(0.5 * normal(random)))),
        )
        await insertSpans({ service, traceState, atSeconds: 2 * 3600, spreadSeconds: 3600, durations })
        const weight = spansPerSample(samplingThreshold(traceState))
        spans.push(...durations.map((duration) => ({ duration, weight })))
      }
      const requests = await serviceNamed(service, range)
      expect(worstError(requests.latencyNanos, spans)).toBeLessThan(0.02)
      expect(requests).toMatchObject({ countedSpans: 1600, isEstimated: true, count: 400 * (1 + 2 + 4 + 10) })
    },
  )
})

describe('sampled spans', () => {
  it('count as many as their trace state says they stand for, from the wire on', async () => {
    const nowNanos = BigInt(Date.now()) * 1_000_000n
    const spansWith = (traceState: string, name: string, count: number) =>
      Array.from({ length: count }, (_, index) => ({
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: `${name.charCodeAt(0).toString(16)}${index.toString(16).padStart(14, '0')}`,
        traceState,
        name,
        kind: 2,
        startTimeUnixNano: nowNanos.toString(),
        endTimeUnixNano: (nowNanos + 5_000_000n).toString(),
        status: { code: index === 0 ? 2 : 0 },
      }))
    const spans = [
      ...spansWith('', 'always', 7),
      ...spansWith('ot=th:8', 'half', 50),
      ...spansWith('vendor=x,ot=rv:ffffffffffffff;th:c', 'quarter', 25),
      ...spansWith('ot=th:e666', 'tenth', 10),
    ]
    const attributes = [{ key: 'service.name', value: { stringValue: 'shop' } }]
    const request = { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] }
    const payload = encodeExportRequest(
      'traces',
      decodeExportRequestJson('traces', Buffer.from(JSON.stringify(request))),
    )
    await pipeline.queue.append('traces', { tenant: 'default', payload })
    await pipeline.written()

    const range = { fromNanos: nowNanos - nanosPerSecond, toNanos: nowNanos + nanosPerSecond }
    const { operations } = await red.redOfOperations(scope, range, { service: 'shop' })
    expect(
      Object.fromEntries(
        operations.map(({ name, spans: { count, errorCount, countedSpans, isEstimated } }) => [
          name,
          { count, errorCount, countedSpans, isEstimated },
        ]),
      ),
    ).toEqual({
      always: { count: 7, errorCount: 1, countedSpans: 7, isEstimated: false },
      half: { count: 100, errorCount: 2, countedSpans: 50, isEstimated: true },
      quarter: { count: 100, errorCount: 4, countedSpans: 25, isEstimated: true },
      tenth: { count: 100, errorCount: 10, countedSpans: 10, isEstimated: true },
    })
    const { services } = await red.redOfServices(scope, range, { service: 'shop' })
    expect(services).toMatchObject([
      { name: 'shop', spanCount: 307, countedSpanCount: 92, requests: { count: 307, countedSpans: 92 } },
    ])
  })

  it('that stand for immensely many do not wrap quantiles around', async () => {
    await insertSpans({
      service: 'lottery',
      traceState: 'ot=th:ffffffffffffff',
      atSeconds: 100,
      durations: Array.from({ length: 2000 }, () => millis(3)),
    })
    const requests = await serviceNamed('lottery', rangeAfter(0, 600))
    expect(requests.latencyNanos).toEqual(toldLatency(millis(3)))
    expect(requests.count).toBeGreaterThan(1e19)
  })
})

describe('what is counted', () => {
  const at = 6 * 3600
  const range = rangeAfter(at, at + 3600)

  it('are finished spans; of a service its requests, of an operation all of a name and kind', async () => {
    const service = 'kinds'
    const durations = [millis(10)]
    await insertSpans({ service, atSeconds: at + 1, operation: 'GET /', kind: 2, durations, isError: true })
    await insertSpans({
      service,
      atSeconds: at + 2,
      operation: 'GET /',
      kind: 2,
      durations: [millis(10), millis(10)],
    })
    await insertSpans({ service, atSeconds: at + 3, operation: 'receive', kind: 5, durations, version: '2' })
    await insertSpans({
      service,
      atSeconds: at + 4,
      operation: 'query',
      kind: 3,
      durations: [millis(1), millis(1)],
    })
    await insertSpans({ service, atSeconds: at + 5, operation: 'query', kind: 1, durations, isError: true })
    await insertSpans({
      service,
      atSeconds: at + 6,
      operation: 'GET /',
      kind: 2,
      durations: [0, 0],
      isOpen: true,
    })
    const { services, isTruncated } = await red.redOfServices(scope, range, { service })
    expect(isTruncated).toBe(false)
    expect(services).toEqual([
      {
        name: service,
        namespace: '',
        environment: '',
        spanCount: 7,
        countedSpanCount: 7,
        requests: {
          count: 4,
          errorCount: 1,
          countedSpans: 4,
          isEstimated: false,
          latencyNanos: toldLatency(millis(10)),
        },
      },
    ])
    const { operations } = await red.redOfOperations(scope, range, { service })
    expect(operations.map(({ name, kind, spans }) => [name, kind, spans.count, spans.errorCount])).toEqual([
      ['GET /', 2, 3, 1],
      ['query', 3, 2, 0],
      ['query', 1, 1, 1],
      ['receive', 5, 1, 0],
    ])
    expect(operations[1]?.spans.latencyNanos).toEqual(toldLatency(millis(1)))
  })

  it('of a service without requests has no latency', async () => {
    await insertSpans({ service: 'worker', atSeconds: at, kind: 1, durations: [millis(1)] })
    expect(await serviceNamed('worker', range)).toEqual({
      count: 0,
      errorCount: 0,
      countedSpans: 0,
      isEstimated: false,
      latencyNanos: null,
    })
  })

  it('belongs to one tenant, and to a service by all parts of its name', async () => {
    const service = 'split'
    const durations = [millis(1)]
    await insertSpans({ service, tenant: 'acme', atSeconds: at, durations })
    await insertSpans({ service, namespace: 'a', environment: 'prod', atSeconds: at, durations })
    await insertSpans({ service, namespace: 'a', environment: 'test', atSeconds: at, durations })
    await insertSpans({ service, namespace: 'b', environment: 'prod', atSeconds: at, durations })
    const counts = async (filter: object, tenant = 'default') => {
      const { services } = await red.redOfServices({ tenant }, range, { service, ...filter })
      return services.map(({ namespace, environment, spanCount }) => [namespace, environment, spanCount])
    }
    expect(await counts({})).toEqual([
      ['a', 'prod', 1],
      ['a', 'test', 1],
      ['b', 'prod', 1],
    ])
    expect(await counts({ namespace: 'a', environment: 'test' })).toEqual([['a', 'test', 1]])
    expect(await counts({ namespace: '' })).toEqual([])
    expect(await counts({}, 'acme')).toEqual([['', '', 1]])
    const { operations } = await red.redOfOperations(scope, range, { service, environment: 'prod' })
    expect(operations.map(({ spans }) => spans.count)).toEqual([2])
  })

  it('is cut after 2000 services and 1000 operations, and says so', async () => {
    const numbers = (column: string, count: number): Sql => sql`
      INSERT INTO spans (tenant, trace_id, span_ids, start_time, duration_nanos, kind, ${sql.identifier(column)}, ${sql.identifier(column === 'name' ? 'service_name' : 'name')})
      SELECT 'crowd', toFixedString('', 16), toFixedString('', 16), ${sql.dateTime64(start)}, 1, 2, concat('n-', toString(number)), 'one'
      FROM numbers(${sql.uint64(count)})`
    await store.command(numbers('service_name', 2000))
    await store.command(numbers('name', 1001))
    const crowd = { tenant: 'crowd' }
    const { services, isTruncated } = await red.redOfServices(crowd, rangeAfter(0, 10), {})
    expect([services.length, isTruncated]).toEqual([2000, true])
    const answer = await red.redOfOperations(crowd, rangeAfter(0, 10), { service: 'one' })
    expect([answer.operations.length, answer.isTruncated]).toEqual([1000, true])
  })

  it('of a time before and after all spans is nothing', async () => {
    for (const [fromNanos, toNanos] of [
      [0n, 10n],
      [BigInt(Date.UTC(2200, 0)) * 1_000_000n, BigInt(Date.UTC(2201, 0)) * 1_000_000n],
    ] as const)
      expect((await red.redOfServices(scope, { fromNanos, toNanos }, {})).services).toEqual([])
  })
})

describe('any range', () => {
  const service = 'steady'
  const spanSeconds = 70 * 3600

  beforeAll(async () => {
    const random = seededRandom(5)
    for (const [isError, count] of [
      [false, 15_000],
      [true, 1500],
    ] as const)
      await insertSpans({
        service,
        isError,
        atSeconds: 0,
        spreadSeconds: spanSeconds,
        durations: Array.from({ length: count }, () => Math.round(millis(10) * Math.exp(normal(random)))),
      })
  })

  it.each([30, 600, 1799, 1800, 3600, 7200, 4 * 3600, 26 * 3600, 69 * 3600])(
    'of %d s counts exactly the spans of the time that it says it covers',
    async (length) => {
      const below = seededIntegers(length)
      for (let round = 0; round < 4; round++) {
        const fromNanos = start + BigInt(below((spanSeconds - length) * 1000)) * 1_000_000n
        const range = { fromNanos, toNanos: fromNanos + BigInt(length) * nanosPerSecond }
        const { services, coverage } = await red.redOfServices(scope, range, { service })
        expect(coverage.resolutionSeconds).toBe(length < 1800 ? 10 : 60)
        const [exact] = await store.query<{ spans: string; errors: string }>(sql`
          SELECT toString(count()) AS spans, toString(countIf(status_code = 2)) AS errors
          FROM spans WHERE service_name = ${sql.string(service)}
            AND start_time >= ${sql.dateTime64(coverage.range.fromNanos)} AND start_time < ${sql.dateTime64(coverage.range.toNanos)}`)
        expect(services[0]?.requests).toMatchObject({
          count: Number(exact?.spans),
          errorCount: Number(exact?.errors),
        })
        const { operations } = await red.redOfOperations(scope, range, { service })
        expect(operations[0]?.spans).toEqual(services[0]?.requests)
      }
    },
  )

  it('as a series has a point for each step, which add up to the same', async () => {
    for (const [range, stepSeconds] of [
      [rangeAfter(3600, 2 * 3600), 20],
      [rangeAfter(0, 24 * 3600), 300],
      [rangeAfter(0, 69 * 3600), 900],
    ] as const) {
      const series = await red.redSeries(scope, range, { filter: { service }, pointsMax: 300 })
      expect(series).toMatchObject({ stepSeconds, range })
      expect(series.points).toHaveLength(
        Number((range.toNanos - range.fromNanos) / nanosPerSecond) / stepSeconds,
      )
      const total = await serviceNamed(service, range)
      const sum = (of: 'count' | 'errorCount') => series.points.reduce((all, point) => all + point[of], 0)
      expect([sum('count'), sum('errorCount')]).toEqual([total.count, total.errorCount])
    }
  })
})

describe('a series', () => {
  const at = 80 * 3600
  const service = 'gaps'

  beforeAll(async () => {
    const durations = Array.from({ length: 8 }, () => millis(10))
    await insertSpans({ service, atSeconds: at + 5, operation: 'a', durations })
    await insertSpans({
      service,
      atSeconds: at + 25,
      operation: 'a',
      durations: [millis(500)],
      isError: true,
    })
    await insertSpans({
      service,
      atSeconds: at + 26,
      operation: 'b',
      traceState: 'ot=th:8',
      durations,
      version: '2',
    })
  })

  const series = (more: object = {}) =>
    red.redSeries(scope, rangeAfter(at, at + 40), { filter: { service }, pointsMax: 100, ...more })

  it('has points where nothing happened, and says where a count is estimated', async () => {
    const { points, stepSeconds } = await series()
    expect(stepSeconds).toBe(10)
    expect(
      points.map(({ timeUnixNano }) => BigInt(timeUnixNano) - start - BigInt(at) * nanosPerSecond),
    ).toEqual([0n, 10n, 20n, 30n].map((seconds) => seconds * nanosPerSecond))
    const empty = {
      count: 0,
      errorCount: 0,
      countedSpans: 0,
      isEstimated: false,
      latencyNanos: null,
      slowShare: null,
    }
    expect(points).toMatchObject([
      { count: 8, errorCount: 0, isEstimated: false, latencyNanos: toldLatency(millis(10)) },
      empty,
      {
        count: 17,
        countedSpans: 9,
        errorCount: 1,
        isEstimated: true,
        latencyNanos: { p50: told(millis(10)), p99: told(millis(500)) },
      },
      empty,
    ])
  })

  it('tells which share took longer than a threshold', async () => {
    const shares = async (thresholdNanos: number) =>
      (await series({ thresholdNanos })).points.map(({ slowShare }) => slowShare)
    expect(await shares(millis(100))).toEqual([0, null, 1 / 17, null])
    expect(await shares(millis(5))).toEqual([1, null, 1, null])
    expect(await shares(millis(5000))).toEqual([0, null, 0, null])
  })

  it('is of an operation, a kind or a version where asked', async () => {
    const counts = async (filter: object) =>
      (await series({ filter: { service, ...filter } })).points.map(({ count }) => count)
    expect(await counts({ operation: 'a' })).toEqual([8, 0, 1, 0])
    expect(await counts({ operation: 'b', kind: 2 })).toEqual([0, 0, 16, 0])
    expect(await counts({ version: '2' })).toEqual([0, 0, 16, 0])
    expect(await counts({ kind: 3 })).toEqual([0, 0, 0, 0])
  })

  it('has longer steps for fewer points, and none shorter than asked', async () => {
    expect((await series({ pointsMax: 2 })).stepSeconds).toBe(20)
    const { stepSeconds, points, range } = await series({ stepSecondsMin: 45 })
    expect([stepSeconds, points.length, range]).toEqual([60, 1, rangeAfter(at, at + 60)])
    expect(points[0]).toMatchObject({ count: 25, countedSpans: 17 })
    expect((await series({ stepSecondsMin: 4000 })).range).toEqual(rangeAfter(at, at + 7200))
  })

  it('of durations counts them by bucket, for heat maps', async () => {
    const { points, stepSeconds } = await red.durationSeries(scope, rangeAfter(at, at + 40), {
      filter: { service },
      pointsMax: 100,
    })
    expect(stepSeconds).toBe(10)
    expect(
      points.map(({ buckets }) =>
        buckets.map(({ durationNanos, count }) => [Math.round(durationNanos), count]),
      ),
    ).toEqual([
      [[told(millis(10)), 8]],
      [
        [told(millis(10)), 16],
        [told(millis(500)), 1],
      ],
    ])
    const elsewhere = { ...scope, tenant: 'other' }
    const range = { fromNanos: start, toNanos: start + hourNanos }
    expect((await red.durationSeries(elsewhere, range, { filter: {}, pointsMax: 10 })).points).toEqual([])
  })
})
