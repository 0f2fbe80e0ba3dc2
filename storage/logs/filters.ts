import type { Store } from '../connection.ts'
import type { LogFilters } from './log-store.ts'
import { type ReadScope, limitedTo, uint64Set } from '../read-scope.ts'
import { attributeIs, resourceIdsWhere, serviceConditions } from '../resource-rows.ts'
import { type Sql, sql } from '../sql.ts'

/** What a record has to meet, as conditions on the columns of `log_records`, each written so that it finds its index. */
export const readLogConditions = async (
  store: Store,
  scope: ReadScope,
  filters: LogFilters,
): Promise<Sql[]> => {
  const { service, namespace, environment, pod, minSeverity, traceId, eventName } = filters
  const { bodyWords, bodyPhrases = [], attributes = [] } = filters
  const conditions: Sql[] = []
  if (service !== undefined) conditions.push(sql`service_name = ${sql.string(service)}`)
  const ofResource = serviceConditions({ namespace, environment })
  if (pod !== undefined) ofResource.push(sql`(pod_uid = ${sql.string(pod)} OR pod_name = ${sql.string(pod)})`)
  if (ofResource.length > 0) conditions.push(sql`resource_id IN ${resourceIdsWhere(scope, ofResource)}`)
  if (minSeverity !== undefined) conditions.push(sql`severity_number >= ${sql.int64(minSeverity)}`)
  if (traceId !== undefined) conditions.push(sql`lower(hex(trace_id)) = ${sql.string(traceId)}`)
  if (eventName !== undefined) conditions.push(sql`event_name = ${sql.string(eventName)}`)
  if (bodyWords !== undefined)
    conditions.push(sql`hasAllTokens(lower(body), ${sql.string(asciiLower(bodyWords))})`)
  for (const phrase of bodyPhrases) conditions.push(...phraseConditions(asciiLower(phrase)))
  conditions.push(...(await readAttributeConditions(store, scope, attributes)))
  return conditions
}

type AttributeFilter = NonNullable<LogFilters['attributes']>[number]

/** More than these are looked up by each statement that needs them. */
const namedResourcesMax = 500
const resourceSeconds = 5

/**
 * Mostly no resource has an attribute by which records are searched, and a statement that need not ask for resources
 * is a third cheaper; so they are asked for once, before the slices.
 */
const readAttributeConditions = async (
  store: Store,
  scope: ReadScope,
  attributes: readonly AttributeFilter[],
): Promise<Sql[]> => {
  if (attributes.length === 0) return []
  const asked = attributes.map(attributeIsIndexed)
  const rows = await store.query<{ resource: string; met: number[] }>(
    sql`
      SELECT toString(resource_id) AS resource, [${sql.join(asked, sql`, `)}] AS met
      FROM resources
      WHERE tenant = ${sql.string(scope.tenant)} AND (${sql.join(asked, sql` OR `)})
      LIMIT ${sql.uint64(namedResourcesMax + 1)}`,
    limitedTo(scope, resourceSeconds),
  )
  return asked.map((isSet, index) => {
    if (rows.length > namedResourcesMax)
      return sql`(${isSet} OR resource_id IN ${resourceIdsWhere(scope, [isSet])})`
    const ids = rows.filter(({ met }) => met[index] === 1).map(({ resource }) => resource)
    return ids.length === 0 ? isSet : sql`(${isSet} OR resource_id IN ${uint64Set(ids)})`
  })
}

/** As the engine's `lower`, which leaves everything but A to Z as it is. */
const asciiLower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())

/** The engine takes a text apart at every ASCII character that is neither a letter nor a digit. */
const hasWord = (text: string): boolean => /[0-9A-Za-z\u0080-\uffff]/.test(text)

/** The index knows words, and not what stands between them. */
const phraseConditions = (phrase: string): Sql[] => [
  ...(hasWord(phrase) ? [sql`hasPhrase(lower(body), ${sql.string(phrase)})`] : []),
  sql`position(lower(body), ${sql.string(phrase)}) > 0`,
]

/**
 * The expression of the index `attribute_items`, which log records and resources have. Only where there is a second
 * equals sign can two entries have the same text.
 */
const attributeIsIndexed = ({ key, value }: AttributeFilter): Sql => {
  const item = `${key}=${value}`
  const hasItem = sql`has(arrayMap(entry -> concat(entry.1, '=', entry.2), CAST(attributes, 'Array(Tuple(String, String))')), ${sql.string(item)})`
  const isExact = item.indexOf('=') === item.lastIndexOf('=')
  return isExact ? hasItem : sql`(${hasItem} AND ${attributeIs({ key, value })})`
}
