import { type Attribute, type MapEntries, attributeList, mapEntries } from './attribute-list.ts'
import type { Store } from './connection.ts'
import { type ReadScope, limitedTo, uint64Set } from './read-scope.ts'
import { type Sql, sql } from './sql.ts'

/** A resource as it lies in the store. `podUid` is the pod's uid, else its name, else ''. */
export interface StoredResource {
  resourceId: string
  serviceName: string
  serviceNamespace: string
  environment: string
  serviceVersion: string
  podUid: string
  podName: string
  attributes: Attribute[]
}

/** What names a service; absent means any, the empty string means that the service states none. */
export interface ServiceFilter {
  readonly service?: string | undefined
  readonly namespace?: string | undefined
  readonly environment?: string | undefined
}

/** What tells pods apart: their uid; where no uid was sent, their name. */
export const podKey = sql`if(pod_uid != '', pod_uid, pod_name)`

/** Conditions on the columns of `resources`. */
export const serviceConditions = ({ service, namespace, environment }: ServiceFilter): Sql[] => [
  ...(service === undefined ? [] : [sql`service_name = ${sql.string(service)}`]),
  ...(namespace === undefined ? [] : [sql`service_namespace = ${sql.string(namespace)}`]),
  ...(environment === undefined ? [] : [sql`environment = ${sql.string(environment)}`]),
]

/** `key` has this value as text; an empty value does not match where the key is missing. */
export const attributeIs = ({ key, value }: { key: string; value: string }): Sql =>
  value === ''
    ? sql`(mapContains(attributes, ${sql.string(key)}) AND attributes[${sql.string(key)}] = '')`
    : sql`attributes[${sql.string(key)}] = ${sql.string(value)}`

/** The ids of the tenant's resources that meet all conditions, for `resource_id IN`. */
export const resourceIdsWhere = ({ tenant }: ReadScope, conditions: readonly Sql[]): Sql => {
  const all = sql.join([sql`tenant = ${sql.string(tenant)}`, ...conditions], sql` AND `)
  return sql`(SELECT resource_id FROM resources WHERE ${all})`
}

/** Ids in one statement; more are asked for in further statements. */
const idsPerQuery = 5000
const resourceSeconds = 10

/** A resource is named by a hash of its content, tenant included, so what was read once is never read again. */
const knownByStore = new WeakMap<Store, Map<string, StoredResource>>()
const knownMax = 5000

/** The resources with these ids, by id. Ids that are not there are left out. Callers share what they get: read only. */
export const readResources = async (
  store: Store,
  scope: ReadScope,
  resourceIds: readonly string[],
): Promise<Map<string, StoredResource>> => {
  const known = knownByStore.get(store) ?? new Map<string, StoredResource>()
  knownByStore.set(store, known)
  const keyOf = (id: string): string => `${id}/${scope.tenant}`
  const resources = new Map<string, StoredResource>()
  const unknown: string[] = []
  for (const id of new Set(resourceIds)) {
    const resource = known.get(keyOf(id))
    if (resource === undefined) unknown.push(id)
    else resources.set(id, resource)
  }
  for (let start = 0; start < unknown.length; start += idsPerQuery) {
    for (const row of await readRows(store, scope, unknown.slice(start, start + idsPerQuery))) {
      const resource = resourceOf(row)
      resources.set(row.resource, resource)
      known.set(keyOf(row.resource), resource)
    }
  }
  // The longest known go first.
  for (const key of known.keys()) {
    if (known.size <= knownMax) break
    known.delete(key)
  }
  return resources
}

const readRows = (store: Store, scope: ReadScope, ids: readonly string[]): Promise<ResourceRow[]> =>
  store.query<ResourceRow>(
    sql`
      SELECT toString(resource_id) AS resource, service_name, service_namespace, environment, service_version,
        ${podKey} AS pod, pod_name, ${mapEntries(sql`attributes`)} AS entries, attribute_types
      FROM resources
      WHERE tenant = ${sql.string(scope.tenant)} AND resource_id IN ${uint64Set(ids)}
      LIMIT 1 BY resource_id`,
    limitedTo(scope, resourceSeconds),
  )

interface ResourceRow {
  resource: string
  service_name: string
  service_namespace: string
  environment: string
  service_version: string
  pod: string
  pod_name: string
  entries: MapEntries
  attribute_types: string
}

const resourceOf = (row: ResourceRow): StoredResource => ({
  resourceId: row.resource,
  serviceName: row.service_name,
  serviceNamespace: row.service_namespace,
  environment: row.environment,
  serviceVersion: row.service_version,
  podUid: row.pod,
  podName: row.pod_name,
  attributes: attributeList(row.entries, row.attribute_types),
})
