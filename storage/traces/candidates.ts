import type { Store } from '../connection.ts'
import type { ReadScope } from '../read-scope.ts'
import type { TimeSlices } from '../time-slices.ts'
import type { SpanQuestion } from './filters.ts'
import type { TracePosition } from './trace-store.ts'

/** A search on its way. */
export interface TraceSearching {
  readonly store: Store
  readonly scope: ReadScope
  readonly question: SpanQuestion
  readonly slices: TimeSlices
  /** As `performance.now()` tells time: until then candidates are gathered. Looked at between slices. */
  readonly deadlineMillis: number
  /** Until then they are looked at. */
  readonly lookDeadlineMillis: number
}

/** What a round of a search gathers. */
export interface Wanted {
  /** Where the round before ended. */
  readonly before: TracePosition
  /** How many traces. */
  readonly count: number
  /** Traces that are known and not to be given again. */
  readonly passed: ReadonlySet<string>
}

/** Traces that may match: whether they do, and where in the order they stand, is seen by looking at them. */
export interface Candidates {
  /** In which slots spans lie that led here, and others may be, by the trace's key. */
  slotsByKey: Map<number, Set<number>>
  /** No span that led here began after this, by the trace's key; the newest first. */
  newestByKey: Map<number, bigint>
  /** The matching spans that were found, by their trace; undefined where only keys are known. */
  matches: Map<string, TraceMatches> | undefined
  /** Every trace that has a matching span between here and where the search for candidates began is among them. */
  reached: TracePosition
  isOutOfTime: boolean
}

export interface TraceMatches {
  spanIds: Set<string>
  /** All matching spans between here and where the search for candidates began are noted. */
  notedFrom: TracePosition
  /** There are more than were noted. */
  isTruncated: boolean
}
