import {
  deadLetterFolder,
  listDeadLetters,
  readDeadLetterPayload,
} from '#collector/writer/dead-letter-files.ts'
import { type Store, openStore } from '#storage/connection.ts'
import { redTiers } from '#storage/red/red-tiers.ts'
import { type Sql, sql } from '#storage/sql.ts'
import { type SentExport, guiltyName, itemKey } from './load.ts'

/**
 * What is not as it was promised, in the data folder of a backend that has come to rest and was stopped. Every export that
 * was sent is there: each item once and under its own service and pod, or the export as a dead letter where the store refuses
 * it; nothing else is; and what is derived from rows is what the rows say.
 */
export const auditDataDir = async (dataDir: string, sent: readonly SentExport[]): Promise<string[]> => {
  const store = await openStore({ dataDir, database: 'otel' })
  try {
    const stored = await readItems(store)
    const letters = await readLetters(dataDir)
    const faults = sent.flatMap((one) => faultsOf(one, stored, letters))
    const known = new Set(sent.flatMap(({ items }) => items))
    const strange = [...stored.keys()].filter((item) => !known.has(item))
    return [
      ...faults,
      ...strange.map((item) => `${item} is stored, though it was not sent`),
      ...(await derivedFaults(store)),
    ]
  } finally {
    await store.close()
  }
}

interface StoredItem {
  copies: number
  service: string
  pod: string
}

const itemViews: readonly { view: string; attributes: string }[] = [
  { view: 'otel_traces', attributes: 'SpanAttributes' },
  { view: 'otel_logs', attributes: 'LogAttributes' },
  ...['gauge', 'sum', 'histogram', 'exp_histogram', 'summary'].map((kind) => ({
    view: `otel_metrics_${kind}`,
    attributes: 'Attributes',
  })),
]

const readItems = async (store: Store): Promise<Map<string, StoredItem>> => {
  const items = new Map<string, StoredItem>()
  for (const { view, attributes } of itemViews) {
    const rows = await store.query<{ item: string; copies: string; service: string; pod: string }>(sql`
      SELECT ${sql.identifier(attributes)}[${sql.string(itemKey)}] AS item, toString(count()) AS copies,
        any(ServiceName) AS service, any(ResourceAttributes['k8s.pod.name']) AS pod
      FROM ${sql.identifier(view)} GROUP BY item`)
    for (const { item, copies, service, pod } of rows)
      items.set(item, { copies: Number(copies) + (items.get(item)?.copies ?? 0), service, pod })
  }
  return items
}

/** How many letters hold these very bytes. */
const readLetters = async (dataDir: string): Promise<Map<string, number>> => {
  const folder = deadLetterFolder(dataDir)
  const letters = new Map<string, number>()
  for (const { name } of await listDeadLetters(folder)) {
    const key = (await readDeadLetterPayload(folder, name)).toString('latin1')
    letters.set(key, (letters.get(key) ?? 0) + 1)
  }
  return letters
}

const faultsOf = (
  { signal, items, service, pod, payload, isGuilty }: SentExport,
  stored: ReadonlyMap<string, StoredItem>,
  letters: ReadonlyMap<string, number>,
): string[] => {
  const name = `${signal} ${items[0] ?? ''}`
  const rows = items.flatMap((item) => stored.get(item) ?? [])
  const letterCount = letters.get(payload.toString('latin1')) ?? 0
  const faults: string[] = []
  const fault = (text: string): void => void faults.push(`${name}: ${text}`)
  if (letterCount !== (isGuilty ? 1 : 0)) fault(`it is ${letterCount} dead letters`)
  if (isGuilty) {
    if (rows.length > 0) fault(`${rows.length} rows are there, though the store refuses them`)
    return faults
  }
  if (rows.length === 0) fault('it is lost')
  else if (rows.length !== items.length) fault(`${rows.length} of ${items.length} items are there`)
  const doubled = rows.filter(({ copies }) => copies > 1).length
  if (doubled > 0) fault(`${doubled} items are doubled`)
  const foreign = rows.find((row) => row.service !== service || row.pod !== pod)
  if (foreign !== undefined)
    fault(`it is of ${foreign.service} in '${foreign.pod}', not of ${service} in '${pod}'`)
  return faults
}

/** Where what is derived from rows is not what they say. */
export const derivedFaults = async (store: Store): Promise<string[]> => {
  const checks: { name: string; differences: Sql }[] = [
    { name: 'span_search', differences: differences(searchRows, rowsToSearch) },
    ...redTiers.flatMap(({ name, seconds }) => [
      {
        name: `operation_red_${name}`,
        differences: differences(operations(name), recountOfOperations(seconds)),
      },
      { name: `service_red_${name}`, differences: differences(services(name), recountOfServices(seconds)) },
    ]),
    { name: 'resource_sightings', differences: unseen },
  ]
  const faults: string[] = []
  for (const { name, differences } of checks) {
    const rows = await store.query<Record<string, unknown>>(differences)
    if (rows.length > 0) faults.push(`${name} is not what the rows say: ${JSON.stringify(rows.slice(0, 3))}`)
  }
  return faults
}

/** What is in one and not in the other, either way. */
const differences = (one: Sql, other: Sql): Sql =>
  sql`SELECT * FROM ((${one}) EXCEPT (${other})) UNION ALL SELECT * FROM ((${other}) EXCEPT (${one}))`

const searchRows = sql`SELECT range, operation, toUInt64(count()) AS found FROM span_search GROUP BY range, operation`
const rowsToSearch = sql`SELECT range, name AS operation, toUInt64(count()) AS found FROM spans GROUP BY range, operation`

const operations = (tier: string): Sql =>
  sql`SELECT time, service_name, operation, kind, sum(span_count) AS counted, sum(error_count) AS errors, arraySum(sumMap(durations).2) AS bucketed
    FROM ${sql.identifier(`operation_red_${tier}`)} GROUP BY time, service_name, operation, kind`
const recountOfOperations = (seconds: number): Sql =>
  sql`SELECT toStartOfInterval(toDateTime(start_time), toIntervalSecond(${sql.int64(seconds)})) AS time, service_name, name AS operation, kind,
      toUInt64(count()) AS counted, toUInt64(countIf(status_code = 2)) AS errors, counted AS bucketed
    FROM spans WHERE NOT is_open GROUP BY time, service_name, operation, kind`

const services = (tier: string): Sql =>
  sql`SELECT time, service_name, sum(span_count) AS counted, sum(request_count) AS requests, sum(error_count) AS errors
    FROM ${sql.identifier(`service_red_${tier}`)} GROUP BY time, service_name`
const recountOfServices = (seconds: number): Sql =>
  sql`SELECT toStartOfInterval(toDateTime(start_time), toIntervalSecond(${sql.int64(seconds)})) AS time, service_name,
      toUInt64(count()) AS counted, toUInt64(countIf(kind IN (2, 5))) AS requests, toUInt64(countIf(status_code = 2 AND kind IN (2, 5))) AS errors
    FROM spans WHERE NOT is_open GROUP BY time, service_name`

const timesOf = (table: string): Sql =>
  sql`SELECT resource_id, toDate(${sql.identifier(table === 'spans' ? 'start_time' : 'time')}) AS day, min(${sql.identifier(table === 'spans' ? 'start_time' : 'time')}) AS first
    FROM ${sql.identifier(table)} GROUP BY resource_id, day`
const rowTables = [
  'spans',
  'log_records',
  ...['gauge', 'sum', 'histogram', 'exp_histogram', 'summary'].map((kind) => `metric_${kind}_points`),
]
/** Resources that have rows of a day on which they were not seen, or not seen so early. */
const unseen = sql`
  SELECT rows.resource_id AS resource_id, rows.day AS day FROM
    (SELECT resource_id, day, min(first) AS first FROM (${sql.join(rowTables.map(timesOf), sql` UNION ALL `)}) GROUP BY resource_id, day) AS rows
  LEFT JOIN (SELECT resource_id, day, min(first_seen) AS first_seen, count() AS found FROM resource_sightings GROUP BY resource_id, day) AS seen
    ON seen.resource_id = rows.resource_id AND seen.day = rows.day
  WHERE seen.found = 0 OR seen.first_seen > rows.first`

/** Makes the store refuse spans of this name. */
export const refuseGuilty = (store: Store): Promise<void> =>
  store.command(sql`ALTER TABLE spans ADD CONSTRAINT innocent CHECK name != ${sql.string(guiltyName)}`)
