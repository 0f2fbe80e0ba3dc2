import type { Column } from '#storage/native-block.ts'
import { type TableRow, physicalTables } from '#storage/physical-tables.ts'
import type { RangeBlock, RangeTable } from '#storage/range-store.ts'
import type { InstrumentationScope, Resource } from '#telemetry/otlp/messages.ts'
import { attributeColumns } from '#collector/writer/attributes.ts'
import { type ResourceRow, resourceRow } from '#collector/writer/resource-row.ts'
import { pushRow } from '#collector/writer/resource-rows.ts'
import type { ServiceIdentity } from '#collector/writer/service-identity.ts'

/** The rows of one range of queued records by way of objects, gathered into one block per table and day. */
export interface Batch {
  addResource(tenant: string, resource: Resource | undefined, schemaUrl: string): ResourceRow
  /** `timeUnixNano` decides the day. */
  addRow<Table extends RangeTable>(table: Table, timeUnixNano: bigint, row: TableRow<Table>): void
  resources(): readonly ResourceRow[]
  blocks(): RangeBlock[]
}

const nanosPerDay = 86_400_000_000_000n

export const createBatch = (): Batch => {
  const resources = new Map<bigint, ResourceRow>()
  const blocks = new Map<string, RangeBlock & { columns: Record<string, Column<never>> }>()

  const blockOf = (table: RangeTable, day: number) => {
    const key = `${table}/${day}`
    let block = blocks.get(key)
    if (block === undefined) {
      block = { table, day, rowCount: 0, columns: physicalTables[table]() }
      blocks.set(key, block)
    }
    return block
  }

  return {
    addResource: (tenant, resource, schemaUrl) => {
      const row = resourceRow(tenant, resource, schemaUrl)
      resources.set(row.resource_id, row)
      return row
    },
    addRow: (table, timeUnixNano, row) => {
      const block = blockOf(table, Number(timeUnixNano / nanosPerDay))
      pushRow(block.columns, row)
      block.rowCount += 1
    },
    resources: () => [...resources.values()],
    // In a stated order, so that the same range always makes the same inserts in the same sequence.
    blocks: () => [...blocks].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, block]) => block),
  }
}

/** What rows of all three signals share: where the record came from and whose it is. */
export interface RowOrigin {
  tenant: string
  ingested_at: number
  resource_id: bigint
  service_name: string
}

export const rowOrigin = (
  record: { queuedAtMillis: number },
  resource: Pick<ResourceRow, 'tenant' | 'resource_id'>,
  { name }: ServiceIdentity,
): RowOrigin => ({
  tenant: resource.tenant,
  ingested_at: record.queuedAtMillis,
  resource_id: resource.resource_id,
  service_name: name,
})

export type ScopeColumns = Pick<
  TableRow<'spans'>,
  | 'scope_name'
  | 'scope_version'
  | 'scope_attributes'
  | 'scope_attribute_types'
  | 'scope_dropped_attributes_count'
  | 'scope_schema_url'
>

export const scopeColumns = (scope: InstrumentationScope | undefined, schemaUrl: string): ScopeColumns => {
  const { map, types } = attributeColumns(scope?.attributes ?? [])
  return {
    scope_name: scope?.name ?? '',
    scope_version: scope?.version ?? '',
    scope_attributes: map,
    scope_attribute_types: types,
    scope_dropped_attributes_count: scope?.droppedAttributesCount ?? 0,
    scope_schema_url: schemaUrl,
  }
}
