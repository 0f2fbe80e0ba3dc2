import type { Column } from '#storage/native-block.ts'
import type { QueuedRecord } from '../../queue/queue.ts'
import type { Origins, ResourceOrigin, ScopeOrigin } from './origins.ts'

/** The columns that all rows of a run (blocks.ts) have the same value in; those of them that a table has. */
const ofRecord: Readonly<Record<string, (record: QueuedRecord) => unknown>> = {
  ingested_at: ({ queuedAtMillis }) => queuedAtMillis,
}
const ofResource: Readonly<Record<string, (origin: ResourceOrigin) => unknown>> = {
  tenant: ({ row }) => row.tenant,
  resource_id: ({ row }) => row.resource_id,
  service_name: ({ service }) => service.name,
  service_namespace: ({ service }) => service.namespace,
  environment: ({ service }) => service.environment,
  service_version: ({ service }) => service.version,
}
const ofScope: Readonly<Record<string, (origin: ScopeOrigin) => unknown>> = {
  scope_name: (scope) => scope.scope_name,
  scope_version: (scope) => scope.scope_version,
  scope_attributes: (scope) => scope.scope_attributes,
  scope_attribute_types: (scope) => scope.scope_attribute_types,
  scope_dropped_attributes_count: (scope) => scope.scope_dropped_attributes_count,
  scope_schema_url: (scope) => scope.scope_schema_url,
}

/** Where the words of a run are. */
const runWords = 4
const recordWord = 1
const resourceWord = 2
const scopeWord = 3

/** Rows that follow each other and have the same record, the same resource or the same scope. */
interface Stretches {
  numbers: number[]
  rowCounts: number[]
}

/** Fills what the rows of one block share. The names and types of columns are those of physical-tables.ts. */
export const createSharedColumns = (
  runs: Int32Array,
  records: readonly QueuedRecord[],
  { resources, scopes }: Origins,
) => {
  const byRecord = stretchesOf(runs, recordWord)
  const byResource = stretchesOf(runs, resourceWord)
  const byScope = stretchesOf(runs, scopeWord)
  return {
    fill: (name: string, column: Column<never>): void => {
      const [record, resource, scope] = [ofRecord[name], ofResource[name], ofScope[name]]
      if (record !== undefined) fill(column, byRecord, records, record)
      else if (resource !== undefined) fill(column, byResource, resources, resource)
      else if (scope !== undefined) fill(column, byScope, scopes, scope)
      else throw new Error(`nothing fills the column ${name}`)
    },
  }
}

const stretchesOf = (runs: Int32Array, word: number): Stretches => {
  const stretches: Stretches = { numbers: [], rowCounts: [] }
  let rowCount = 0
  for (let run = 0; run < runs.length; run += runWords) {
    rowCount += runs[run] ?? 0
    const number = runs[run + word] ?? 0
    if (number === runs[run + runWords + word]) continue
    stretches.numbers.push(number)
    stretches.rowCounts.push(rowCount)
    rowCount = 0
  }
  return stretches
}

const fill = <Origin>(
  column: Column<never>,
  { numbers, rowCounts }: Stretches,
  origins: readonly Origin[],
  valueOf: (origin: Origin) => unknown,
): void => {
  let value: unknown
  let rowCount = 0
  for (const [index, number] of numbers.entries()) {
    const next = valueOf(origins[number] as Origin)
    if (next !== value && rowCount > 0) {
      column.pushTimes(value as never, rowCount)
      rowCount = 0
    }
    value = next
    rowCount += rowCounts[index] ?? 0
  }
  if (rowCount > 0) column.pushTimes(value as never, rowCount)
}
