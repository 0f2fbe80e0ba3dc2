import type { Store } from './connection.ts'
import type { ReadScope, TimeRange } from './read-scope.ts'
import { createTimeSlices } from './time-slices.ts'
import { askOfSpans } from './trace-filters.ts'
import { lookAtTraces } from './trace-look.ts'
import { gatherMatches } from './trace-matches.ts'
import { isPast, newestFirst, startOf } from './trace-order.ts'
import { gatherFromSearchRows, isFoundBySearchRows } from './trace-search-rows.ts'
import type { TracePosition, TraceSearch, TraceSearchPage } from './trace-store.ts'
import { type TraceSummary, summariesOf } from './trace-summaries.ts'

const nanosPerMinute = 60_000_000_000n
/** One slot and what has begun of the next: mostly enough, and each that is read costs. */
const sliceNanosFirst = 5n * nanosPerMinute
/** The engine stops at the newest rows, so a slice may be long. */
const searchRowsSliceNanosFirst = 360n * nanosPerMinute
const pageMillis = 12_000

/**
 * A trace's place in the order is the start of its first matching span inside the range. Candidates are gathered newest
 * first, by any matching span; looking at them tells their places. Those whose place is older than what was searched
 * wait until the search has come there.
 */
export const searchTraces = async (
  store: Store,
  scope: ReadScope,
  { range, filters, limit, after }: TraceSearch,
): Promise<TraceSearchPage> => {
  const deadlineMillis = performance.now() + pageMillis
  const question = await askOfSpans(store, scope, { range, filters })
  const isNarrow = isFoundBySearchRows(filters)
  const gather = isNarrow ? gatherFromSearchRows : gatherMatches
  const slices = createTimeSlices(isNarrow ? searchRowsSliceNanosFirst : sliceNanosFirst)
  const searching = { store, scope, question, slices, deadlineMillis }
  const before = startOf(range, after)
  const known = new Map<string, TraceSummary>()
  let reached = before
  let isComplete = true

  for (;;) {
    const found = foundBetween(known, before, reached)
    if (found.length >= limit || isPast(reached, range) || !isComplete)
      return pageOf(found, { reached, range, limit, isComplete })
    const candidates = await gather(searching, reached, limit - found.length)
    const isKnown = (traceId: string): boolean => known.has(traceId)
    const figures = await lookAtTraces(searching, candidates, { before: reached, isKnown })
    for (const summary of await summariesOf(store, scope, figures, filters.status))
      known.set(summary.position.traceId, summary)
    reached = candidates.reached
    isComplete = !candidates.isOutOfTime
  }
}

const foundBetween = (
  known: ReadonlyMap<string, TraceSummary>,
  before: TracePosition,
  reached: TracePosition,
): TraceSummary[] =>
  [...known.values()]
    .filter(({ position }) => newestFirst(before, position) < 0 && newestFirst(position, reached) <= 0)
    .toSorted((a, b) => newestFirst(a.position, b.position))

const pageOf = (
  found: readonly TraceSummary[],
  { reached, range, limit, isComplete }: Progress,
): TraceSearchPage => {
  const shown = found.slice(0, limit)
  const position = found.length > limit ? (shown.at(-1)?.position ?? reached) : reached
  const isDone = isPast(position, range)
  return {
    traces: shown.map(({ trace }) => trace),
    next: isDone ? undefined : position,
    isComplete: isComplete || found.length >= limit || isDone,
    searchedFromNanos: position.traceId === '' ? position.startNanos : position.startNanos + 1n,
  }
}

interface Progress {
  reached: TracePosition
  range: TimeRange
  limit: number
  isComplete: boolean
}
