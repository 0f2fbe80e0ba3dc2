import type { TableRow } from '#storage/physical-tables.ts'
import type { ExportTraceServiceRequest } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { attributeColumns } from '../attributes.ts'
import { type ResourceRow, resourceRow } from '../resource-row.ts'
import { type ServiceIdentity, serviceIdentity } from '../service-identity.ts'
import type { Envelope, Range } from './envelope.ts'
import { lengthDelimited } from './length-delimited.ts'

/** What the rows of a ResourceSpans (ResourceLogs, ResourceMetrics) share. */
export interface ResourceOrigin {
  row: ResourceRow
  service: ServiceIdentity
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

/** How many resources, and how many scopes, are remembered by their bytes; beyond, they are read again. */
const knownMax = 20_000
/** Larger ones are read each time that they come. */
const knownBytesMax = 1 << 14

export const createOrigins = () => {
  const resources = new Map<string, ResourceOrigin>()
  const scopes = new Map<string, ScopeOrigin>()
  return {
    resource: (tenant: string, payload: Buffer, envelope: Envelope): ResourceOrigin =>
      remembered(resources, `${tenant}\0${keyOf(payload, envelope)}`, () =>
        readResource(tenant, payload, envelope),
      ),
    scope: (payload: Buffer, envelope: Envelope): ScopeOrigin =>
      remembered(scopes, keyOf(payload, envelope), () => readScope(payload, envelope)),
  }
}

const remembered = <Origin>(known: Map<string, Origin>, key: string, read: () => Origin): Origin => {
  const found = known.get(key)
  if (found !== undefined) return found
  const origin = read()
  if (key.length > knownBytesMax) return origin
  if (known.size >= knownMax) known.clear()
  known.set(key, origin)
  return origin
}

/** One character a byte. The lengths in front keep apart what would run together. */
const keyOf = (payload: Buffer, { subjects, schemaUrl }: Envelope): string => {
  let key = ''
  for (const { start, end } of subjects) key += `${end - start} ${payload.toString('latin1', start, end)}`
  return schemaUrl.start === schemaUrl.end
    ? key
    : `${key}\0${payload.toString('latin1', schemaUrl.start, schemaUrl.end)}`
}

const readResource = (tenant: string, payload: Buffer, envelope: Envelope): ResourceOrigin => {
  const [resourceSpans] = decode(lengthDelimited(1, withoutItems(payload, envelope))).resourceSpans
  const resource = resourceSpans?.resource
  const row = resourceRow(tenant, resource, resourceSpans?.schemaUrl ?? '')
  return { row, service: serviceIdentity(resource) }
}

const readScope = (payload: Buffer, envelope: Envelope): ScopeOrigin => {
  const request = decode(lengthDelimited(1, lengthDelimited(2, withoutItems(payload, envelope))))
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

const withoutItems = (payload: Buffer, { subjects, schemaUrl }: Envelope): Buffer =>
  Buffer.concat([
    ...subjects.map((range) => lengthDelimited(1, slice(payload, range))),
    lengthDelimited(3, slice(payload, schemaUrl)),
  ])

const slice = (payload: Buffer, { start, end }: Range): Buffer => payload.subarray(start, end)
