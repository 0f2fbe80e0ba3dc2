import { type Store, statementBytesMax } from '../connection.ts'
import {
  type ContainerEnd,
  type PodEnd,
  type PodWatch,
  containerEndsOf,
  podEnd,
  restartCountOf,
} from './pod-watch.ts'
import { readPodWatches } from './pod-watch-records.ts'
import { type ReadScope, type TimeRange, limitedTo } from '../read-scope.ts'
import {
  type ServiceFilter,
  type StoredResource,
  podKey,
  readResources,
  serviceConditions,
} from '../resource-rows.ts'
import { type Sql, sql } from '../sql.ts'

/**
 * Pods, dead ones included, out of the sightings of their resources. How one ended comes from records of a pod watch;
 * without them a pod that was silent for three minutes counts as gone.
 */
export interface PodStore {
  /** Pods seen inside the range, the latest first seen first. At most 5000 are looked at, also to find those of a state. */
  listPods(scope: ReadScope, search: PodSearch): Promise<{ pods: StoredPod[]; isTruncated: boolean }>
  /** Pods by their key (uid, else name), whenever they were seen; unknown keys are left out. At most 5000. */
  podsByKey(scope: ReadScope, keys: readonly string[]): Promise<Map<string, StoredPod>>
  /** One pod by uid or name; of several pods of one name the latest. */
  findPod(scope: ReadScope, uidOrName: string): Promise<StoredPod | undefined>
}

export interface PodSearch {
  range: TimeRange
  filter: ServiceFilter
  state?: 'alive' | 'gone' | undefined
  limit: number
}

export interface StoredPod {
  /** k8s.pod.uid; where it was not sent, k8s.pod.name. */
  uid: string
  name: string
  namespace: string
  node: string
  container: string
  /** What the pod last said of itself; among its resources one that names a service is preferred. */
  resource: StoredResource
  firstSeenTimeUnixNano: string
  lastSeenTimeUnixNano: string
  state: 'alive' | 'gone'
  end: PodEnd | null
  /** What became of its containers so far, those included that were started again; by time, the latest 20. */
  containerEnds: ContainerEnd[]
  restartCount: number
}

export const podsMax = 5000
const silenceNanos = 180_000_000_000n
const readSeconds = 15

export const createPodStore = (store: Store, options: { now?: () => number } = {}): PodStore => {
  const now = options.now ?? Date.now

  const read = async (
    scope: ReadScope,
    conditions: { resources: readonly Sql[]; pods: Sql; state?: 'alive' | 'gone' | undefined },
  ): Promise<{ pods: StoredPod[]; isTruncated: boolean }> => {
    const nowNanos = BigInt(now()) * 1_000_000n
    const rows = await store.query<PodRow>(sightedPods(scope, conditions), limitedTo(scope, readSeconds))
    const kept = rows.slice(0, podsMax)
    const [resources, watches] = await Promise.all([
      readResources(
        store,
        scope,
        kept.map((row) => row.latest_resource),
      ),
      readPodWatches(store, scope, kept.map(lifeOf), nowNanos),
    ])
    const pods = kept.flatMap((row) => {
      const resource = resources.get(row.latest_resource)
      return resource ? [podOf({ row, resource, watch: watches.get(row.pod), nowNanos })] : []
    })
    return { pods, isTruncated: rows.length > podsMax }
  }

  const podsByKey: PodStore['podsByKey'] = async (scope, keys) => {
    const wanted = [...new Set(keys)].slice(0, podsMax)
    if (wanted.length === 0) return new Map()
    const pods = new Map<string, StoredPod>()
    for (const some of inStatements(wanted)) {
      const isWanted = sql`has(${sql.strings(some)}, ${podKey})`
      const found = await read(scope, { resources: [isWanted], pods: sql`1` })
      for (const pod of found.pods) pods.set(pod.uid, pod)
    }
    return pods
  }

  return {
    podsByKey,
    listPods: async (scope, { range, filter, state, limit }) => {
      const isSeen = sql`last >= ${sql.dateTime64(range.fromNanos)} AND first < ${sql.dateTime64(range.toNanos)}`
      const silentBefore = BigInt(now()) * 1_000_000n - silenceNanos
      const { pods, isTruncated } = await read(scope, {
        resources: serviceConditions(filter),
        // Silent pods are gone: who wants living ones need not look at their ends.
        pods: state === 'alive' ? sql`${isSeen} AND last >= ${sql.dateTime64(silentBefore)}` : isSeen,
      })
      const matching = state === undefined ? pods : pods.filter((pod) => pod.state === state)
      return { pods: matching.slice(0, limit), isTruncated: isTruncated || matching.length > limit }
    },
    findPod: async (scope, uidOrName) => {
      const isPod = sql`(pod_uid = ${sql.string(uidOrName)} OR pod_name = ${sql.string(uidOrName)})`
      const { pods } = await read(scope, { resources: [isPod], pods: sql`1` })
      return pods.find((pod) => pod.uid === uidOrName) ?? pods[0]
    },
  }
}

/** A statement holds names of so many bytes with room to spare, at four characters a byte. */
const nameBytesPerStatement = statementBytesMax / 8

const inStatements = (names: readonly string[]): string[][] => {
  const statements: string[][] = [[]]
  let bytes = 0
  for (const name of names) {
    const nameBytes = Buffer.byteLength(name)
    // No pod is named so: Kubernetes takes 253 characters.
    if (nameBytes > nameBytesPerStatement) continue
    if (bytes + nameBytes > nameBytesPerStatement) {
      statements.push([])
      bytes = 0
    }
    statements.at(-1)?.push(name)
    bytes += nameBytes
  }
  return statements
}

interface PodRow {
  pod: string
  latest_resource: string
  pod_name: string
  first_nanos: string
  last_nanos: string
  restarts: number
}

/** Sightings are grouped by resource before they meet resources, and those by pod; the latest first seen first. */
const sightedPods = (scope: ReadScope, conditions: { resources: readonly Sql[]; pods: Sql }): Sql => sql`
  SELECT pod, toString(argMax(resource, tuple(has_service, last_sighting))) AS latest_resource,
    argMax(name_of_pod, last_sighting) AS pod_name,
    min(first_sighting) AS first, max(last_sighting) AS last,
    toString(toUnixTimestamp64Nano(first)) AS first_nanos, toString(toUnixTimestamp64Nano(last)) AS last_nanos,
    max(restart_count) AS restarts
  FROM
  (
    SELECT resource_id AS resource, min(first_seen) AS first_sighting, max(last_seen) AS last_sighting
    FROM resource_sightings
    WHERE tenant = ${sql.string(scope.tenant)}
    GROUP BY resource_id
  ) AS sightings
  INNER JOIN
  (
    SELECT resource_id, ${podKey} AS pod, pod_name AS name_of_pod, service_name != '' AS has_service,
      toUInt32OrZero(attributes['k8s.container.restart_count']) AS restart_count
    FROM resources
    WHERE ${sql.join([sql`tenant = ${sql.string(scope.tenant)}`, sql`${podKey} != ''`, ...conditions.resources], sql` AND `)}
    LIMIT 1 BY resource_id
  ) AS resources ON resources.resource_id = sightings.resource
  GROUP BY pod
  HAVING ${conditions.pods}
  ORDER BY first DESC, pod
  LIMIT ${sql.uint64(podsMax + 1)}`

const lifeOf = (row: PodRow): { key: string; lastSeenNanos: bigint } => ({
  key: row.pod,
  lastSeenNanos: BigInt(row.last_nanos),
})

const podOf = (seen: {
  row: PodRow
  resource: StoredResource
  watch: PodWatch | undefined
  nowNanos: bigint
}): StoredPod => {
  const { row, resource, watch } = seen
  const attribute = (key: string): string =>
    resource.attributes.find((entry) => entry.key === key)?.value ?? ''
  const container = attribute('k8s.container.name')
  const end = (watch && podEnd(watch, container)) ?? silenceOf(row, seen.nowNanos)
  return {
    uid: row.pod,
    name: row.pod_name,
    namespace: attribute('k8s.namespace.name'),
    node: attribute('k8s.node.name'),
    container,
    resource,
    firstSeenTimeUnixNano: row.first_nanos,
    lastSeenTimeUnixNano: row.last_nanos,
    state: end ? 'gone' : 'alive',
    end,
    containerEnds: watch ? containerEndsOf(watch) : [],
    restartCount: Math.max(row.restarts, watch ? restartCountOf(watch) : 0),
  }
}

const silenceOf = (row: PodRow, nowNanos: bigint): PodEnd | null =>
  nowNanos - BigInt(row.last_nanos) < silenceNanos
    ? null
    : {
        timeUnixNano: row.last_nanos,
        reason: 'Silent',
        exitCode: null,
        signal: null,
        evidence: 'silence',
        isFailure: false,
      }
