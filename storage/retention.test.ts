import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MigratedStore, openMigratedStore } from '../test/harness/migrated-store.ts'
import { eventually } from '../test/harness/eventually.ts'
import type { Store } from './connection.ts'
import type { TimeRange } from './read-scope.ts'
import { createRedStore } from './red/red-store.ts'
import { applyRetention } from './retention.ts'
import { createServiceStore } from './service-store.ts'
import { sql } from './sql.ts'

const nanosPerDay = 86_400_000_000_000n
const secondsPerDay = 86_400
const scope = { tenant: 'default' }
/** Long enough for the engine's own pace with other tests beside it; it takes less than a second alone. */
const droppedMillisMax = 60_000
const testMillisMax = 70_000

/** Ages of the rows in days. None is where a rounding to whole days, or midnight, could decide. */
const ages = [1, 8, 20, 60] as const
const spansPerDay = 12

const todayNanos = (BigInt(Date.now()) * 1_000_000n) / nanosPerDay
/** In the forenoon of that day. */
const timeOf = (age: number): bigint => (todayNanos - BigInt(age)) * nanosPerDay + 10n * 3_600_000_000_000n
const rangeOf = (age: number): TimeRange => ({
  fromNanos: timeOf(age),
  toNanos: timeOf(age) + 600_000_000_000n,
})

const long = {
  tracesSeconds: 90 * secondsPerDay,
  logsSeconds: 90 * secondsPerDay,
  metricsSeconds: 90 * secondsPerDay,
  rollupsSeconds: 400 * secondsPerDay,
}
const short = {
  ...long,
  tracesSeconds: 3 * secondsPerDay,
  logsSeconds: 10 * secondsPerDay,
  metricsSeconds: 30 * secondsPerDay,
}

const timeColumns = {
  spans: 'start_time',
  span_search: 'start_time',
  log_records: 'time',
  metric_gauge_points: 'time',
  metric_sum_points: 'time',
  metric_histogram_points: 'time',
  metric_exp_histogram_points: 'time',
  metric_summary_points: 'time',
  operation_red_10s: 'time',
  operation_red_1m: 'time',
  operation_red_1h: 'time',
  service_red_10s: 'time',
  service_red_1m: 'time',
  service_red_1h: 'time',
  resource_sightings: 'day',
  resources: 'seen_at',
}
type Table = keyof typeof timeColumns
const tables = Object.keys(timeColumns) as Table[]

let migrated: MigratedStore
let store: Store

beforeAll(async () => {
  migrated = await openMigratedStore()
  store = migrated.store
  for (const age of ages) await insertDay(age)
})
afterAll(() => migrated.close())

/** A resource of its own for each day, so that one is not kept alive by the others. */
const insertDay = async (age: number): Promise<void> => {
  const [time, resource, name] = [sql.dateTime64(timeOf(age)), sql.uint64(age), sql.string(`from-${age}`)]
  await store.command(sql`
    INSERT INTO resources (tenant, resource_id, attributes, seen_at)
    VALUES ('default', ${resource}, map('service.name', ${name}, 'k8s.pod.name', ${name}), toDateTime(${time}))`)
  await store.command(sql`
    INSERT INTO spans (tenant, trace_id, span_ids, start_time, duration_nanos, name, kind, resource_id, service_name, ingested_at)
    SELECT 'default', toFixedString(toString(number), 16), toFixedString(toString(number), 16),
      ${time} + toIntervalSecond(number), 5000000, 'work', 2, ${resource}, ${name}, ${time} + toIntervalMinute(1)
    FROM numbers(${sql.uint64(spansPerDay)})`)
  for (const table of tables.filter((name) => name === 'log_records' || name.startsWith('metric_')))
    await store.command(sql`
      INSERT INTO ${sql.identifier(table)} (tenant, time, resource_id, service_name, ingested_at)
      VALUES ('default', ${time}, ${resource}, ${name}, ${time})`)
}

/** Ages of what a table has, oldest last. */
const agesIn = async (table: Table): Promise<number[]> => {
  const rows = await store.query<{ day: number }>(sql`
    SELECT DISTINCT toUInt16(toDate(${sql.identifier(timeColumns[table])})) AS day FROM ${sql.identifier(table)} ORDER BY day DESC`)
  return rows.map(({ day }) => Number(todayNanos) - day)
}
const agesInAll = async (): Promise<Record<string, number[]>> =>
  Object.fromEntries(await Promise.all(tables.map(async (table) => [table, await agesIn(table)])))

const partsOf = async (table: Table): Promise<string[]> => {
  const rows = await store.query<{ partition: string }>(sql`
    SELECT DISTINCT partition FROM system.parts
    WHERE active AND rows > 0 AND database = 'otel' AND table = ${sql.string(table)} ORDER BY partition DESC`)
  return rows.map(({ partition }) => partition)
}
const dayText = (age: number): string =>
  new Date(Number(timeOf(age) / 1_000_000n)).toISOString().slice(0, 'yyyy-mm-dd'.length)

const mutationCount = async (): Promise<number> =>
  (await store.query(sql`SELECT mutation_id FROM system.mutations WHERE database = 'otel'`)).length

const everyTable = (kept: readonly number[]): Record<string, readonly number[]> =>
  Object.fromEntries(tables.map((table) => [table, kept]))

describe('retention', () => {
  it('that is long enough leaves every table as it is', async () => {
    await applyRetention(store, long)
    const expiring = await store.query<{ name: string }>(sql`
      SELECT name FROM system.tables
      WHERE database = 'otel' AND position(create_table_query, ' TTL ') > 0 ORDER BY name`)
    expect(expiring.map(({ name }) => name)).toEqual(tables.toSorted())
    expect(await agesInAll()).toEqual(everyTable(ages))
  })

  it('that did not change changes nothing', async () => {
    const before = await mutationCount()
    await applyRetention(store, long)
    expect(await mutationCount()).toBe(before)
  })

  it(
    'that was shortened drops the parts of days that are over, and only these',
    async () => {
      await applyRetention(store, short)
      const traces = [1]
      const logs = [1, 8]
      const metrics = [1, 8, 20]
      await eventually(async () => {
        expect(await agesInAll()).toEqual({
          ...everyTable(ages),
          spans: traces,
          span_search: traces,
          log_records: logs,
          metric_gauge_points: metrics,
          metric_sum_points: metrics,
          metric_histogram_points: metrics,
          metric_exp_histogram_points: metrics,
          metric_summary_points: metrics,
          operation_red_10s: traces,
          service_red_10s: traces,
          operation_red_1m: metrics,
          service_red_1m: metrics,
        })
      }, droppedMillisMax)
      expect(await partsOf('spans')).toEqual(traces.map(dayText))
      expect(await partsOf('span_search')).toEqual(traces.map(dayText))
      expect(await partsOf('log_records')).toEqual(logs.map(dayText))
      expect(await partsOf('metric_sum_points')).toEqual(metrics.map(dayText))
      expect(await partsOf('service_red_10s')).toEqual(traces.map(dayText))
      const [kept] = await store.query<{ rows: string }>(sql`SELECT count() AS rows FROM spans`)
      expect(kept?.rows).toBe(String(spansPerDay))
    },
    testMillisMax,
  )

  it('leaves rates, errors and durations, instances and resources of days whose spans are gone', async () => {
    const services = createServiceStore(store)
    const pods = await store.query<{ pod_name: string }>(
      sql`SELECT pod_name FROM resources ORDER BY resource_id`,
    )
    expect(pods.map(({ pod_name }) => pod_name)).toEqual(ages.map((age) => `from-${age}`))
    for (const [age, resolutionSeconds] of [
      [1, 10],
      [8, 60],
      [20, 60],
      [60, 3600],
    ] as const) {
      const answer = await services.listServices(scope, rangeOf(age), {})
      expect(answer.coverage.resolutionSeconds).toBe(resolutionSeconds)
      expect(answer.services).toMatchObject([
        { name: `from-${age}`, podCount: 1, spanCount: spansPerDay, requestCount: spansPerDay },
      ])
      expect(answer.services[0]?.latencyNanos?.p50).toBeCloseTo(5_000_000, -5)
      const { operations } = await services.listOperations(scope, rangeOf(age), { service: `from-${age}` })
      expect(operations).toMatchObject([{ name: 'work', spanCount: spansPerDay }])
    }
  })

  it('that was raised does not bring back what was dropped, and reads of that time know', async () => {
    await applyRetention(store, long)
    const red = createRedStore(store)
    for (const [age, resolutionSeconds] of [
      [1, 10],
      [8, 60],
      [60, 3600],
    ] as const) {
      const { services, coverage } = await red.redOfServices(scope, rangeOf(age), {})
      expect(coverage.resolutionSeconds).toBe(resolutionSeconds)
      expect(services).toMatchObject([{ name: `from-${age}`, spanCount: spansPerDay }])
      const series = await red.redSeries(scope, rangeOf(age), { filter: {}, pointsMax: 300 })
      expect(series.stepSeconds).toBe(resolutionSeconds)
      expect(series.points.reduce((sum, { count }) => sum + count, 0)).toBe(spansPerDay)
    }
  })

  it(
    'of rollups bounds every tier, and how long instances are known',
    async () => {
      const threeDays = 3 * secondsPerDay
      await applyRetention(store, {
        tracesSeconds: threeDays,
        logsSeconds: threeDays,
        metricsSeconds: threeDays,
        rollupsSeconds: threeDays,
      })
      await eventually(async () => {
        const { service_red_1h, operation_red_1h, ...kept } = await agesInAll()
        expect(kept).toEqual(Object.fromEntries(Object.keys(kept).map((table) => [table, [1]])))
        // Hours lie by the month, and go with it.
        for (const hours of [service_red_1h, operation_red_1h]) {
          expect(hours).toContain(1)
          expect(hours).not.toContain(60)
        }
      }, droppedMillisMax)
    },
    testMillisMax,
  )
})
