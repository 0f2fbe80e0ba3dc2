/** For tests of readers and of the API: an embedded store of its own, and rows by SQL, as the writer would have left them. */
import { createHealth } from '#runtime/health.ts'
import { silentLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import type { Store } from '#storage/connection.ts'
import { type Sql, sql } from '#storage/sql.ts'
import { createApp } from '#query-api/app.ts'
import type { AppParts } from '#query-api/app-env.ts'
import { openMigratedStore } from './migrated-store.ts'

/** Tests live at this time: 2026-11-20T12:00:00Z. */
export const nowMillis = Date.UTC(2026, 10, 20, 12)
export const nowNanos = BigInt(nowMillis) * 1_000_000n
export const seconds = (count: number): bigint => BigInt(Math.round(count * 1000)) * 1_000_000n
export const secondsAgo = (count: number): bigint => nowNanos - seconds(count)

export interface SeededStore {
  store: Store
  app: (parts?: Partial<AppParts>) => ReturnType<typeof createApp>
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into any answer
  get: (path: string) => Promise<{ status: number; body: any }>
  insertResource(resource: ResourceSeed): Promise<void>
  insertSpans(...spans: SpanSeed[]): Promise<void>
  insertLogs(...logs: LogSeed[]): Promise<void>
  close(): Promise<void>
}

export interface ResourceSeed {
  id: number
  tenant?: string
  attributes: Record<string, string>
  types?: string
}

export interface SpanSeed {
  trace: string
  span: string
  parent?: string
  resource: number
  tenant?: string
  name: string
  kind?: number
  start: bigint
  duration?: bigint
  isOpen?: boolean
  status?: number
  statusMessage?: string
  /** A list where the order of keys that look like numbers matters. */
  attributes?: Record<string, string> | [string, string][]
  types?: string
  events?: { time: bigint; name: string; attributes: Record<string, string> }[]
  links?: { trace: string; span: string }[]
}

interface ServiceSeed {
  name: string
  namespace: string
  environment: string
  version: string
}

export interface LogSeed {
  time: bigint
  resource: number
  trace?: string
  span?: string
  body: string
  tenant?: string
  severity?: number
  severityText?: string
  eventName?: string
  attributes?: Record<string, string>
}

export const openSeededStore = async (): Promise<SeededStore> => {
  const { store, close } = await openMigratedStore()
  const selfMetrics = createSelfMetrics()
  const app: SeededStore['app'] = (parts) =>
    createApp({
      store,
      health: createHealth(),
      selfMetrics,
      logger: silentLogger,
      apiTokens: new Map(),
      status: () => ({
        version: '0.0.0-test',
        queue: [],
        receiver: {},
        deadLetters: null,
        disk: null,
        otlpPorts: { http: 4318, grpc: null },
      }),
      now: () => nowMillis,
      ...parts,
    })
  const shared = app()
  const attributesById = new Map<number, Record<string, string>>()
  /** Rows name the service of their resource, as the writer's do. */
  const serviceOf = (resourceId: number): ServiceSeed => {
    const attributes = attributesById.get(resourceId) ?? {}
    return {
      name: attributes['service.name'] ?? '',
      namespace: attributes['service.namespace'] ?? '',
      environment: attributes['deployment.environment.name'] ?? '',
      version: attributes['service.version'] ?? '',
    }
  }

  return {
    store,
    app,
    get: async (path) => {
      const response = await shared.request(path)
      return { status: response.status, body: await response.json() }
    },
    insertResource: ({ id, tenant = 'default', attributes, types = '' }) => {
      attributesById.set(id, attributes)
      return store.command(sql`
        INSERT INTO resources (tenant, resource_id, attributes, attribute_types, seen_at)
        VALUES (${sql.string(tenant)}, ${sql.uint64(id)}, ${map(attributes)}, ${sql.string(types)}, now())`)
    },
    insertSpans: (...spans) =>
      store.command(sql`
        INSERT INTO spans (tenant, trace_id, span_ids, start_time, duration_nanos, is_open, name, kind,
          status_code, status_message, resource_id, service_name, service_namespace, environment, service_version,
          scope_name, scope_version, attributes, attribute_types, events.time_unix_nano, events.name,
          events.attributes, events.attribute_types, links.trace_id, links.span_id, links.attributes,
          links.attribute_types, ingested_at)
        VALUES ${list(spans.map((span) => spanValues(span, serviceOf(span.resource))))}`),
    insertLogs: (...logs) =>
      store.command(sql`
        INSERT INTO log_records (tenant, time, trace_id, span_id, severity_number, severity_text, body, body_type,
          event_name, resource_id, service_name, attributes, ingested_at)
        VALUES ${list(logs.map((log) => logValues(log, serviceOf(log.resource))))}`),
    close: async () => {
      await selfMetrics.stop()
      await close()
    },
  }
}

const list = (values: Sql[]): Sql => sql.join(values, sql`, `)
const array = (values: Sql[], type: Sql): Sql => sql`CAST([${list(values)}] AS Array(${type}))`
const map = (entries: Record<string, string> | [string, string][]): Sql => {
  const pairs = Array.isArray(entries) ? entries : Object.entries(entries)
  const texts = pairs.flatMap(([key, value]) => [sql.string(key), sql.string(value)])
  return sql`CAST(map(${list(texts)}) AS Map(LowCardinality(String), String))`
}
const fixed = (hex: string, length: number): Sql =>
  sql`toFixedString(${sql.bytes(Buffer.from(hex, 'hex'))}, ${sql.uint64(length)})`
const ingestedAt = (start: bigint, duration = 0n): Sql =>
  sql`toDateTime64(${sql.dateTime64(start + duration)}, 3, 'UTC')`

const spanValues = (span: SpanSeed, service: ServiceSeed): Sql => {
  const { duration = 0n, events = [], links = [] } = span
  const values = [
    sql.string(span.tenant ?? 'default'),
    fixed(span.trace, 16),
    fixed(span.span + (span.parent ?? ''), 16),
    sql.dateTime64(span.start),
    sql.int64(duration),
    sql.bool(span.isOpen ?? false),
    sql.string(span.name),
    sql.int64(span.kind ?? 1),
    sql.int64(span.status ?? 0),
    sql.string(span.statusMessage ?? ''),
    sql.uint64(span.resource),
    sql.string(service.name),
    sql.string(service.namespace),
    sql.string(service.environment),
    sql.string(service.version),
    sql.string('scope'),
    sql.string('1.0'),
    map(span.attributes ?? {}),
    sql.string(span.types ?? ''),
    array(
      events.map((event) => sql.uint64(event.time)),
      sql`UInt64`,
    ),
    array(
      events.map((event) => sql.string(event.name)),
      sql`LowCardinality(String)`,
    ),
    array(
      events.map((event) => map(event.attributes)),
      sql`Map(LowCardinality(String), String)`,
    ),
    array(
      events.map(() => sql.string('')),
      sql`LowCardinality(String)`,
    ),
    array(
      links.map((link) => sql.bytes(Buffer.from(link.trace, 'hex'))),
      sql`String`,
    ),
    array(
      links.map((link) => sql.bytes(Buffer.from(link.span, 'hex'))),
      sql`String`,
    ),
    array(
      links.map(() => map({})),
      sql`Map(LowCardinality(String), String)`,
    ),
    array(
      links.map(() => sql.string('')),
      sql`LowCardinality(String)`,
    ),
    ingestedAt(span.start, duration + 1_000_000n),
  ]
  return sql`(${list(values)})`
}

const logValues = (log: LogSeed, service: ServiceSeed): Sql => {
  const values = [
    sql.string(log.tenant ?? 'default'),
    sql.dateTime64(log.time),
    sql.bytes(Buffer.from(log.trace ?? '', 'hex')),
    sql.bytes(Buffer.from(log.span ?? '', 'hex')),
    sql.int64(log.severity ?? 9),
    sql.string(log.severityText ?? ''),
    sql.string(log.body),
    sql.string('s'),
    sql.string(log.eventName ?? ''),
    sql.uint64(log.resource),
    sql.string(service.name),
    map(log.attributes ?? {}),
    ingestedAt(log.time),
  ]
  return sql`(${list(values)})`
}

/** Ids that tests can read: `id(7)` ends in 07. */
export const traceId = (number: number): string => number.toString(16).padStart(32, '0')
export const spanId = (number: number): string => number.toString(16).padStart(16, '0')
