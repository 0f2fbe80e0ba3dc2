import { createHash } from 'node:crypto'
import type { TableRow } from '#storage/physical-tables.ts'
import { anyValueInnerTypes, anyValueToText, anyValueType } from '#telemetry/otlp/any-value.ts'
import type { Resource } from '#telemetry/otlp/messages.ts'
import { attributeColumns } from './attributes.ts'

export type ResourceRow = Omit<TableRow<'resources'>, 'seen_at'>

const emptyResource: Resource = { attributes: [], droppedAttributesCount: 0, entityRefs: [] }

/**
 * The row of a resource. Its id is a hash of everything that tells it apart, tenant included, and not of the order in
 * which keys came; so every writer gives the same resource the same id without asking. Attributes of one key, which no
 * sender should send, keep their order: which of them counts is the reader's choice.
 */
export const resourceRow = (
  tenant: string,
  resource: Resource = emptyResource,
  schemaUrl: string,
): ResourceRow => {
  const { map, types } = attributeColumns(resource.attributes)
  const entityRefs = resource.entityRefs.length === 0 ? '' : JSON.stringify(resource.entityRefs)
  const sorted = resource.attributes
    .map(({ key, value }) => [key, anyValueToText(value), anyValueType(value) + anyValueInnerTypes(value)])
    .toSorted(([a = ''], [b = '']) => (a === b ? 0 : a < b ? -1 : 1))
  const identity = JSON.stringify([tenant, schemaUrl, resource.droppedAttributesCount, entityRefs, sorted])
  return {
    tenant,
    resource_id: createHash('sha256').update(identity).digest().readBigUInt64LE(0),
    attributes: map,
    attribute_types: types,
    dropped_attributes_count: resource.droppedAttributesCount,
    schema_url: schemaUrl,
    entity_refs: entityRefs,
  }
}
