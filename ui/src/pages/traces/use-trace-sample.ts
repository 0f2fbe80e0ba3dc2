import { useQueries, type UseQueryResult } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import type { TraceFilters, TracePage, TraceSummary } from '../../api.ts'
import { traceSliceQuery } from '../../queries.ts'
import { millisOf } from '../../time/nanos.ts'
import type { ResolvedRange } from '../../time/range.ts'
import { cutSlices, tracesPerSlice } from './slices.ts'

/**
 * A busy hour has more traces than a page holds. So that the chart shows the whole range all the same, the part before
 * the oldest loaded trace is filled with the newest few of each of its slices.
 */
export const useTraceSample = ({
  range,
  filters,
  endMillis,
}: {
  range: ResolvedRange
  filters: TraceFilters
  /** The oldest trace that is loaded; undefined if all are. */
  endMillis: number | undefined
}): { traces: TraceSummary[]; isComplete: boolean } => {
  const slices = useMemo(
    () => (endMillis === undefined ? [] : cutSlices(range, endMillis)),
    [range, endMillis],
  )
  const combine = useCallback(
    (results: UseQueryResult<TracePage>[]) => ({
      traces: results
        .flatMap(({ data }) => data?.traces ?? [])
        .filter((trace) => isBetween(millisOf(trace.startTimeUnixNano), range.fromMillis, endMillis)),
      isComplete: results.every(({ isSuccess }) => isSuccess),
    }),
    [range, endMillis],
  )
  return useQueries({
    queries: slices.map((slice) => traceSliceQuery(slice, filters, tracesPerSlice)),
    combine,
  })
}

const isBetween = (millis: number, fromMillis: number, endMillis = Infinity): boolean =>
  millis >= fromMillis && millis < endMillis
