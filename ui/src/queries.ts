import { infiniteQueryOptions, keepPreviousData, queryOptions } from '@tanstack/react-query'
import {
  ApiError,
  getOperations,
  getPod,
  getPods,
  getServices,
  getStatus,
  getTrace,
  getTraceLogs,
  getTraceSample,
  getTraces,
  tracePageSize,
  type PodFilters,
  type ScopeFilters,
  type ServiceKey,
  type TraceFilters,
} from './api.ts'
import type { ResolvedRange } from './time/range.ts'

/** A wrong parameter or an unknown id stays wrong; only a server that is away is asked again. */
export const shouldRetry = (failureCount: number, error: Error): boolean =>
  failureCount < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503)

export const statusQuery = () =>
  queryOptions({ queryKey: ['status'], queryFn: ({ signal }) => getStatus(signal), staleTime: 10_000 })

export const servicesQuery = (range: ResolvedRange, filters: ScopeFilters = {}) =>
  queryOptions({
    queryKey: ['services', range, filters],
    queryFn: ({ signal }) => getServices(range, filters, signal),
    placeholderData: keepPreviousData,
  })

export const operationsQuery = (range: ResolvedRange, service: ServiceKey) =>
  queryOptions({
    queryKey: ['operations', range, service],
    queryFn: ({ signal }) => getOperations(range, service, signal),
  })

/** So many pages are kept at most: beyond them a narrower search serves better than a longer list. */
const tracePagesMax = 6
export const tracesQuery = (range: ResolvedRange, filters: TraceFilters) =>
  infiniteQueryOptions({
    queryKey: ['traces', range, filters],
    queryFn: ({ signal, pageParam }) =>
      getTraces(range, filters, { limit: tracePageSize, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page, pages) =>
      pages.length < tracePagesMax ? (page.nextCursor ?? undefined) : undefined,
    placeholderData: keepPreviousData,
  })

export const traceSampleQuery = (range: ResolvedRange, filters: TraceFilters) =>
  queryOptions({
    queryKey: ['traceSample', range, filters],
    queryFn: ({ signal }) => getTraceSample(range, filters, signal),
    placeholderData: keepPreviousData,
  })

export const traceQuery = (traceId: string) =>
  queryOptions({ queryKey: ['trace', traceId], queryFn: ({ signal }) => getTrace(traceId, signal) })

export const traceLogsQuery = (traceId: string) =>
  queryOptions({ queryKey: ['traceLogs', traceId], queryFn: ({ signal }) => getTraceLogs(traceId, signal) })

export const podsQuery = (range: ResolvedRange, filters: PodFilters) =>
  queryOptions({
    queryKey: ['pods', range, filters],
    queryFn: ({ signal }) => getPods(range, filters, signal),
    placeholderData: keepPreviousData,
  })

/** Without a range: what a pod did last is wanted even when one looks at another hour. */
export const podQuery = (uid: string) =>
  queryOptions({ queryKey: ['pod', uid], queryFn: ({ signal }) => getPod(uid, signal) })
