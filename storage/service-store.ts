import type { Store } from './connection.ts'
import { type ReadScope, type TimeRange, limitedTo } from './read-scope.ts'
import {
  type Latency,
  type OperationRed,
  type RedCoverage,
  type ServiceRed,
  createRedStore,
} from './red/red-store.ts'
import { type ServiceFilter, podKey, serviceConditions } from './resource-rows.ts'
import { type Sql, sql } from './sql.ts'

/** What is known of services: who was seen, how many requests they answered, with what latency. */
export interface ServiceStore {
  /**
   * Every service of which a resource was seen by any signal before the range ended and at or after its start (in between
   * it may have been silent), by name; at most 2000. Their finished spans and requests (those
   * of them that are SERVER or CONSUMER) come from the rollups and are of the time that `coverage` says.
   */
  listServices(
    scope: ReadScope,
    range: TimeRange,
    filter: ServiceFilter,
  ): Promise<Limited<{ services: StoredService[] }>>
  /**
   * Names and kinds of a service's spans, at most 1000: the most frequent first, and last those of which no span has
   * finished, as far as they are among the service's newest 100 000 spans.
   */
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

type Limited<T> = T & { isTruncated: boolean; coverage: RedCoverage }

export interface StoredService {
  name: string
  namespace: string
  environment: string
  /** Finished spans. This and the counts below are estimated where spans were sampled; see storage/red/red-store.ts. */
  spanCount: number
  /** Finished spans that were really seen. */
  countedSpanCount: number
  isEstimated: boolean
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
  /** Finished spans, estimated as those of a service. */
  spanCount: number
  countedSpanCount: number
  isEstimated: boolean
  errorCount: number
  latencyNanos: Latency | null
}

const servicesMax = 2000
const operationsMax = 1000
const startedSpansMax = 100_000
const versionsMax = 20
const readSeconds = 15

export const createServiceStore = (store: Store, red = createRedStore(store)): ServiceStore => ({
  listServices: async (scope, range, filter) => {
    const [sightings, { services: counted, coverage, isTruncated }] = await Promise.all([
      store.query<SightingRow>(serviceSightings(scope, range, filter), limitedTo(scope, readSeconds)),
      red.redOfServices(scope, range, filter),
    ])
    const redByService = new Map(counted.map((service) => [keyOf(service), service]))
    const services = sightings
      .map((row) => serviceOf(row, redByService.get(keyOf(nameOf(row)))))
      // What names no service (a node's metrics) is not one, unless it has spans.
      .filter((service) => service.name !== '' || service.spanCount > 0)
    return {
      services: services.slice(0, servicesMax),
      isTruncated: isTruncated || sightings.length > servicesMax,
      coverage,
    }
  },
  listOperations: async (scope, range, filter) => {
    const [{ operations, isTruncated, coverage }, started] = await Promise.all([
      red.redOfOperations(scope, range, filter),
      store.query<StartedRow>(startedOperations(scope, range, filter), limitedTo(scope, readSeconds)),
    ])
    const finished = operations.map(operationOf)
    const known = new Set(finished.map(operationKey))
    const unfinished = started.map(unfinishedOf).filter((operation) => !known.has(operationKey(operation)))
    return {
      operations: [...finished, ...unfinished].slice(0, operationsMax),
      isTruncated: isTruncated || finished.length + unfinished.length > operationsMax,
      coverage,
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

interface SightingRow {
  service_name: string
  service_namespace: string
  environment: string
  first_nanos: string
  last_nanos: string
  pods: string
  versions: string[]
}

type ServiceName = Pick<StoredService, 'name' | 'namespace' | 'environment'>

const keyOf = ({ name, namespace, environment }: ServiceName): string =>
  JSON.stringify([name, namespace, environment])

const nameOf = (row: SightingRow): ServiceName => ({
  name: row.service_name,
  namespace: row.service_namespace,
  environment: row.environment,
})

const serviceOf = (row: SightingRow, red: ServiceRed | undefined): StoredService => ({
  ...nameOf(row),
  spanCount: red?.spanCount ?? 0,
  countedSpanCount: red?.countedSpanCount ?? 0,
  isEstimated: red?.requests.isEstimated ?? false,
  requestCount: red?.requests.count ?? 0,
  errorCount: red?.requests.errorCount ?? 0,
  latencyNanos: red?.requests.latencyNanos ?? null,
  podCount: Number(row.pods),
  firstSeenTimeUnixNano: row.first_nanos,
  lastSeenTimeUnixNano: row.last_nanos,
  versions: row.versions.toSorted(),
})

interface StartedRow {
  operation: string
  kind: number
}

const operationKey = ({ name, kind }: StoredOperation): string => JSON.stringify([name, kind])

const operationOf = ({ name, kind, spans }: OperationRed): StoredOperation => ({
  name,
  kind,
  spanCount: spans.count,
  countedSpanCount: spans.countedSpans,
  isEstimated: spans.isEstimated,
  errorCount: spans.errorCount,
  latencyNanos: spans.latencyNanos,
})

const unfinishedOf = ({ operation, kind }: StartedRow): StoredOperation => ({
  name: operation,
  kind,
  spanCount: 0,
  countedSpanCount: 0,
  isEstimated: false,
  errorCount: 0,
  latencyNanos: null,
})

/** Read backwards in the order of the search table, so that it ends after its limit, however long the range is. */
const startedOperations = (
  scope: ReadScope,
  { fromNanos, toNanos }: TimeRange,
  filter: ServiceFilter & { service: string },
): Sql => sql`
  SELECT DISTINCT operation, kind
  FROM
  (
    SELECT operation, kind
    FROM span_search
    WHERE ${sql.join([sql`tenant = ${sql.string(scope.tenant)}`, ...serviceConditions(filter)], sql` AND `)}
      -- times are cut to the millisecond in this table
      AND start_time >= toDateTime64(${sql.dateTime64(fromNanos)}, 3, 'UTC') AND start_time < ${sql.dateTime64(toNanos)}
      -- kinds that OTLP does not know are not told apart here
      AND kind >= 0
    ORDER BY start_time DESC
    LIMIT ${sql.uint64(startedSpansMax)}
  )
  ORDER BY operation, kind
  LIMIT ${sql.uint64(operationsMax + 1)}`

/** The tenant's resources of these services, each once. */
const resourcesOf = (scope: ReadScope, filter: ServiceFilter): Sql => {
  const where = sql.join(
    [sql`tenant = ${sql.string(scope.tenant)}`, ...serviceConditions(filter)],
    sql` AND `,
  )
  return sql`(SELECT resource_id, service_name, service_namespace, environment, service_version, ${podKey} AS pod FROM resources WHERE ${where} LIMIT 1 BY resource_id)`
}

/** Grouped by resource first and joined after: resources are few, sightings many. */
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
