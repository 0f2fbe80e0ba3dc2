import type { Store } from '../connection.ts'
import type { PodWatch } from './pod-watch.ts'
import { type ReadScope, limitedTo } from '../read-scope.ts'
import { type Sql, sql } from '../sql.ts'

const nanosPerMinute = 60_000_000_000n
/** A container's end is reported within seconds; a pod's deletion follows within minutes. */
const beforeLastSeenNanos = 15n * nanosPerMinute
const afterLastSeenNanos = 60n * nanosPerMinute
/** The newest so many records are looked at. */
const recordsMax = 50_000
/** Up to so many pods are searched for in the text before it is parsed; the engine takes 255 needles at most. */
const needlesMax = 200
const needleBytesMax = 256 << 10
/** A restart makes a few of them: terminated, waiting, running again. */
const terminationsPerPodMax = 50
const readSeconds = 10

/**
 * What the watch says of these pods, by their key (uid or name), out of the records from shortly before the first of
 * them was last seen to an hour after the last was. Pods that the watch never told of are left out.
 */
export const readPodWatches = async (
  store: Store,
  scope: ReadScope,
  pods: readonly { key: string; lastSeenNanos: bigint }[],
  nowNanos: bigint,
): Promise<Map<string, PodWatch>> => {
  if (pods.length === 0) return new Map()
  const seen = pods.map((pod) => pod.lastSeenNanos)
  const from = bigMin(...seen) - beforeLastSeenNanos
  const to = bigMin(bigMax(...seen) + afterLastSeenNanos, nowNanos + nanosPerMinute)
  const bytes = pods.reduce((sum, { key }) => sum + Buffer.byteLength(key), 0)
  const needles = pods.length <= needlesMax && bytes <= needleBytesMax ? pods.map((pod) => pod.key) : []
  const rows = await store.query<WatchRow>(
    watchedPods(scope, { from, to, needles }),
    limitedTo(scope, readSeconds),
  )
  const keys = new Set(pods.map((pod) => pod.key))
  const watches = new Map<string, PodWatch>()
  for (const row of rows) {
    const key = keys.has(row.uid) ? row.uid : row.name
    if (keys.has(key)) watches.set(key, watchOf(row))
  }
  return watches
}

const bigMin = (...values: bigint[]): bigint =>
  values.reduce((least, value) => (value < least ? value : least))
const bigMax = (...values: bigint[]): bigint => values.reduce((most, value) => (value > most ? value : most))

interface WatchRow {
  uid: string
  name: string
  deletions: string
  deleted_at: string
  latest: [phase: string, reason: string, containerStatuses: string, time: string]
  terminated: [containerStatuses: string, time: string]
  terminations: string[]
}

/** A body is `{type, object}`; in older builds of the receiver and in its pull mode it is the object itself. */
const watchedPods = (
  scope: ReadScope,
  { from, to, needles }: { from: bigint; to: bigint; needles: readonly string[] },
): Sql => sql`
  SELECT uid, any(pod_name) AS name, toString(countIf(type = 'DELETED')) AS deletions,
    minIf(nanos, type = 'DELETED') AS deleted_at,
    argMax(tuple(phase, reason, statuses, nanos), tuple(time, type = 'DELETED')) AS latest,
    argMaxIf(tuple(statuses, nanos), time, position(statuses, '"terminated"') > 0) AS terminated,
    groupUniqArrayIf(${sql.uint64(terminationsPerPodMax)})(statuses, position(statuses, '"terminated"') > 0) AS terminations
  FROM
  (
    SELECT time, toString(toUnixTimestamp64Nano(time)) AS nanos, JSONExtractString(body, 'type') AS type,
      if(JSONHas(body, 'object'), JSONExtractRaw(body, 'object'), body) AS object,
      JSONExtractString(object, 'metadata', 'uid') AS uid, JSONExtractString(object, 'metadata', 'name') AS pod_name,
      JSONExtractString(object, 'status', 'phase') AS phase, JSONExtractString(object, 'status', 'reason') AS reason,
      JSONExtractRaw(object, 'status', 'containerStatuses') AS statuses
    FROM log_records
    WHERE tenant = ${sql.string(scope.tenant)}
      AND time >= ${sql.dateTime64(from)} AND time < ${sql.dateTime64(to)}
      AND attributes['k8s.resource.name'] = 'pods'
      ${needles.length === 0 ? sql.empty : sql`AND multiSearchAny(body, ${sql.strings(needles)})`}
    ORDER BY time DESC
    LIMIT ${sql.uint64(recordsMax)}
  )
  WHERE uid != ''
  GROUP BY uid
  ORDER BY max(time)`

const watchOf = (row: WatchRow): PodWatch => {
  const [phase, reason, containerStatuses, time] = row.latest
  const [terminatedStatuses, terminatedTime] = row.terminated
  return {
    isDeleted: row.deletions !== '0',
    deletedAtNanos: BigInt(row.deleted_at || 0),
    latest: { phase, reason, containerStatuses, timeNanos: BigInt(time) },
    terminations: row.terminations,
    terminated:
      terminatedStatuses === ''
        ? undefined
        : { containerStatuses: terminatedStatuses, timeNanos: BigInt(terminatedTime) },
  }
}
