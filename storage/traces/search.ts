import type { Store } from '../connection.ts'
import type { ReadScope, TimeRange } from '../read-scope.ts'
import { createTimeSlices, unlessTooSlow } from '../time-slices.ts'
import type { TraceSearching } from './candidates.ts'
import type { TraceFigures } from './figures.ts'
import { countFigures } from './figures-by-engine.ts'
import { askOfSpans } from './filters.ts'
import { lookAtTraces } from './look.ts'
import { gatherMatches } from './matches.ts'
import { isPast, newestFirst, startOf } from './order.ts'
import type { PlacedTrace } from './places.ts'
import { isOfTraces, secondsUntil } from './rows.ts'
import { gatherFromSearchRows, isFoundBySearchRows } from './search-rows.ts'
import type { TracePosition, TraceSearch, TraceSearchPage } from './trace-store.ts'
import { summariesOf } from './summaries.ts'

const nanosPerMinute = 60_000_000_000n
/** One slot and what has begun of the next: mostly enough, and each that is read costs. */
const sliceNanosFirst = 5n * nanosPerMinute
/** The engine stops at the newest rows, so a slice may be long. */
const searchRowsSliceNanosFirst = 360n * nanosPerMinute
const pageMillis = 12_000
/** Candidates may be looked at for so much longer, and what is shown counted. */
const lookMillis = 6_000
const countMillis = 6_000
/** Where a round gave nothing, the next looks for so many times more. */
const widening = 8
const tracesPerRoundMax = 500
/** Traces of many rows are counted so many rows at a time. */
const rowsPerCountMax = 400_000

/**
 * A trace's place in the order is the start of its first matching span inside the range. Candidates are gathered newest
 * first, by any matching span; looking at them tells their places. Those whose place is older than what was searched
 * wait until the search has come there. Where they are many, as long traces side by side are, a round may give nothing: then
 * those that wait are passed over, and more are looked for at once.
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
  const lookDeadlineMillis = deadlineMillis + lookMillis
  const searching = { store, scope, question, slices, deadlineMillis, lookDeadlineMillis }
  const before = startOf(range, after)
  const known = new Map<string, PlacedTrace>()
  let reached = before
  let isComplete = true
  let width = 1
  let foundCount = 0

  for (;;) {
    const found = foundBetween(known, before, reached)
    if (found.length >= limit || isPast(reached, range) || !isComplete) {
      const progress = { before, reached, range, limit, isComplete }
      return await pageOf(searching, found, progress)
    }
    width = reached === before || found.length > foundCount ? 1 : width * widening
    foundCount = found.length
    const candidates = await gather(searching, {
      before: reached,
      count: Math.min((limit - found.length) * width, tracesPerRoundMax),
      passed: new Set(width > 1 ? known.keys() : []),
    })
    const isKnown = (traceId: string): boolean => known.has(traceId)
    const looked = await lookAtTraces(searching, candidates, { before: reached, isKnown })
    for (const placed of looked.placed) known.set(placed.position.traceId, placed)
    reached = looked.reached
    isComplete = !looked.isOutOfTime
  }
}

const foundBetween = (
  known: ReadonlyMap<string, PlacedTrace>,
  before: TracePosition,
  reached: TracePosition,
): PlacedTrace[] =>
  [...known.values()]
    .filter(({ position }) => newestFirst(before, position) < 0 && newestFirst(position, reached) <= 0)
    .toSorted((a, b) => newestFirst(a.position, b.position))

const pageOf = async (
  searching: TraceSearching,
  found: readonly PlacedTrace[],
  { before, reached, range, limit, isComplete }: Progress,
): Promise<TraceSearchPage> => {
  const { store, scope } = searching
  const shown = found.slice(0, limit)
  const figures = await countShown(searching, shown)
  const summaries = await summariesOf(
    store,
    scope,
    [...figures.values()].filter((each) => each !== undefined),
  )
  // What was not counted in time is the next page's.
  const isCut = figures.size < shown.length
  const shownCount = figures.size
  const last = shown[shownCount - 1]?.position ?? before
  const position = isCut ? last : found.length > limit ? last : reached
  const isDone = isPast(position, range)
  return {
    traces: summaries,
    next: isDone ? undefined : position,
    isComplete: !isCut && (isComplete || found.length >= limit || isDone),
    searchedFromNanos: position.traceId === '' ? position.startNanos : position.startNanos + 1n,
  }
}

/** The figures of what is shown, in its order and as far as time goes; none of a trace whose spans are gone meanwhile. */
const countShown = async (
  { store, scope, question, lookDeadlineMillis }: TraceSearching,
  shown: readonly PlacedTrace[],
): Promise<Map<string, TraceFigures | undefined>> => {
  const deadlineMillis = lookDeadlineMillis + countMillis
  const figures = new Map<string, TraceFigures | undefined>()
  for (const some of inCounts(shown)) {
    const uncounted = some.flatMap(({ position, figures: known }) =>
      'within' in known ? [{ traceId: position.traceId, within: known.within }] : [],
    )
    const counted = await unlessTooSlow(
      scope,
      uncounted.length === 0
        ? Promise.resolve([])
        : countFigures(
            store,
            scope,
            {
              traceIds: uncounted.map(({ traceId }) => traceId),
              placeOf: (ids) => isOfTraces(ids, around(uncounted.map(({ within }) => within))),
              seconds: secondsUntil(deadlineMillis),
            },
            question,
          ),
    )
    if (counted === undefined) break
    const byTrace = new Map(counted.map((each) => [each.traceId, each]))
    for (const { position, figures: known } of some)
      figures.set(position.traceId, 'within' in known ? byTrace.get(position.traceId) : known)
  }
  return figures
}

/** Side by side in the order, and together not too many to be counted at once. */
const inCounts = (shown: readonly PlacedTrace[]): PlacedTrace[][] => {
  const counts: PlacedTrace[][] = [[]]
  let rowCount = 0
  for (const placed of shown) {
    const rows = 'within' in placed.figures ? placed.figures.rowCount : 0
    if (rowCount > 0 && rowCount + rows > rowsPerCountMax) {
      counts.push([])
      rowCount = 0
    }
    counts.at(-1)?.push(placed)
    rowCount += rows
  }
  return counts
}

const around = (ranges: readonly TimeRange[]): TimeRange => ({
  fromNanos: ranges.map(({ fromNanos }) => fromNanos).reduce((a, b) => (a < b ? a : b)),
  toNanos: ranges.map(({ toNanos }) => toNanos).reduce((a, b) => (a > b ? a : b)),
})

interface Progress {
  before: TracePosition
  reached: TracePosition
  range: TimeRange
  limit: number
  isComplete: boolean
}
