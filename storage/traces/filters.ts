import type { Store } from '../connection.ts'
import { type ReadScope, type TimeRange, limitedTo, uint64Set } from '../read-scope.ts'
import { attributeIs, resourceIdsWhere, serviceConditions } from '../resource-rows.ts'
import { type Sql, sql } from '../sql.ts'
import type { SpanFilters } from './trace-store.ts'

/** What is asked of spans. */
export interface SpanQuestion {
  readonly range: TimeRange
  readonly filters: SpanFilters
  /** What one span has to meet but the range, on columns of `spans`. `status` `ok` is a statement on all of them. */
  readonly conditions: readonly Sql[]
  /** They follow from the conditions, in words by which an index is found. */
  readonly indexConditions: readonly Sql[]
}

/** Resources that are named one by one; more are looked up by each statement itself. */
const namedResourcesMax = 1000
const resourceSeconds = 10

/** Which resources are meant is asked once, because several statements follow and there is mostly none. */
export const askOfSpans = async (
  store: Store,
  scope: ReadScope,
  { range, filters }: { range: TimeRange; filters: SpanFilters },
): Promise<SpanQuestion> => {
  const { operation, kind, minDurationNanos, maxDurationNanos, attributes = [], pod } = filters
  const conditions: Sql[] = serviceConditions(filters)
  if (operation !== undefined) conditions.push(sql`name = ${sql.string(operation)}`)
  if (kind !== undefined) conditions.push(sql`kind = ${sql.int64(kind)}`)
  if (minDurationNanos !== undefined) conditions.push(sql`duration_nanos >= ${sql.int64(minDurationNanos)}`)
  // What is open has lasted longer than anybody knows.
  if (maxDurationNanos !== undefined)
    conditions.push(sql`duration_nanos <= ${sql.int64(maxDurationNanos)} AND NOT is_open`)
  if (filters.status === 'error') conditions.push(sql`status_code = 2`)
  if (filters.root === true) conditions.push(sql`substring(span_ids, 9, 8) = unhex('0000000000000000')`)
  const indexConditions: Sql[] = []
  if (pod !== undefined) {
    const isPod = sql`(pod_uid = ${sql.string(pod)} OR pod_name = ${sql.string(pod)})`
    conditions.push((await ofResources(store, scope, isPod)) ?? sql`false`)
  }
  for (const attribute of attributes) {
    const ofResource = await ofResources(
      store,
      scope,
      sql`${hasItem(attribute)} AND ${attributeIs(attribute)}`,
    )
    const orOfResource = ofResource === undefined ? sql.empty : sql` OR ${ofResource}`
    conditions.push(sql`(${attributeIs(attribute)}${orOfResource})`)
    indexConditions.push(sql`(${hasItem(attribute)}${orOfResource})`)
  }
  return { range, filters, conditions, indexConditions }
}

/** That a span is of one of the resources that meet a condition; undefined where there is none. */
const ofResources = async (store: Store, scope: ReadScope, condition: Sql): Promise<Sql | undefined> => {
  const rows = await store.query<{ resource_id: string }>(
    sql`
      SELECT DISTINCT resource_id FROM resources
      WHERE tenant = ${sql.string(scope.tenant)} AND ${condition}
      LIMIT ${sql.uint64(namedResourcesMax + 1)}`,
    limitedTo(scope, resourceSeconds),
  )
  if (rows.length === 0) return undefined
  if (rows.length > namedResourcesMax) return sql`resource_id IN ${resourceIdsWhere(scope, [condition])}`
  return sql`resource_id IN ${uint64Set(rows.map((row) => row.resource_id))}`
}

/** The expression of the index `attribute_items`. An equals sign in a key makes two entries look alike. */
const hasItem = ({ key, value }: { readonly key: string; readonly value: string }): Sql =>
  sql`has(arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(attributes, 'Array(Tuple(String, String))')), ${sql.string(`${key}=${value}`)})`

/** To compute whether a span matches takes longer than to read it. */
export const isCostly = ({ indexConditions }: SpanQuestion): boolean => indexConditions.length > 0

/**
 * Spans of a place that match. The conditions that find an index are computed of those alone that meet all others, because
 * they are the dearest.
 */
export const whereSpans = ({ conditions, indexConditions }: SpanQuestion, place: readonly Sql[]): Sql => {
  const all = sql.join([...place, ...conditions], sql` AND `)
  return indexConditions.length > 0
    ? sql`PREWHERE ${all} WHERE ${sql.join(indexConditions, sql` AND `)}`
    : sql`WHERE ${all}`
}
