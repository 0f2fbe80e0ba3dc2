import type { Column } from '#storage/native-block.ts'
import type { ResourceOrigin, ScopeOrigin } from './origins.ts'

/** Rows that follow each other in a block and come from one scope of one record. */
export interface Run {
  rowCount: number
  queuedAtMillis: number
  resource: ResourceOrigin
  scope: ScopeOrigin
}

/** The columns that all rows of a run have the same value in; those of them that a table has. */
const sharedValues: Readonly<Record<string, (run: Run) => unknown>> = {
  tenant: ({ resource }) => resource.row.tenant,
  resource_id: ({ resource }) => resource.row.resource_id,
  service_name: ({ resource }) => resource.service.name,
  service_namespace: ({ resource }) => resource.service.namespace,
  environment: ({ resource }) => resource.service.environment,
  service_version: ({ resource }) => resource.service.version,
  ingested_at: ({ queuedAtMillis }) => queuedAtMillis,
  scope_name: ({ scope }) => scope.scope_name,
  scope_version: ({ scope }) => scope.scope_version,
  scope_attributes: ({ scope }) => scope.scope_attributes,
  scope_attribute_types: ({ scope }) => scope.scope_attribute_types,
  scope_dropped_attributes_count: ({ scope }) => scope.scope_dropped_attributes_count,
  scope_schema_url: ({ scope }) => scope.scope_schema_url,
}

/** Fills a column of a block; the names and types of columns are those of physical-tables.ts. */
export const fillShared = (name: string, column: Column<never>, runs: readonly Run[]): void => {
  const valueOf = sharedValues[name]
  if (valueOf === undefined) throw new Error(`nothing fills the column ${name}`)
  let value: unknown
  let rowCount = 0
  for (const run of runs) {
    const next = valueOf(run)
    if (next !== value && rowCount > 0) {
      column.pushTimes(value as never, rowCount)
      rowCount = 0
    }
    value = next
    rowCount += run.rowCount
  }
  if (rowCount > 0) column.pushTimes(value as never, rowCount)
}
