/**
 * The client of the product's own API. Every screen goes through here, and nothing else in the UI calls `fetch`.
 * Times are decimal strings of nanoseconds since 1970, durations numbers of nanoseconds.
 */
import type { ResolvedRange } from './time/range.ts'

export interface ServiceKey {
  service: string
  /** Absent: any; empty: the service states none. */
  namespace?: string | undefined
  environment?: string | undefined
}

export interface LatencyQuantiles {
  p50: number
  p95: number
  p99: number
}

export interface Service {
  name: string
  namespace: string
  environment: string
  spanCount: number
  requestCount: number
  errorCount: number
  requestsPerSecond: number
  errorShare: number
  latencyNanos: LatencyQuantiles | null
  podCount: number
  podsGone: number
  firstSeenTimeUnixNano: string
  lastSeenTimeUnixNano: string
  versions: string[]
}

export type SpanKind = 'Server' | 'Client' | 'Internal' | 'Producer' | 'Consumer' | 'Unspecified'

export interface Operation {
  name: string
  kind: SpanKind
  spanCount: number
  errorCount: number
  latencyNanos: LatencyQuantiles | null
}

export interface TraceSummary {
  traceId: string
  startTimeUnixNano: string
  durationNanos: number
  rootService: string
  rootOperation: string
  hasRoot: boolean
  spanCount: number
  errorCount: number
  services: { name: string; spanCount: number; errorCount: number }[]
  matchedSpan: {
    service: string
    operation: string
    durationNanos: number
    startTimeUnixNano: string
    isError: boolean
  }
  podsGone: number
  pods: string[]
}

export interface TracePage {
  traces: TraceSummary[]
  nextCursor: string | null
  isComplete: boolean
}

export type AttributeType = 'string' | 'bool' | 'int' | 'double' | 'bytes' | 'array' | 'map' | 'empty'
export interface Attribute {
  key: string
  value: string
  type: AttributeType
}

export interface Span {
  spanId: string
  parentSpanId: string
  name: string
  kind: SpanKind
  startTimeUnixNano: string
  durationNanos: number
  isOpen: boolean
  status: 'Unset' | 'Ok' | 'Error'
  statusMessage: string
  resourceId: string
  serviceName: string
  podUid: string
  scope: { name: string; version: string }
  attributes: Attribute[]
  events: { timeUnixNano: string; name: string; attributes: Attribute[] }[]
  links: { traceId: string; spanId: string; attributes: Attribute[] }[]
  traceState: string
  flags: number
  droppedCounts: { attributes: number; events: number; links: number }
  isParentMissing: boolean
}

export interface Resource {
  serviceName: string
  serviceNamespace: string
  environment: string
  serviceVersion: string
  attributes: Attribute[]
}

export interface PodEnd {
  timeUnixNano: string
  reason: string
  exitCode: number | null
  signal: number | null
  evidence: 'pod-watch' | 'silence'
}

export interface Pod {
  uid: string
  name: string
  namespace: string
  node: string
  serviceName: string
  serviceVersion: string
  environment: string
  container: string
  firstSeenTimeUnixNano: string
  lastSeenTimeUnixNano: string
  state: 'alive' | 'gone'
  end: PodEnd | null
  restartCount: number
  spanCount?: number | undefined
}

export interface Trace {
  traceId: string
  startTimeUnixNano: string
  durationNanos: number
  spans: Span[]
  resources: Record<string, Resource>
  pods: Record<string, Pod>
  isTruncated: boolean
}

export interface LogRecord {
  timeUnixNano: string
  severityNumber: number
  severityText: string
  body: string
  eventName: string
  serviceName: string
  podUid: string
  traceId: string
  spanId: string
  attributes: Attribute[]
}

export interface PodDetails {
  pod: Pod
  resource: Resource
  traces: TraceSummary[]
  logs: LogRecord[]
}

export interface Status {
  version: string
  hasData: boolean
  lastSeenTimeUnixNano: string | null
}

export interface TraceFilters {
  service?: string | undefined
  namespace?: string | undefined
  environment?: string | undefined
  operation?: string | undefined
  minDuration?: string | undefined
  maxDuration?: string | undefined
  status?: 'error' | 'ok' | undefined
  attribute?: string[] | undefined
  pod?: string | undefined
}

/** What the API answered, or that it could not be reached (`status` 0). */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly parameter: string | undefined

  constructor(failure: { status: number; code: string; message: string; parameter?: string | undefined }) {
    super(failure.message)
    this.name = 'ApiError'
    this.status = failure.status
    this.code = failure.code
    this.parameter = failure.parameter
  }
}

export const getStatus = (signal: AbortSignal): Promise<Status> => get('/api/v1/status', {}, signal)

export const getServices = (
  range: ResolvedRange,
  filters: { namespace?: string | undefined; environment?: string | undefined },
  signal: AbortSignal,
): Promise<{ services: Service[] }> =>
  get('/api/v1/services', { ...rangeParameters(range), ...filters }, signal)

export const getOperations = (
  range: ResolvedRange,
  { service, namespace, environment }: ServiceKey,
  signal: AbortSignal,
): Promise<{ operations: Operation[] }> =>
  get(
    `/api/v1/services/${encodeURIComponent(service)}/operations`,
    { ...rangeParameters(range), namespace, environment },
    signal,
  )

/** The API's maximum: the scatter is worth more the further back it reaches. */
export const tracePageSize = 500
export const getTraces = (
  range: ResolvedRange,
  filters: TraceFilters,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<TracePage> =>
  get(
    '/api/v1/traces',
    { ...rangeParameters(range), ...filters, limit: String(tracePageSize), cursor },
    signal,
  )

export const getTrace = (traceId: string, signal: AbortSignal): Promise<Trace> =>
  get(`/api/v1/traces/${encodeURIComponent(traceId)}`, {}, signal)

export const getTraceLogs = (
  traceId: string,
  signal: AbortSignal,
): Promise<{ logs: LogRecord[]; isTruncated: boolean }> =>
  get(`/api/v1/traces/${encodeURIComponent(traceId)}/logs`, {}, signal)

export const getPods = (
  range: ResolvedRange,
  filters: {
    service?: string | undefined
    namespace?: string | undefined
    environment?: string | undefined
  },
  signal: AbortSignal,
): Promise<{ pods: Pod[]; isTruncated: boolean }> =>
  get('/api/v1/pods', { ...rangeParameters(range), ...filters }, signal)

export const getPod = (uid: string, range: ResolvedRange, signal: AbortSignal): Promise<PodDetails> =>
  get(`/api/v1/pods/${encodeURIComponent(uid)}`, rangeParameters(range), signal)

/** The range is sent as milliseconds, resolved once per refresh, so that every request of a screen means the same one. */
const rangeParameters = ({ fromMillis, toMillis }: ResolvedRange): { from: string; to: string } => ({
  from: String(Math.floor(fromMillis)),
  to: String(Math.ceil(toMillis)),
})

const get = async <T>(
  path: string,
  parameters: Record<string, string | string[] | undefined>,
  signal: AbortSignal,
): Promise<T> => {
  const response = await request(path + queryString(parameters), signal)
  if (!response.ok) throw await readFailure(response)
  return (await response.json()) as T
}

const request = async (url: string, signal: AbortSignal): Promise<Response> => {
  try {
    return await fetch(url, { signal, headers: { accept: 'application/json' } })
  } catch (cause) {
    if (signal.aborted) throw cause
    throw new ApiError({ status: 0, code: 'unreachable', message: '' })
  }
}

const queryString = (parameters: Record<string, string | string[] | undefined>): string => {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters))
    for (const one of [value ?? []].flat()) search.append(name, one)
  const text = search.toString()
  return text && `?${text}`
}

const readFailure = async (response: Response): Promise<ApiError> => {
  const body = (await response.json().catch(() => undefined)) as
    | { error?: { code?: string; message?: string; parameter?: string } }
    | undefined
  return new ApiError({
    status: response.status,
    code: body?.error?.code ?? 'internal',
    message: body?.error?.message ?? `${response.status} ${response.statusText}`,
    parameter: body?.error?.parameter,
  })
}
