import type { ReadScope } from './read-scope.ts'
import { attributeIs, resourceIdsWhere, serviceConditions } from './resource-rows.ts'
import { type Sql, sql } from './sql.ts'
import type { SpanFilters } from './trace-store.ts'

/** What one span has to meet, as conditions on the columns of `spans`. `status` `ok` is a statement on all of them. */
export const spanConditions = (scope: ReadScope, filters: SpanFilters): Sql[] => {
  const { operation, kind, minDurationNanos, maxDurationNanos, attributes = [], pod } = filters
  const resourceConditions = serviceConditions(filters)
  if (pod !== undefined)
    resourceConditions.push(sql`(pod_uid = ${sql.string(pod)} OR pod_name = ${sql.string(pod)})`)
  const conditions: Sql[] = []
  if (resourceConditions.length > 0)
    conditions.push(sql`resource_id IN ${resourceIdsWhere(scope, resourceConditions)}`)
  if (operation !== undefined) conditions.push(sql`name = ${sql.string(operation)}`)
  if (kind !== undefined) conditions.push(sql`kind = ${sql.int64(kind)}`)
  if (minDurationNanos !== undefined) conditions.push(sql`duration_nanos >= ${sql.int64(minDurationNanos)}`)
  if (maxDurationNanos !== undefined) conditions.push(sql`duration_nanos <= ${sql.int64(maxDurationNanos)}`)
  if (filters.status === 'error') conditions.push(sql`status_code = 2`)
  for (const attribute of attributes) {
    const ofResource = resourceIdsWhere(scope, [attributeIs(attribute)])
    conditions.push(sql`(${attributeIs(attribute)} OR resource_id IN ${ofResource})`)
  }
  return conditions
}
