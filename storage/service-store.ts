import type { Store } from './connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from './read-scope.ts'
import { type ServiceFilter, podKey, resourceIdsWhere, serviceConditions } from './resource-rows.ts'
import { type Sql, sql } from './sql.ts'

/** What is known of services: who was seen, how many requests they answered, with what latency. */
export interface ServiceStore {
  /**
   * Every service that any signal showed inside the range, by name. Requests are finished SERVER and CONSUMER spans that
   * started inside it. At most 2000 services.
   */
  listServices(
    scope: ReadScope,
    range: TimeRange,
    filter: ServiceFilter,
  ): Promise<Limited<{ services: StoredService[] }>>
  /** Names and kinds of a service's spans, the most frequent first, at most 1000. Latency is of finished spans. */
  listOperations(
    scope: ReadScope,
    range: TimeRange,
    filter: ServiceFilter & { service: string },
  ): Promise<Limited<{ operations: StoredOperation[] }>>
  /** Names of services seen inside the range, whatever their namespace and environment, at most 2000. */
  listServiceNames(scope: ReadScope, range: TimeRange): Promise<string[]>
  /** The latest time at which anything was seen; undefined while the store is empty. */
  lastSeenNanos(scope: ReadScope): Promise<bigint | undefined>
}

export type Limited<T> = T & { isTruncated: boolean }

export interface Latency {
  p50: number
  p95: number
  p99: number
}

export interface StoredService {
  name: string
  namespace: string
  environment: string
  /** Rows: a span that came open and then finished counts twice. */
  spanCount: number
  requestCount: number
  errorCount: number
  latencyNanos: Latency | null
  podCount: number
  firstSeenTimeUnixNano: string
  lastSeenTimeUnixNano: string
  versions: string[]
}

export interface StoredOperation {
  name: string
  kind: number
  spanCount: number
  errorCount: number
  latencyNanos: Latency | null
}

const servicesMax = 2000
const operationsMax = 1000
const versionsMax = 20
const readSeconds = 15

export const createServiceStore = (store: Store): ServiceStore => ({
  listServices: async (scope, range, filter) => {
    const [sightings, requests] = await Promise.all([
      store.query<SightingRow>(serviceSightings(scope, range, filter), limitedTo(scope, readSeconds)),
      store.query<RequestRow>(serviceRequests(scope, range, filter), limitedTo(scope, readSeconds)),
    ])
    const requestsByService = new Map(requests.map((row) => [keyOf(row), row]))
    const services = sightings
      .map((row) => serviceOf(row, requestsByService.get(keyOf(row))))
      // What names no service (a node's metrics) is not one, unless it has spans.
      .filter((service) => service.name !== '' || service.spanCount > 0)
    return { services: services.slice(0, servicesMax), isTruncated: sightings.length > servicesMax }
  },
  listOperations: async (scope, range, filter) => {
    const rows = await store.query<OperationRow>(
      operations(scope, range, filter),
      limitedTo(scope, readSeconds),
    )
    return {
      operations: rows.slice(0, operationsMax).map((row) => ({
        name: row.name,
        kind: row.kind,
        spanCount: Number(row.span_count),
        errorCount: Number(row.error_count),
        latencyNanos: latencyOf(row.latency),
      })),
      isTruncated: rows.length > operationsMax,
    }
  },
  listServiceNames: async (scope, range) => {
    const rows = await store.query<SightingRow>(
      serviceSightings(scope, range, {}),
      limitedTo(scope, readSeconds),
    )
    return [...new Set(rows.map((row) => row.service_name))]
      .filter((name) => name !== '')
      .slice(0, servicesMax)
  },
  lastSeenNanos: async (scope) => {
    const [row] = await store.query<{ resources: string; last: string }>(
      sql`
        SELECT toString(count()) AS resources, toString(toUnixTimestamp64Nano(max(last_seen))) AS last
        FROM resource_sightings WHERE tenant = ${sql.string(scope.tenant)}`,
      limitedTo(scope, readSeconds),
    )
    return row === undefined || row.resources === '0' ? undefined : BigInt(row.last)
  },
})

interface ServiceKeyRow {
  service_name: string
  service_namespace: string
  environment: string
}
interface SightingRow extends ServiceKeyRow {
  first_nanos: string
  last_nanos: string
  pods: string
  versions: string[]
}
interface RequestRow extends ServiceKeyRow {
  span_count: string
  request_count: string
  error_count: string
  latency: (number | string)[]
}
interface OperationRow {
  name: string
  kind: number
  span_count: string
  error_count: string
  latency: (number | string)[]
}

const keyOf = (row: ServiceKeyRow): string =>
  JSON.stringify([row.service_name, row.service_namespace, row.environment])

const serviceOf = (row: SightingRow, requests: RequestRow | undefined): StoredService => ({
  name: row.service_name,
  namespace: row.service_namespace,
  environment: row.environment,
  spanCount: Number(requests?.span_count ?? 0),
  requestCount: Number(requests?.request_count ?? 0),
  errorCount: Number(requests?.error_count ?? 0),
  latencyNanos: latencyOf(requests?.latency ?? []),
  podCount: Number(row.pods),
  firstSeenTimeUnixNano: row.first_nanos,
  lastSeenTimeUnixNano: row.last_nanos,
  versions: row.versions.toSorted(),
})

/** Quantiles of nothing come as NaN. */
const latencyOf = ([p50, p95, p99]: readonly (number | string)[]): Latency | null => {
  const latency = { p50: Math.round(Number(p50)), p95: Math.round(Number(p95)), p99: Math.round(Number(p99)) }
  return Object.values(latency).every(Number.isFinite) ? latency : null
}

/** The tenant's resources of these services, each once. */
const resourcesOf = (scope: ReadScope, filter: ServiceFilter): Sql => {
  const where = sql.join(
    [sql`tenant = ${sql.string(scope.tenant)}`, ...serviceConditions(filter)],
    sql` AND `,
  )
  return sql`(SELECT resource_id, service_name, service_namespace, environment, service_version, ${podKey} AS pod FROM resources WHERE ${where} LIMIT 1 BY resource_id)`
}

/** Grouped by resource first and joined after: resources are few, sightings and spans many. */
const serviceSightings = (scope: ReadScope, range: TimeRange, filter: ServiceFilter): Sql => sql`
  SELECT service_name, service_namespace, environment,
    toString(toUnixTimestamp64Nano(min(first))) AS first_nanos, toString(toUnixTimestamp64Nano(max(last))) AS last_nanos,
    toString(uniqExactIf(pod, pod != '')) AS pods,
    groupUniqArrayIf(${sql.uint64(versionsMax)})(toString(service_version), service_version != '') AS versions
  FROM
  (
    SELECT resource_id, min(first_seen) AS first, max(last_seen) AS last
    FROM resource_sightings
    WHERE tenant = ${sql.string(scope.tenant)}
    GROUP BY resource_id
    HAVING last >= ${sql.dateTime64(range.fromNanos)} AND first < ${sql.dateTime64(range.toNanos)}
  ) AS sightings
  INNER JOIN ${resourcesOf(scope, filter)} AS resources ON resources.resource_id = sightings.resource_id
  GROUP BY service_name, service_namespace, environment
  ORDER BY service_name, service_namespace, environment
  LIMIT ${sql.uint64(servicesMax + 1)}`

const serviceRequests = (scope: ReadScope, range: TimeRange, filter: ServiceFilter): Sql => sql`
  SELECT service_name, service_namespace, environment,
    toString(sum(part_spans)) AS span_count, toString(sum(part_requests)) AS request_count,
    toString(sum(part_errors)) AS error_count, quantilesTDigestMerge(0.5, 0.95, 0.99)(part_latency) AS latency
  FROM
  (
    SELECT resource_id, count() AS part_spans, countIf(kind IN (2, 5) AND NOT is_open) AS part_requests,
      countIf(kind IN (2, 5) AND NOT is_open AND status_code = 2) AS part_errors,
      quantilesTDigestStateIf(0.5, 0.95, 0.99)(toFloat64(greatest(duration_nanos, 0)), kind IN (2, 5) AND NOT is_open) AS part_latency
    FROM spans
    WHERE ${spansIn(scope, range)}
    GROUP BY resource_id
  ) AS parts
  INNER JOIN ${resourcesOf(scope, filter)} AS resources ON resources.resource_id = parts.resource_id
  GROUP BY service_name, service_namespace, environment`

const operations = (
  scope: ReadScope,
  range: TimeRange,
  filter: ServiceFilter & { service: string },
): Sql => sql`
  SELECT name, kind, toString(count()) AS span_count, toString(countIf(status_code = 2)) AS error_count,
    quantilesTDigestIf(0.5, 0.95, 0.99)(toFloat64(greatest(duration_nanos, 0)), NOT is_open) AS latency
  FROM spans
  WHERE ${spansIn(scope, range)} AND resource_id IN ${resourceIdsWhere(scope, serviceConditions(filter))}
  GROUP BY name, kind
  ORDER BY count() DESC, name, kind
  LIMIT ${sql.uint64(operationsMax + 1)}`

const spansIn = (scope: ReadScope, { fromNanos, toNanos }: TimeRange): Sql =>
  sql`tenant = ${sql.string(scope.tenant)} AND start_time >= ${sql.dateTime64(fromNanos)} AND start_time < ${sql.dateTime64(toNanos)}`
