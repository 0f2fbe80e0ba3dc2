import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type MigratedStore, openMigratedStore } from '../test/harness/migrated-store.ts'
import type { Store } from './connection.ts'
import { type DerivedRows, createDerivedRows } from './derived-rows.ts'
import { sql } from './sql.ts'

/** What of the two ranges lies in the store after a kill or a failed insert, and what deriving again makes of it. */
let migrated: MigratedStore
let store: Store
let derived: DerivedRows

const day = 20_400
const first = { table: 'spans', day, rangePrefix: 'otlp_spans/0@5ea1:0-9#' }

const derivedTables = [
  'resource_sightings',
  'span_search',
  ...['10s', '1m', '1h'].flatMap((tier) => [`operation_red_${tier}`, `service_red_${tier}`]),
]

beforeAll(async () => {
  migrated = await openMigratedStore()
  store = migrated.store
  derived = createDerivedRows(store)
})
beforeEach(async () => {
  for (const table of ['spans', ...derivedTables])
    await store.command(sql`TRUNCATE TABLE ${sql.identifier(table)}`)
  await insertSpans('otlp_spans/0@5ea1:0-9#2', 0, 400)
  await insertSpans('otlp_spans/0@5ea1:10-19#1', 400, 700)
})
afterAll(() => migrated.close())

/** Of several services and operations, over two hours, one in seven failed, one in eleven still open. */
const insertSpans = (range: string, from: number, to: number): Promise<void> =>
  store.command(sql`
    INSERT INTO spans (tenant, trace_id, span_ids, start_time, duration_nanos, is_open, name, kind, status_code,
      resource_id, service_name, environment, service_version, sampling_threshold, ingested_at, range)
    SELECT 'default', MD5(toString(intDiv(number, 5))),
      toFixedString(concat(substring(MD5(toString(number)), 1, 8), if(number % 5 = 0, unhex('0000000000000000'), 'parentid')), 16),
      toDateTime64(toDate(${sql.int64(day)}), 9, 'UTC') + toIntervalMillisecond(number * 10000) AS start,
      if(number % 11 = 0, 0, 1000 + (number * 7919) % 10000000), number % 11 = 0, concat('GET /', toString(number % 3)), number % 6,
      if(number % 7 = 0, 2, 0), number % 4, concat('service-', toString(number % 4)), 'production', '1.0',
      if(number % 13 = 0, 36028797018963968, 0), start, ${sql.string(range)}
    FROM numbers(${sql.int64(from)}, ${sql.int64(to - from)})`)

/** Everything derived, in one order, merged as readers see it. */
const everythingDerived = async () => ({
  sightings: await store.query(sql`
    SELECT tenant, resource_id, day, toString(min(first_seen)) AS first_at, toString(max(last_seen)) AS last_at
    FROM resource_sightings GROUP BY tenant, resource_id, day ORDER BY ALL`),
  search: await store.query(sql`SELECT * FROM span_search ORDER BY ALL`),
  operations: await Promise.all(
    ['10s', '1m', '1h'].map((tier) =>
      store.query(sql`SELECT * FROM ${sql.identifier(`operation_red_${tier}`)} FINAL ORDER BY ALL`),
    ),
  ),
  services: await Promise.all(
    ['10s', '1m', '1h'].map((tier) =>
      store.query(sql`SELECT * FROM ${sql.identifier(`service_red_${tier}`)} FINAL ORDER BY ALL`),
    ),
  ),
})

describe('deriving again', () => {
  it('changes nothing where nothing is missing', async () => {
    const before = await everythingDerived()
    expect(before.search).toHaveLength(700)
    // Every span that has an end, each in a bucket of its own but in the tier of an hour: twelve kinds of span, two hours,
    // sampled or not.
    expect(before.operations.map((rows) => rows.length)).toEqual([636, 636, 48])
    await derived.deriveAgain(first)
    await derived.deriveAgain(first)
    expect(await everythingDerived()).toEqual(before)
  })

  it('brings back what a killed process had not derived yet', async () => {
    const before = await everythingDerived()
    await store.command(
      sql`DELETE FROM span_search WHERE startsWith(range, ${sql.string(first.rangePrefix)})`,
    )
    await store.command(sql`TRUNCATE TABLE resource_sightings`)
    await store.command(sql`TRUNCATE TABLE service_red_1m`)
    await store.command(sql`DELETE FROM operation_red_1h WHERE toHour(time) = 1`)
    await derived.deriveAgain(first)
    await derived.deriveAgain({ ...first, rangePrefix: 'otlp_spans/0@5ea1:10-19#' })
    expect(await everythingDerived()).toEqual(before)
  })

  it('takes back what was derived from an attempt whose rows never came in', async () => {
    const before = await everythingDerived()
    await insertSpans('otlp_spans/0@5ea1:0-9#1', 0, 400)
    await store.command(sql`DELETE FROM spans WHERE range = 'otlp_spans/0@5ea1:0-9#1'`)
    expect(await everythingDerived()).not.toEqual(before)
    await derived.deriveAgain(first)
    expect(await everythingDerived()).toEqual(before)
  })

  it('rewrites each table once, however many hours the rows lie in', async () => {
    const rewritten: string[] = []
    const watched: Store = {
      ...store,
      command: async (statement) => {
        const table = /^\s*DELETE FROM `?(\w+)/.exec(statement.text)?.[1]
        if (table !== undefined) rewritten.push(table)
        await store.command(statement)
      },
    }
    await createDerivedRows(watched).deriveAgain(first)
    expect(rewritten.toSorted()).toEqual(
      derivedTables.filter((table) => table !== 'resource_sightings').toSorted(),
    )
  })

  it('leaves the rollups of an hour alone whose rows retention has taken', async () => {
    await insertSpans('otlp_spans/0@5ea1:20-29#1', 396, 404)
    const before = await everythingDerived()
    await store.command(
      sql`DELETE FROM spans WHERE toHour(start_time) = 1 AND range != 'otlp_spans/0@5ea1:20-29#1'`,
    )
    await derived.deriveAgain({ ...first, rangePrefix: 'otlp_spans/0@5ea1:20-29#' })
    const after = await everythingDerived()
    expect(after.operations).toEqual(before.operations)
    expect(after.services).toEqual(before.services)
  })
})
