import type { Attribute } from '../attribute-list.ts'
import type { ReadScope, TimeRange } from '../read-scope.ts'
import type { ServiceFilter, StoredResource } from '../resource-rows.ts'

/** Log records, read. */
export interface LogStore {
  /** The earliest records that name this trace, by time: at most `limit`, and of large ones fewer. */
  logsOfTrace(scope: ReadScope, traceId: string, limit: number): Promise<LogPage>
  /**
   * The latest records of a pod (by uid or name) inside the range, by time: at most `limit`, fewer as in a page of `searchLogs`,
   * and those that were found where time was up. `isTruncated` says that there are or may be earlier ones.
   */
  logsOfPod(scope: ReadScope, pod: string, range: TimeRange, limit: number): Promise<LogPage>
  /**
   * Records that meet all filters, newest first; those of the same nanosecond by a hash of what they show. Pages that
   * follow each other's `next` give each record once, equal ones as often as they are there, and miss none that was
   * there when the first page was read. A page ends earlier than at its `limit` with the record by which it has more than
   * 16 MiB; `isComplete` is true then, and `next` goes on.
   *
   * The range is searched newest first in slices, each with a time limit, until the page is full, the range is
   * exhausted or the time for a page is up. In the last case `isComplete` is false, the page holds what was found, and
   * `next` goes on from there. Throws `QueryStopped` when `scope.signal` aborts.
   */
  searchLogs(scope: ReadScope, search: LogSearch): Promise<LogSearchPage>
  /**
   * How many records meet all filters, by interval and severity. Intervals are of equal length, at most 60 of them, and
   * begin at multiples of their length since 1970, so the first and the last may reach beyond the range; what lies
   * outside of the range is not counted. Counted is newest first; where time runs out `isComplete` is false and nothing
   * before `searchedFromNanos` is counted. Throws `QueryStopped` when `scope.signal` aborts.
   */
  countLogs(scope: ReadScope, count: LogCount): Promise<LogHistogram>
}

export interface LogPage {
  logs: StoredLogRecord[]
  isTruncated: boolean
}

export interface LogFilters extends ServiceFilter {
  /** As OTLP numbers severities, 1 to 24. Records without a severity have 0. */
  readonly minSeverity?: number | undefined
  /**
   * Each word has to occur in the body as a whole word, in any order; capital letters of ASCII are as small ones. Words
   * are what stands between ASCII characters that are neither letters nor digits. A structured body is searched as
   * JSON, keys included.
   */
  readonly bodyWords?: string | undefined
  /** Each has to occur in the body as it is, signs included, and its words as whole words that follow each other. */
  readonly bodyPhrases?: readonly string[] | undefined
  /** Of the record or of its resource, compared as text. */
  readonly attributes?: readonly { key: string; value: string }[] | undefined
  /** 32 small hexadecimal digits. */
  readonly traceId?: string | undefined
  /** A pod's uid or name. */
  readonly pod?: string | undefined
  readonly eventName?: string | undefined
}

export interface LogSearch {
  range: TimeRange
  filters: LogFilters
  /** How many records at most, up to 1000. */
  limit: number
  /** Where an earlier page ended. */
  after?: LogPosition | undefined
}

/** A place in the order of records: everything before this time, and what `tie` says of this very nanosecond. */
export interface LogPosition {
  readonly timeNanos: bigint
  /** At that time: what hashes lower is left, and what hashes the same but for `passed` records of it. */
  readonly tie?: { readonly hash: bigint; readonly passed: number } | undefined
}

export interface LogSearchPage {
  logs: StoredLogRecord[]
  next: LogPosition | undefined
  isComplete: boolean
  /** From here to the end of the range, or to where the page before ended, everything was looked at. */
  searchedFromNanos: bigint
}

export interface LogCount {
  range: TimeRange
  filters: LogFilters
}

export interface LogHistogram {
  intervalNanos: bigint
  /** All of the range, by time, those without records too. */
  intervals: LogInterval[]
  isComplete: boolean
  searchedFromNanos: bigint
}

export interface LogInterval {
  startNanos: bigint
  counts: SeverityCounts
}

/** By the ranges of OTLP's severity numbers: `unspecified` is 0, `trace` 1 to 4 and so on, `fatal` 21 and more. */
export interface SeverityCounts {
  unspecified: number
  trace: number
  debug: number
  info: number
  warn: number
  error: number
  fatal: number
}

export interface StoredLogRecord {
  timeUnixNano: string
  severityNumber: number
  severityText: string
  body: string
  eventName: string
  resource: StoredResource | undefined
  /** '' where the record names none; so is the span's. */
  traceId: string
  spanId: string
  attributes: Attribute[]
}
