import type { EntityRef, Resource } from '#telemetry/otlp/messages.ts'
import type { Store } from '../connection.ts'
import { type ReadScope, limitedTo, uint64Set } from '../read-scope.ts'
import { sql } from '../sql.ts'
import { type ResourceRow, resourceRow } from './exported-columns.ts'

export interface SentResource {
  resource: Resource
  schemaUrl: string
}

export interface SentResources {
  /** By id; ids that are not there are left out. */
  read(resourceIds: Iterable<string>): Promise<ReadonlyMap<string, SentResource>>
}

const resourceSeconds = 10
/** Beyond, those that were read earlier are read again. */
const knownMax = 5000

/** The resources of one tenant as they were sent, each read once: its id is a hash of its content. */
export const sentResources = (store: Store, scope: ReadScope): SentResources => {
  let known = new Map<string, SentResource>()
  const names = resourceRow.parts.map((_, index) => `c${index}`)
  const selected = resourceRow.parts.map(
    (part, index) => sql`${part} AS ${sql.identifier(names[index] ?? '')}`,
  )

  const fetch = async (ids: readonly string[]): Promise<void> => {
    const found = await store.query<Record<string, unknown>>(
      sql`
        SELECT ${sql.join(selected, sql`, `)} FROM resources
        WHERE tenant = ${sql.string(scope.tenant)} AND resource_id IN ${uint64Set(ids)}
        LIMIT 1 BY resource_id`,
      limitedTo(scope, resourceSeconds),
    )
    for (const each of found) {
      const row = resourceRow.read(names.map((name) => each[name]))
      known.set(row.resourceId, sentResource(row))
    }
  }

  return {
    read: async (resourceIds) => {
      const wanted = new Set(resourceIds)
      if (known.size + wanted.size > knownMax) known = new Map()
      const unknown = [...wanted].filter((id) => !known.has(id))
      if (unknown.length > 0) await fetch(unknown)
      return known
    },
  }
}

const sentResource = (row: ResourceRow): SentResource => ({
  resource: {
    attributes: row.attributes,
    droppedAttributesCount: row.droppedAttributesCount,
    entityRefs: row.entityRefs === '' ? [] : (JSON.parse(row.entityRefs) as EntityRef[]),
  },
  schemaUrl: row.schemaUrl,
})
