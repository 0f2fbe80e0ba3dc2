import { createRedStore } from '#storage/red/red-store.ts'
import { sql } from '#storage/sql.ts'
import { exporterTraces } from '../exporter-schema.ts'
import { type Setup, printHeading, printTimes, quantileOf, repeat, timed } from './measuring.ts'

const nanosPerHour = 3_600_000_000_000n
const scope = { tenant: 'default' }
const shares = ['p50', 'p95', 'p99'] as const

/** Rate, errors and durations of all services over an hour: from rollups, and from the exporter's rows. */
export const compareRed = async ({ store, filled, readCount }: Setup): Promise<void> => {
  const range = { fromNanos: filled.toNanos - nanosPerHour, toNanos: filled.toNanos }
  const red = createRedStore(store, { now: () => Number(filled.toNanos / 1_000_000n) })
  printHeading('rate, errors and durations of all services over an hour')
  printTimes(
    'ours, from rollups',
    await timed(
      store,
      repeat(readCount, () => red.redOfServices(scope, range, {})),
    ),
  )
  const { services } = await red.redOfServices(scope, range, {})
  const service = services[0]?.name ?? ''
  printTimes(
    'ours, operations of a service',
    await timed(
      store,
      repeat(readCount, () => red.redOfOperations(scope, range, { service })),
    ),
  )
  printTimes(
    'ours, a service by the minute',
    await timed(
      store,
      repeat(readCount, () => red.redSeries(scope, range, { filter: { service }, pointsMax: 60 })),
    ),
  )
  const { name } = exporterTraces('bloom')
  const fromRows = sql`
    SELECT ServiceName, count(), countIf(StatusCode = 'Error'), quantilesTDigest(0.5, 0.95, 0.99)(Duration)
    FROM ${sql.identifier(name)} WHERE SpanKind IN ('Server', 'Consumer')
      AND Timestamp >= ${sql.dateTime64(range.fromNanos)} AND Timestamp < ${sql.dateTime64(range.toNanos)}
    GROUP BY ServiceName`
  printTimes(
    name,
    await timed(
      store,
      repeat(Math.min(readCount, 25), () => store.query(fromRows)),
    ),
  )

  // Sampled spans weigh as many as they stand for, in the exact quantiles as in ours.
  const exact = await store.query<{ service: string; quantiles: string[] }>(sql`
    SELECT toString(service_name) AS service,
      arrayMap(nanos -> toString(nanos), quantilesExactWeighted(0.5, 0.95, 0.99)(duration_nanos, toUInt64(round(pow(2, 56) / (pow(2, 56) - sampling_threshold))))) AS quantiles
    FROM spans WHERE kind IN (2, 5) AND NOT is_open
      AND start_time >= ${sql.dateTime64(range.fromNanos)} AND start_time < ${sql.dateTime64(range.toNanos)} GROUP BY service`)
  const errors = exact.flatMap(({ service: of, quantiles }) => {
    const latency = services.find((found) => found.name === of)?.requests.latencyNanos
    return shares.map((share, index) => {
      const truth = Number(quantiles[index])
      return latency ? Math.abs(latency[share] - truth) / truth : 1
    })
  })
  const sorted = errors.toSorted((a, b) => a - b)
  process.stdout.write(
    `relative error of p50, p95, p99 over ${exact.length} services: half below ${(quantileOf(sorted, 0.5) * 100).toFixed(2)} %, at most ${((sorted.at(-1) ?? 0) * 100).toFixed(2)} %\n`,
  )
}
