import type { Attribute } from '../attribute-list.ts'
import type { ReadScope, TimeRange } from '../read-scope.ts'
import type { ServiceFilter, StoredResource } from '../resource-rows.ts'

/** Spans and traces, read. Every span counts once: of several rows of one span a finished one beats an open one. */
export interface TraceStore {
  /**
   * Traces with a span that meets all filters, newest first: by the start of their first such span inside the range, those
   * of one nanosecond by their ids. Page after page gives each trace once, in its place.
   *
   * Long ranges are searched newest first in slices, each with a time limit, until the page is full, the range is
   * exhausted or the time for a page is up; in the last case `isComplete` is false, and the cursor goes on from there.
   * The page has every trace whose place is at or after `searchedFromNanos` (and after the cursor); the signal is
   * heeded between slices too.
   *
   * What is told of a trace is told of all its spans, whatever of them lies outside of the range, as far as they begin within
   * a day of the span that was found. At least a minute before and after it is looked at; a trace of which something
   * is seen to be missing there (a parent, the rest of a span that is open or goes on) is looked for in the whole day. So
   * what begins more than a minute after all before it had ended may not be counted, and where no parent connects it, or a
   * day is between, be listed as another trace.
   */
  searchTraces(scope: ReadScope, search: TraceSearch): Promise<TraceSearchPage>
  /**
   * Traces spread evenly over the range, newest first, to draw a range that holds more than anybody can be sent. The
   * range is cut into at most 60 intervals of equal length, and every trace belongs to the one in which its first span
   * that meets all filters started. Of each interval come the `ceil(count / 60)` traces with the lowest keys, which are the
   * last four bytes of their ids, made at random by senders: the same data give the same traces, and neither failures
   * nor long traces are preferred. `isComplete` is false where time ran out: then some traces were not looked at. An open row
   * that meets the filters, where the finished one does not, takes a place: the trace is left out, and no other given for it.
   */
  sampleTraces(scope: ReadScope, sample: TraceSample): Promise<TraceSamplePage>
  /**
   * A whole trace, spans by start time; undefined where there is none. A range says where to look, with a day to
   * either side; without one the whole store is searched. Of more than 20 000 spans, or 64 MiB, the earliest are given.
   */
  getTrace(scope: ReadScope, traceId: string, range?: TimeRange): Promise<StoredTrace | undefined>
  /**
   * Several traces in the order of their ids, each cut to its `spansMax` earliest spans; unknown ids are left out. Where they
   * have more than 64 MiB together, each is cut to its share, and where even that is too much the last are left out.
   */
  getTraces(scope: ReadScope, traceIds: readonly string[], options: TracesOptions): Promise<StoredTrace[]>
}

export interface TracesOptions {
  spansMax: number
  range?: TimeRange
}

/** All filters look at one span, they must meet in the same one; only `status` `ok` looks at all that meet the others. */
export interface SpanFilters extends ServiceFilter {
  readonly operation?: string | undefined
  readonly kind?: number | undefined
  readonly minDurationNanos?: bigint | undefined
  /** Spans that are open have no duration yet, and do not meet it. */
  readonly maxDurationNanos?: bigint | undefined
  /** `error`: a span that meets the other filters failed. `ok`: none of them did. */
  readonly status?: 'error' | 'ok' | undefined
  /** Only spans without a parent. */
  readonly root?: boolean | undefined
  /** Of the span or of its resource, compared as text. */
  readonly attributes?: readonly { key: string; value: string }[] | undefined
  /** A pod's uid or name. */
  readonly pod?: string | undefined
}

export interface TraceSearch {
  range: TimeRange
  filters: SpanFilters
  /** How many traces at most, up to 500. */
  limit: number
  /** Where an earlier page ended. */
  after?: TracePosition | undefined
}

export interface TraceSample {
  range: TimeRange
  filters: SpanFilters
  /** How many traces at most, up to 2000. */
  count: number
}

export interface TraceSamplePage {
  traces: FoundTrace[]
  isComplete: boolean
}

/** A place in the order of traces. What comes after it began earlier, or in the same nanosecond with a smaller id. */
export interface TracePosition {
  readonly startNanos: bigint
  /** '' stands behind all traces of that nanosecond. */
  readonly traceId: string
}

export interface TraceSearchPage {
  traces: FoundTrace[]
  next: TracePosition | undefined
  isComplete: boolean
  /** How far back was searched. */
  searchedFromNanos: bigint
}

export interface FoundTrace {
  traceId: string
  startTimeUnixNano: string
  durationNanos: number
  /** Of the root span; where none arrived, of the earliest span. */
  lead: { resource: StoredResource | undefined; operation: string }
  hasRoot: boolean
  spanCount: number
  errorCount: number
  /** What each resource took part with; at most 1000 resources. */
  parts: { resource: StoredResource | undefined; spanCount: number; errorCount: number }[]
  matched: {
    resource: StoredResource | undefined
    operation: string
    durationNanos: number
    startTimeUnixNano: string
    isError: boolean
  }
}

export interface StoredTrace {
  traceId: string
  startTimeUnixNano: string
  durationNanos: number
  spans: StoredSpan[]
  resources: Map<string, StoredResource>
  isTruncated: boolean
}

export interface StoredSpan {
  spanId: string
  parentSpanId: string
  name: string
  /** As in OTLP: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number
  startTimeUnixNano: string
  durationNanos: number
  isOpen: boolean
  /** As in OTLP: 0 unset, 1 ok, 2 error. */
  statusCode: number
  statusMessage: string
  resourceId: string
  scope: { name: string; version: string }
  attributes: Attribute[]
  events: { timeUnixNano: string; name: string; attributes: Attribute[] }[]
  links: { traceId: string; spanId: string; attributes: Attribute[] }[]
  traceState: string
  flags: number
  droppedCounts: { attributes: number; events: number; links: number }
  /** It names a parent that is not in the trace. Never said of a truncated trace. */
  isParentMissing: boolean
}
