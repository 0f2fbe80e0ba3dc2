import type { TableRow } from '#storage/physical-tables.ts'
import { lengthDelimited } from '#telemetry/otlp/length-delimited.ts'
import type { ExportTraceServiceRequest } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { attributeColumns } from '../attributes.ts'
import { type ResourceRow, resourceRow } from '../resource-row.ts'
import { type ServiceIdentity, serviceIdentity } from '../service-identity.ts'

/** What the rows of a ResourceSpans (ResourceLogs, ResourceMetrics) share. */
export interface ResourceOrigin {
  row: ResourceRow
  service: ServiceIdentity
  /** The number of the first one that is the same resource: bytes in another order may be, and of another tenant never. */
  firstNumber: number
}

/** What the rows of a ScopeSpans share. */
export type ScopeOrigin = Pick<
  TableRow<'spans'>,
  | 'scope_name'
  | 'scope_version'
  | 'scope_attributes'
  | 'scope_attribute_types'
  | 'scope_dropped_attributes_count'
  | 'scope_schema_url'
>

/** An envelope without its items: the message that it is of, and its schema URL. */
export interface Subject {
  message: Uint8Array
  schemaUrl: Uint8Array
}

/** What rows come from, by the numbers that the walk knows it by. The walk says when all are forgotten (subjects.ts). */
export class Origins {
  readonly resources: ResourceOrigin[] = []
  readonly scopes: ScopeOrigin[] = []
  readonly #numberById = new Map<bigint, number>()
  readonly #tenantNumbers = new Map<string, number>()

  tenantNumber(tenant: string): number {
    let number = this.#tenantNumbers.get(tenant)
    if (number === undefined) this.#tenantNumbers.set(tenant, (number = this.#tenantNumbers.size))
    return number
  }

  addResource(tenant: string, subject: Subject): number {
    const origin = readResource(tenant, subject)
    const number = this.resources.length
    const firstNumber = this.#numberById.get(origin.row.resource_id) ?? number
    this.#numberById.set(origin.row.resource_id, firstNumber)
    this.resources.push({ ...origin, firstNumber })
    return number
  }

  addScope(subject: Subject): number {
    return this.scopes.push(readScope(subject)) - 1
  }

  clear(): void {
    this.resources.length = 0
    this.scopes.length = 0
    this.#numberById.clear()
    this.#tenantNumbers.clear()
  }
}

const readResource = (tenant: string, subject: Subject): Omit<ResourceOrigin, 'firstNumber'> => {
  const [resourceSpans] = decode(lengthDelimited(1, withoutItems(subject))).resourceSpans
  const resource = resourceSpans?.resource
  const row = resourceRow(tenant, resource, resourceSpans?.schemaUrl ?? '')
  return { row, service: serviceIdentity(resource) }
}

const readScope = (subject: Subject): ScopeOrigin => {
  const request = decode(lengthDelimited(1, lengthDelimited(2, withoutItems(subject))))
  const { scope, schemaUrl = '' } = request.resourceSpans[0]?.scopeSpans[0] ?? {}
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

/** Envelopes are alike in all signals, and without their items they are the same. */
const decode = (request: Buffer): ExportTraceServiceRequest => decodeExportRequest('traces', request)

const withoutItems = ({ message, schemaUrl }: Subject): Buffer =>
  Buffer.concat([lengthDelimited(1, message), lengthDelimited(3, schemaUrl)])
