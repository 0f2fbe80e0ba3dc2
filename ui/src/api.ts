/**
 * The client of the product's own API. Every screen goes through here, and nothing else in the UI calls `fetch`. Paths,
 * parameters and answers are inferred from the server's own type, so that renaming a field there fails the type check
 * here. Times are decimal strings of nanoseconds since 1970, durations numbers of nanoseconds.
 */
import { hc, type InferResponseType } from 'hono/client'
import type { AppType } from '#query-api/app.ts'
import type { ResolvedRange } from './time/range.ts'

const { v1 } = hc<AppType>('/').api

type Answer<Endpoint> = InferResponseType<Endpoint, 200>
export type Service = Answer<typeof v1.services.$get>['services'][number]
export type TracePage = Answer<typeof v1.traces.$get>
export type TraceSummary = TracePage['traces'][number]
export type Trace = Answer<(typeof v1.traces)[':traceId']['$get']>
export type Span = Trace['spans'][number]
export type Attribute = Span['attributes'][number]
export type TraceLogs = Answer<(typeof v1.traces)[':traceId']['logs']['$get']>
export type LogRecord = TraceLogs['logs'][number]
export type PodPage = Answer<typeof v1.pods.$get>
export type Pod = PodPage['pods'][number]
export type PodDetails = Answer<(typeof v1.pods)[':uid']['$get']>
export type Status = Answer<typeof v1.status.$get>

/** Absent: any; empty: services that state none. */
export interface ScopeFilters {
  namespace?: string | undefined
  environment?: string | undefined
}
export interface ServiceKey extends ScopeFilters {
  service: string
}
export interface PodFilters extends ScopeFilters {
  service?: string | undefined
}

export interface TraceFilters extends ScopeFilters {
  service?: string | undefined
  operation?: string | undefined
  minDuration?: string | undefined
  maxDuration?: string | undefined
  status?: 'error' | 'ok' | undefined
  /** `key=value` each. */
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

export const getStatus = (signal: AbortSignal): Promise<Status> =>
  answer(v1.status.$get({ query: {} }, init(signal)))

export const getServices = (range: ResolvedRange, filters: ScopeFilters, signal: AbortSignal) =>
  answer(v1.services.$get({ query: stated({ ...rangeParameters(range), ...filters }) }, init(signal)))

export const getOperations = (range: ResolvedRange, { service, ...scope }: ServiceKey, signal: AbortSignal) =>
  answer(
    v1.services[':service'].operations.$get(
      {
        param: { service: encodeURIComponent(service) },
        query: stated({ ...rangeParameters(range), ...scope }),
      },
      init(signal),
    ),
  )

/** The API's maximum: a range with no more traces than this is drawn whole. */
export const tracePageSize = 500

export const getTraces = (
  range: ResolvedRange,
  filters: TraceFilters,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  signal: AbortSignal,
): Promise<TracePage> =>
  answer(
    v1.traces.$get(
      { query: stated({ ...rangeParameters(range), ...filters, limit: String(limit), cursor }) },
      init(signal),
    ),
  )

/** Twenty of each of the API's sixty intervals: enough to see where traces lie, few enough to draw at once. */
const traceSampleSize = 1200

/** Traces spread evenly over the range, for the chart of a range with more traces than a page holds. */
export const getTraceSample = (
  range: ResolvedRange,
  filters: TraceFilters,
  signal: AbortSignal,
): Promise<TracePage> =>
  answer(
    v1.traces.$get(
      { query: stated({ ...rangeParameters(range), ...filters, sample: String(traceSampleSize) }) },
      init(signal),
    ),
  )

export const getTrace = (traceId: string, signal: AbortSignal): Promise<Trace> =>
  answer(
    v1.traces[':traceId'].$get({ param: { traceId: encodeURIComponent(traceId) }, query: {} }, init(signal)),
  )

export const getTraceLogs = (traceId: string, signal: AbortSignal): Promise<TraceLogs> =>
  answer(
    v1.traces[':traceId'].logs.$get(
      { param: { traceId: encodeURIComponent(traceId) }, query: {} },
      init(signal),
    ),
  )

export const getPods = (range: ResolvedRange, filters: PodFilters, signal: AbortSignal): Promise<PodPage> =>
  answer(v1.pods.$get({ query: stated({ ...rangeParameters(range), ...filters }) }, init(signal)))

export const getPod = (uid: string, signal: AbortSignal): Promise<PodDetails> =>
  answer(v1.pods[':uid'].$get({ param: { uid: encodeURIComponent(uid) }, query: {} }, init(signal)))

/** The range is sent as milliseconds, resolved once per refresh, so that every request of a screen means the same one. */
const rangeParameters = ({ fromMillis, toMillis }: ResolvedRange): { from: string; to: string } => ({
  from: String(Math.floor(fromMillis)),
  to: String(Math.ceil(toMillis)),
})

const init = (signal: AbortSignal) => ({ init: { signal } })

type Stated<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> }
/** Without the parameters that are not set. */
const stated = <T extends object>(parameters: T): Stated<T> =>
  Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined)) as Stated<T>

/** An answer's body is that of success or `{ error }`; which of them, its status says. */
type Success<Answered extends JsonAnswer> = Exclude<Awaited<ReturnType<Answered['json']>>, { error: unknown }>
type JsonAnswer = Pick<Response, 'ok' | 'status' | 'statusText'> & { json: () => Promise<unknown> }

const answer = async <Answered extends JsonAnswer>(asked: Promise<Answered>): Promise<Success<Answered>> => {
  const response = await asked.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    throw new ApiError({ status: 0, code: 'unreachable', message: '' })
  })
  if (!response.ok) throw await readFailure(response)
  return (await response.json()) as Success<Answered>
}

const readFailure = async (response: JsonAnswer): Promise<ApiError> => {
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
