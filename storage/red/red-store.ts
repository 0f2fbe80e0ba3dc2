import { bucketDurationNanos, durationBucket } from '#telemetry/duration-buckets.ts'
import type { Store } from '../connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from '../read-scope.ts'
import {
  type KeptSince,
  type RedPlan,
  type RedSteps,
  planRange,
  planSteps,
  rangeOf,
  readKeptSince,
  redTiers,
} from './red-tiers.ts'
import { type ServiceFilter, serviceConditions } from '../resource-rows.ts'
import { type Sql, sql } from '../sql.ts'

/**
 * Rate, errors and durations, read from the rollups: finished spans only, counted under the time at which they started. A
 * count is exact for the time that the answer says it covers, which is the range aligned outward to whole buckets: to ten
 * seconds below half an hour, to the minute above, to what retention has left of the past where that is coarser.
 *
 * Sampled spans weigh as many as they stand for (telemetry/sampling.ts), in quantiles too; `isEstimated` says where
 * that happened, and `counted...` how many were really seen. Quantiles are of the span at that rank, and its duration is
 * told to within 1.75 % (telemetry/duration-buckets.ts).
 */
export interface RedStore {
  /** Services with spans, by name, namespace and environment; at most 2000. */
  redOfServices(
    scope: ReadScope,
    range: TimeRange,
    filter: ServiceFilter,
  ): Promise<RedAnswer & { services: ServiceRed[] }>
  /** What a service's spans are named, by name and kind, the most frequent first; at most 1000. */
  redOfOperations(
    scope: ReadScope,
    range: TimeRange,
    filter: ServiceFilter & { service: string },
  ): Promise<RedAnswer & { operations: OperationRed[] }>
  /**
   * One point for each step of the range, also for those without spans. The step is the finest that keeps within
   * `pointsMax` and that is still there for the whole range; a longer range has longer steps, never missing points.
   */
  redSeries(scope: ReadScope, range: TimeRange, query: SeriesQuery): Promise<RedSeries>
  /** For heat maps: in each step how many spans fell into which duration bucket. Steps and buckets without any are left out. */
  durationSeries(scope: ReadScope, range: TimeRange, query: SeriesQuery): Promise<DurationSeries>
}

export interface RedCoverage {
  /** What was counted. */
  range: TimeRange
  /** To what the ends of the range were aligned. */
  resolutionSeconds: number
}

interface RedAnswer {
  coverage: RedCoverage
  isTruncated: boolean
}

/** Of a service: its requests, finished SERVER and CONSUMER spans. Of an operation: its finished spans. */
export interface Red {
  count: number
  errorCount: number
  latencyNanos: Latency | null
  /** Spans that were seen; `count` is estimated from them where some were sampled. */
  countedSpans: number
  isEstimated: boolean
}

export interface Latency {
  p50: number
  p95: number
  p99: number
}

export interface ServiceRed {
  name: string
  namespace: string
  environment: string
  requests: Red
  /** Of every kind. */
  spanCount: number
  countedSpanCount: number
}

export interface OperationRed {
  name: string
  kind: number
  spans: Red
}

/** Which spans: of all services that meet the filter, or of their operations. */
export interface SeriesQuery {
  filter: ServiceFilter & {
    readonly operation?: string | undefined
    readonly kind?: number | undefined
    readonly version?: string | undefined
  }
  /** From 2 to 2000. */
  pointsMax: number
  /** No finer than this. */
  stepSecondsMin?: number | undefined
  /** Points then tell which share of the spans took longer, to within the width of a bucket. */
  thresholdNanos?: number | undefined
}

interface Series {
  range: TimeRange
  stepSeconds: number
}

export interface RedSeries extends Series {
  points: RedPoint[]
}

export interface RedPoint extends Red {
  timeUnixNano: string
  /** 0 to 1; null where there were no spans or no threshold was asked for. */
  slowShare: number | null
}

export interface DurationSeries extends Series {
  points: { timeUnixNano: string; buckets: { durationNanos: number; count: number }[] }[]
}

const servicesMax = 2000
const operationsMax = 1000
const pointsAtMost = 2000
const readSeconds = 15
/** How long it is believed what retention has left: parts are dropped a day and more after they could be. */
const keptSinceMillis = 60_000

export const createRedStore = (store: Store, options: { now?: () => number } = {}): RedStore => {
  const now = options.now ?? Date.now
  let known: { keptSince: Promise<KeptSince>; untilMillis: number } | undefined

  const keptSince = (): Promise<KeptSince> => {
    if (known === undefined || known.untilMillis < now()) {
      const reading = readKeptSince(store, Math.floor(now() / 1000))
      known = { keptSince: reading, untilMillis: now() + keptSinceMillis }
      reading.catch(() => (known = undefined))
    }
    return known.keptSince
  }
  const plan = async (range: TimeRange): Promise<RedPlan> => planRange(range, await keptSince())
  const query = <Row>(scope: ReadScope, statement: Sql): Promise<Row[]> =>
    store.query<Row>(statement, limitedTo(scope, readSeconds))

  const series = async <Row>(
    scope: ReadScope,
    range: TimeRange,
    asked: SeriesQuery,
    statement: (source: Sql, steps: RedSteps) => Sql,
  ): Promise<{ steps: RedSteps; rows: Row[] }> => {
    const { pointsMax, stepSecondsMin = 0, filter } = asked
    const limits = { pointsMax: Math.min(Math.max(pointsMax, 2), pointsAtMost), stepSecondsMin }
    const steps = planSteps(range, limits, await keptSince())
    const rows = await query<Row>(scope, statement(bucketsOf(scope, filter, [steps]), steps))
    return { steps, rows }
  }

  return {
    redOfServices: async (scope, range, filter) => {
      const planned = await plan(range)
      const rows = await query<ServiceRow>(scope, servicesIn(bucketsOf(scope, filter, planned.segments)))
      return {
        coverage: coverageOf(planned),
        isTruncated: rows.length > servicesMax,
        services: rows.slice(0, servicesMax).map(serviceOf),
      }
    },
    redOfOperations: async (scope, range, filter) => {
      const planned = await plan(range)
      const source = bucketsOf(scope, filter, planned.segments, 'operation_red')
      const rows = await query<OperationRow>(scope, operationsIn(source))
      return {
        coverage: coverageOf(planned),
        isTruncated: rows.length > operationsMax,
        operations: rows
          .slice(0, operationsMax)
          .map((row) => ({ name: row.operation, kind: row.kind, spans: redOf(row) })),
      }
    },
    redSeries: async (scope, range, asked) => {
      const { steps, rows } = await series<PointRow>(scope, range, asked, (source, planned) =>
        pointsIn(source, planned, asked.thresholdNanos),
      )
      const rowByTime = new Map(rows.map((row) => [row.step_start, row]))
      return { ...seriesOf(steps), points: timesOf(steps).map((time) => pointOf(time, rowByTime.get(time))) }
    },
    durationSeries: async (scope, range, asked) => {
      const { steps, rows } = await series<DurationsRow>(scope, range, asked, durationsIn)
      return { ...seriesOf(steps), points: rows.map(durationsOf) }
    },
  }
}

interface RedRow {
  counted: string
  estimated: number
  errors: number
  is_estimated: number
  buckets: number[]
}
interface ServiceRow extends RedRow {
  service_name: string
  service_namespace: string
  environment: string
  counted_spans: string
  estimated_spans: number
}
interface OperationRow extends RedRow {
  operation: string
  kind: number
}
interface PointRow extends RedRow {
  step_start: number
  slow?: number
}
interface DurationsRow {
  step_start: number
  counts: [buckets: number[], counts: number[]]
}

type BucketTable = 'service_red' | 'operation_red'

/** Rows of the buckets in one shape: `seen` are the spans that `durations` and `error_count` are of. */
const bucketsOf = (
  { tenant }: ReadScope,
  filter: SeriesQuery['filter'],
  segments: readonly Pick<RedPlan['segments'][number], 'tier' | 'fromSeconds' | 'toSeconds'>[],
  table: BucketTable = needsOperations(filter) ? 'operation_red' : 'service_red',
): Sql => {
  const conditions = [
    sql`tenant = ${sql.string(tenant)}`,
    ...serviceConditions(filter),
    ...operationConditions(filter),
  ]
  const columns =
    table === 'service_red'
      ? sql`service_name, service_namespace, environment, span_count, request_count AS seen`
      : sql`operation, kind, span_count AS seen`
  const parts = redTiers.flatMap(({ name }) => {
    const times = segments.filter(({ tier }) => tier.name === name).map(isInside)
    if (times.length === 0) return []
    const where = sql.join([...conditions, sql`(${sql.join(times, sql` OR `)})`], sql` AND `)
    return [
      sql`SELECT ${columns}, sampling_threshold, error_count, durations, time FROM ${sql.identifier(`${table}_${name}`)} WHERE ${where}`,
    ]
  })
  return sql`(${sql.join(parts, sql` UNION ALL `)})`
}

const needsOperations = ({ operation, kind, version }: SeriesQuery['filter']): boolean =>
  operation !== undefined || kind !== undefined || version !== undefined

const operationConditions = ({ operation, kind, version }: SeriesQuery['filter']): Sql[] => [
  ...(operation === undefined ? [] : [sql`operation = ${sql.string(operation)}`]),
  ...(kind === undefined ? [] : [sql`kind = ${sql.int64(kind)}`]),
  ...(version === undefined ? [] : [sql`service_version = ${sql.string(version)}`]),
]

/** A DateTime ends in the year 2106. */
const secondsMax = 2 ** 32 - 1
const dateTime = (seconds: number): Sql =>
  sql`toDateTime(${sql.uint64(Math.min(Math.max(seconds, 0), secondsMax))}, 'UTC')`
const isInside = ({ fromSeconds, toSeconds }: { fromSeconds: number; toSeconds: number }): Sql =>
  sql`(time >= ${dateTime(fromSeconds)} AND time < ${dateTime(toSeconds)})`

/** How many spans one stands for: 2^56 / (2^56 - threshold), as telemetry/sampling.ts says. */
const weight = sql`(72057594037927936 / (72057594037927936 - sampling_threshold))`
/** Weights of quantiles are whole numbers, so they are thousandths; beyond a million the sums could wrap around. */
const weightMillis = sql`toUInt64(least(${weight}, 1000000) * 1000)`

/**
 * The aggregates of a group of buckets. The arrays go into the quantiles as they are, without an ARRAY JOIN: it would
 * repeat the scalars, and takes a fifth longer.
 */
const redColumns = sql`toString(sum(seen)) AS counted, sum(seen * ${weight}) AS estimated, sum(error_count * ${weight}) AS errors,
    max(sampling_threshold > 0) AS is_estimated,
    quantilesExactWeightedArray(0.5, 0.95, 0.99)(durations.1, arrayMap(count -> count * ${weightMillis}, durations.2)) AS buckets`

const servicesIn = (buckets: Sql): Sql => sql`
  SELECT service_name, service_namespace, environment, ${redColumns},
    toString(sum(span_count)) AS counted_spans, sum(span_count * ${weight}) AS estimated_spans
  FROM ${buckets}
  GROUP BY service_name, service_namespace, environment
  ORDER BY service_name, service_namespace, environment
  LIMIT ${sql.uint64(servicesMax + 1)}`

const operationsIn = (buckets: Sql): Sql => sql`
  SELECT operation, kind, ${redColumns}
  FROM ${buckets}
  GROUP BY operation, kind
  ORDER BY estimated DESC, operation, kind
  LIMIT ${sql.uint64(operationsMax + 1)}`

const startOfStep = ({ stepSeconds }: RedSteps): Sql =>
  sql`toUInt32(intDiv(toUnixTimestamp(time), ${sql.uint64(stepSeconds)}) * ${sql.uint64(stepSeconds)})`

const pointsIn = (buckets: Sql, steps: RedSteps, thresholdNanos: number | undefined): Sql => sql`
  SELECT ${startOfStep(steps)} AS step_start, ${redColumns}${thresholdNanos === undefined ? sql.empty : slowColumn(thresholdNanos)}
  FROM ${buckets}
  GROUP BY step_start`

/** A span is taken to be as long as what its bucket stands for, here as in the quantiles. */
const slowColumn = (thresholdNanos: number): Sql => {
  const bucket = durationBucket(thresholdNanos)
  const firstSlow = bucketDurationNanos(bucket) > thresholdNanos ? bucket : bucket + 1
  return sql`,
    sum(arraySum((bucket, count) -> if(bucket >= ${sql.uint64(firstSlow)}, count, 0), durations.1, durations.2) * ${weight}) AS slow`
}

const durationsIn = (buckets: Sql, steps: RedSteps): Sql => sql`
  SELECT ${startOfStep(steps)} AS step_start,
    sumMap(durations.1, arrayMap(count -> count * ${weight}, durations.2)) AS counts
  FROM ${buckets}
  GROUP BY step_start
  ORDER BY step_start`

const coverageOf = ({ covered, resolutionSeconds }: RedPlan): RedCoverage => ({
  range: covered,
  resolutionSeconds,
})

const redOf = (row: RedRow): Red => {
  const isEstimated = row.is_estimated !== 0
  const countedSpans = Number(row.counted)
  return {
    count: Math.round(row.estimated),
    errorCount: Math.round(row.errors),
    latencyNanos: countedSpans === 0 ? null : latencyOf(row.buckets),
    countedSpans,
    isEstimated,
  }
}

const latencyOf = ([p50 = 0, p95 = 0, p99 = 0]: readonly number[]): Latency => ({
  p50: Math.round(bucketDurationNanos(p50)),
  p95: Math.round(bucketDurationNanos(p95)),
  p99: Math.round(bucketDurationNanos(p99)),
})

const serviceOf = (row: ServiceRow): ServiceRed => ({
  name: row.service_name,
  namespace: row.service_namespace,
  environment: row.environment,
  requests: redOf(row),
  spanCount: Math.round(row.estimated_spans),
  countedSpanCount: Number(row.counted_spans),
})

const seriesOf = ({ fromSeconds, toSeconds, stepSeconds }: RedSteps): Series => ({
  range: rangeOf(fromSeconds, toSeconds),
  stepSeconds,
})

const timesOf = ({ fromSeconds, toSeconds, stepSeconds }: RedSteps): number[] =>
  Array.from(
    { length: (toSeconds - fromSeconds) / stepSeconds },
    (_, index) => fromSeconds + index * stepSeconds,
  )

const nanosText = (seconds: number): string => `${BigInt(seconds) * 1_000_000_000n}`

const nothing: Red = { count: 0, errorCount: 0, latencyNanos: null, countedSpans: 0, isEstimated: false }
const pointOf = (time: number, row: PointRow | undefined): RedPoint => ({
  timeUnixNano: nanosText(time),
  ...(row === undefined ? nothing : redOf(row)),
  slowShare: row?.slow === undefined || row.estimated === 0 ? null : row.slow / row.estimated,
})

const durationsOf = ({
  step_start,
  counts: [buckets, counts],
}: DurationsRow): DurationSeries['points'][number] => ({
  timeUnixNano: nanosText(step_start),
  buckets: buckets.map((bucket, index) => ({
    durationNanos: bucketDurationNanos(bucket),
    count: Math.round(counts[index] ?? 0),
  })),
})
