import type { TimeRange } from '../read-scope.ts'
import type { Candidates, TraceMatches, TraceSearching } from './candidates.ts'
import { isTooSlow } from '../time-slices.ts'
import { type TraceSpan, figuresOf, spansOfRows } from './figures.ts'
import { type SpanQuestion, isCostly } from './filters.ts'
import { newestFirst } from './order.ts'
import { type PlacedTrace, placeOfFigures, placeTraces } from './places.ts'
import { type TraceRow, readRowsInSlots, readRowsOfTraces, traceReachNanos } from './rows.ts'
import { type SlotsByKey, besideNanos, slotOfNanos, slotsToRead, startOfSlot, traceKeyOf } from './slots.ts'
import type { TracePosition } from './trace-store.ts'

/** What came of a look at candidates. */
export interface Looked {
  placed: PlacedTrace[]
  /** Every trace whose place is between here and where the search for candidates began is among them, or was before. */
  reached: TracePosition
  isOutOfTime: boolean
}

/**
 * Looks at candidates as whole traces. Nearly all traces lie within one slot, so the slots that led to a trace are read
 * by its key alone. Where something is seen to be missing there, the trace is read again by its id, wherever it lies
 * within a day. What time did not suffice for is left behind what was reached.
 */
export const lookAtTraces = async (
  searching: TraceSearching,
  candidates: Candidates,
  asked: { before: TracePosition; isKnown: (traceId: string) => boolean },
): Promise<Looked> => {
  const placed: PlacedTrace[] = []
  const unsettled: Unsettled = { keys: new Set(candidates.slotsByKey.keys()), unclear: [], large: [] }
  try {
    await lookNear(searching, candidates, asked, { placed, unsettled })
    await lookFar(searching, candidates, { placed, unsettled })
    return { placed, reached: candidates.reached, isOutOfTime: candidates.isOutOfTime }
  } catch (error) {
    if (!isTooSlow(searching.scope, error)) throw error
    const reached = reachedWithout(unsettled, candidates, asked.before)
    return { placed, reached, isOutOfTime: true }
  }
}

/** What was not looked at yet, or not yet as a whole. */
interface Unsettled {
  keys: Set<number>
  /** Ids of traces that may have spans elsewhere. */
  unclear: string[]
  /** Ids of traces of many rows. */
  large: string[]
}

interface Looking {
  placed: PlacedTrace[]
  unsettled: Unsettled
}

const lookNear = async (
  { store, scope, question, lookDeadlineMillis }: TraceSearching,
  candidates: Candidates,
  { before, isKnown }: { before: TracePosition; isKnown: (traceId: string) => boolean },
  { placed, unsettled }: Looking,
): Promise<void> => {
  if (candidates.slotsByKey.size === 0) return
  const noted = isNoted(question) ? candidates.matches : undefined
  const slotsByKey = slotsToRead(candidates.slotsByKey)
  const reader = {
    store,
    scope,
    question: noted ? undefined : question,
    deadlineMillis: lookDeadlineMillis,
  }
  const isAsked = isAskedFor(question.range)
  const isCandidate = (traceId: string): boolean => !isKnown(traceId) && (noted?.has(traceId) ?? true)
  for await (const near of readRowsInSlots(reader, slotsByKey)) {
    for (const [traceId, rows] of near.rowsByTrace) {
      if (!isCandidate(traceId)) continue
      const matches = noted?.get(traceId)
      const spans = spansOfRows(rows)
      if (!isWhole(spans, slotsByKey.get(traceKeyOf(traceId)))) unsettled.unclear.push(traceId)
      else if (matches === undefined)
        placed.push(...placeOfFigures(figuresOf(traceId, spans, isAsked), question))
      else if (areAllNoted(rows, spans, matches, { range: question.range, before })) {
        const figures = figuresOf(traceId, spans, ({ id }) => matches.spanIds.has(id))
        placed.push(...placeOfFigures(figures, question))
      } else unsettled.unclear.push(traceId)
    }
    unsettled.large.push(...near.tooLarge.filter(isCandidate))
    for (const key of near.items) unsettled.keys.delete(key)
  }
}

/** By id, the newest first. */
const lookFar = async (
  { store, scope, question, lookDeadlineMillis }: TraceSearching,
  candidates: Candidates,
  { placed, unsettled }: Looking,
): Promise<void> => {
  const reader = { store, scope, question, deadlineMillis: lookDeadlineMillis }
  const isAsked = isAskedFor(question.range)
  const large = new Set(unsettled.large)
  for (const { traceIds, within } of groupsOf([...unsettled.unclear, ...large], candidates.slotsByKey)) {
    const unclear = traceIds.filter((traceId) => !large.has(traceId))
    const groupLarge = traceIds.filter((traceId) => large.has(traceId))
    for await (const far of readRowsOfTraces(reader, unclear, within)) {
      for (const [traceId, rows] of far.rowsByTrace)
        placed.push(...placeOfFigures(figuresOf(traceId, spansOfRows(rows), isAsked), question))
      groupLarge.push(...far.tooLarge)
    }
    placed.push(...(await placeTraces(reader, groupLarge, within)))
    const settled = new Set(traceIds)
    unsettled.unclear = unsettled.unclear.filter((traceId) => !settled.has(traceId))
    unsettled.large = unsettled.large.filter((traceId) => !settled.has(traceId))
  }
}

/** Behind all that was left: its place is not after the newest span that led to it. */
const reachedWithout = (
  { keys, unclear, large }: Unsettled,
  { newestByKey, reached }: Candidates,
  before: TracePosition,
): TracePosition => {
  const left = new Set([...keys, ...unclear.map(traceKeyOf), ...large.map(traceKeyOf)])
  const newest = [...left].reduce((max, key) => {
    const nanos = newestByKey.get(key) ?? before.startNanos
    return nanos > max ? nanos : max
  }, reached.startNanos)
  const position = { startNanos: newest + 1n, traceId: '' }
  return newestFirst(before, position) < 0 ? position : before
}

const isAskedFor =
  ({ fromNanos, toNanos }: TimeRange) =>
  ({ row, startNanos }: TraceSpan): boolean =>
    Boolean(row.is_match) && startNanos >= fromNanos && startNanos < toNanos

/** Where it takes long to tell whether a span matches, those that were found are believed; of failed ones not all are. */
const isNoted = (question: SpanQuestion): boolean => isCostly(question) && question.filters.status !== 'ok'

/** No span may be missing: neither a parent, nor what a span that is open or goes on has begun, nor what lies close by. */
const isWhole = (spans: readonly TraceSpan[], slots: ReadonlySet<number> | undefined): boolean => {
  const ids = new Set(spans.map(({ id }) => id))
  if (spans.some(({ row, parentId }) => row.is_open || (parentId !== '' && !ids.has(parentId)))) return false
  const firstSlot = Math.min(...spans.map(({ startNanos }) => slotOfNanos(startNanos - besideNanos)))
  const lastSlot = Math.max(...spans.map(({ endNanos }) => slotOfNanos(endNanos + besideNanos)))
  if (slots === undefined || lastSlot - firstSlot >= slots.size) return false
  for (let slot = firstSlot; slot <= lastSlot; slot++) if (!slots.has(slot)) return false
  return true
}

/** Whatever spans of the trace are in the range began where matching ones were noted, and each span has one row. */
const areAllNoted = (
  rows: readonly TraceRow[],
  spans: readonly TraceSpan[],
  { isTruncated, notedFrom }: TraceMatches,
  { range, before }: { range: TimeRange; before: TracePosition },
): boolean =>
  !isTruncated &&
  rows.length === spans.length &&
  spans.every(({ startNanos, row }) => {
    if (startNanos < range.fromNanos || startNanos >= range.toNanos) return true
    const position = { startNanos, traceId: row.trace }
    return newestFirst(before, position) < 0 && newestFirst(position, notedFrom) <= 0
  })

/** Traces that are looked for together lie this close, so that none is looked for where only others can be. */
const slotsPerGroupMax = 7 * 288

/** Traces with the time in which each may lie: a day to either side of the slots that led to those of its group. */
const groupsOf = (
  traceIds: readonly string[],
  slotsByKey: SlotsByKey,
): { traceIds: string[]; within: TimeRange }[] => {
  const ends = traceIds.map((traceId) => {
    const slots = [...(slotsByKey.get(traceKeyOf(traceId)) ?? [])]
    return {
      traceId,
      first: slots.reduce((min, slot) => Math.min(min, slot), Number.MAX_SAFE_INTEGER),
      last: slots.reduce((max, slot) => Math.max(max, slot), 0),
    }
  })
  const groups: { traceIds: string[]; first: number; last: number }[] = []
  for (const { traceId, first, last } of ends.toSorted((a, b) => b.last - a.last)) {
    const group = groups.at(-1)
    if (group && group.last - Math.min(group.first, first) <= slotsPerGroupMax) {
      group.traceIds.push(traceId)
      group.first = Math.min(group.first, first)
    } else groups.push({ traceIds: [traceId], first, last })
  }
  return groups.map(({ traceIds: grouped, first, last }) => ({
    traceIds: grouped,
    within: {
      fromNanos: startOfSlot(first) - traceReachNanos,
      toNanos: startOfSlot(last + 1) + traceReachNanos,
    },
  }))
}
