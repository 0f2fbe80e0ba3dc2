import type { TableRow } from '#storage/physical-tables.ts'
import type { ExportTraceServiceRequest } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { attributeColumns } from '../attributes.ts'
import { type ResourceRow, resourceRow } from '../resource-row.ts'
import { type ServiceIdentity, serviceIdentity } from '../service-identity.ts'
import type { Envelope, Range } from './envelope.ts'
import { lengthDelimited } from '#telemetry/otlp/length-delimited.ts'

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
/** With one hash; whoever makes more of them on purpose has them read each time. */
const alikeMax = 8

/** What the walk tells of bytes of the record under way, without looking at them here. */
export interface RecordBytes {
  payload: Buffer
  hashOf(range: Range): number
  /** Messages inside a resource or a scope and itself, which then count as seen. */
  takeMessages(range: Range, of: 'resource' | 'scope'): number
  /** So many messages count as seen. */
  takeCounted(count: number): void
}

export const createOrigins = () => {
  const resources = new KnownOrigins<ResourceOrigin>('resource')
  const scopes = new KnownOrigins<ScopeOrigin>('scope')
  return {
    resource: (tenant: string, record: RecordBytes, envelope: Envelope): ResourceOrigin =>
      resources.find(tenant, record, envelope, () => readResource(tenant, record.payload, envelope)),
    scope: (record: RecordBytes, envelope: Envelope): ScopeOrigin =>
      scopes.find('', record, envelope, () => readScope(record.payload, envelope)),
  }
}

const none: readonly never[] = []

interface KnownOrigin<Origin> {
  tenant: string
  subjects: Buffer[]
  schemaUrl: Buffer
  origin: Origin
  messageCount: number
  /** What came after it last time. */
  following: KnownOrigin<Origin> | undefined
}

/** Origins by the bytes that they were read from. */
class KnownOrigins<Origin> {
  readonly #kind: 'resource' | 'scope'
  readonly #byHash = new Map<number, KnownOrigin<Origin>[]>()
  #count = 0
  /** Telemetry repeats itself: what followed the last one is tried first. */
  #last: KnownOrigin<Origin> | undefined

  constructor(kind: 'resource' | 'scope') {
    this.#kind = kind
  }

  find(tenant: string, record: RecordBytes, envelope: Envelope, read: () => Origin): Origin {
    const guess = this.#last?.following
    if (guess !== undefined && isOf(guess, tenant, record.payload, envelope)) return this.#take(record, guess)
    const hash = hashOf(record, envelope)
    for (const known of this.#byHash.get(hash) ?? none)
      if (isOf(known, tenant, record.payload, envelope)) return this.#take(record, known)
    let messageCount = 0
    for (const subject of envelope.subjects) messageCount += record.takeMessages(subject, this.#kind)
    const origin = read()
    const following = undefined
    const known = { tenant, ...copyOf(record.payload, envelope), origin, messageCount, following }
    if (byteCountOf(known) <= knownBytesMax) this.#remember(hash, known)
    return origin
  }

  #take(record: RecordBytes, known: KnownOrigin<Origin>): Origin {
    record.takeCounted(known.messageCount)
    if (this.#last !== undefined) this.#last.following = known
    this.#last = known
    return known.origin
  }

  #remember(hash: number, known: KnownOrigin<Origin>): void {
    if (this.#count >= knownMax) {
      this.#byHash.clear()
      this.#count = 0
      this.#last = undefined
    }
    this.#count += 1
    const alike = this.#byHash.get(hash)
    if (alike === undefined) this.#byHash.set(hash, [known])
    else if (alike.length < alikeMax) alike.push(known)
  }
}

const hashOf = (record: RecordBytes, { subjects, schemaUrl }: Envelope): number => {
  let hash = schemaUrl.start === schemaUrl.end ? 0 : record.hashOf(schemaUrl)
  for (const subject of subjects) hash = (Math.imul(hash, 31) + record.hashOf(subject)) | 0
  return hash
}

const isOf = (
  known: KnownOrigin<unknown>,
  tenant: string,
  payload: Buffer,
  { subjects, schemaUrl }: Envelope,
): boolean => {
  if (known.tenant !== tenant || known.subjects.length !== subjects.length) return false
  for (let index = 0; index < subjects.length; index++)
    if (!isAt(payload, subjects[index], known.subjects[index])) return false
  return isAt(payload, schemaUrl, known.schemaUrl)
}

/** Fewer bytes are compared faster one by one. */
const comparedBytesMin = 64

const isAt = (payload: Buffer, range: Range | undefined, bytes: Buffer | undefined): boolean => {
  if (range === undefined || bytes === undefined || range.end - range.start !== bytes.length) return false
  if (bytes.length >= comparedBytesMin) return bytes.compare(payload, range.start, range.end) === 0
  for (let index = 0; index < bytes.length; index++)
    if (bytes[index] !== payload[range.start + index]) return false
  return true
}

/** The record's own bytes are let go. */
const copyOf = (payload: Buffer, { subjects, schemaUrl }: Envelope) => ({
  subjects: subjects.map((range) => Buffer.from(slice(payload, range))),
  schemaUrl: Buffer.from(slice(payload, schemaUrl)),
})

const byteCountOf = ({ subjects, schemaUrl }: Pick<KnownOrigin<unknown>, 'subjects' | 'schemaUrl'>): number =>
  subjects.reduce((sum, { length }) => sum + length, schemaUrl.length)

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
