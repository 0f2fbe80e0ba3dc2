import type { TimeRange } from './read-scope.ts'
import type { Candidates, TraceMatches, TraceSearching } from './trace-candidates.ts'
import { type TraceFigures, type TraceSpan, figuresOf, spansOfRows } from './trace-figures.ts'
import { countFigures } from './trace-figures-by-engine.ts'
import { type SpanQuestion, isCostly } from './trace-filters.ts'
import { newestFirst } from './trace-order.ts'
import {
  type TraceRow,
  isOfTraces,
  readRowsInSlots,
  readRowsOfTraces,
  traceReachNanos,
} from './trace-rows.ts'
import {
  type SlotsByKey,
  besideNanos,
  slotOfNanos,
  slotsToRead,
  startOfSlot,
  traceKeyOf,
} from './trace-slots.ts'
import type { TracePosition } from './trace-store.ts'

/**
 * Looks at candidates as whole traces. Nearly all traces lie within one slot, so the slots that led to a trace are read
 * by its key alone. Where something is seen to be missing there, the trace is read again by its id, wherever it lies
 * within a day.
 */
export const lookAtTraces = async (
  { store, scope, question }: TraceSearching,
  candidates: Candidates,
  { before, isKnown }: { before: TracePosition; isKnown: (traceId: string) => boolean },
): Promise<TraceFigures[]> => {
  if (candidates.slotsByKey.size === 0) return []
  const noted = isNoted(question) ? candidates.matches : undefined
  const slotsByKey = slotsToRead(candidates.slotsByKey)
  const reader = { store, scope, question: noted ? undefined : question }
  const isAsked = isAskedFor(question.range)
  const figures: TraceFigures[] = []
  const unclear: string[] = []
  const tooLarge: string[] = []

  for await (const near of readRowsInSlots(reader, slotsByKey)) {
    for (const [traceId, rows] of near.rowsByTrace) {
      const matches = noted?.get(traceId)
      if (isKnown(traceId) || (noted && matches === undefined)) continue
      const spans = spansOfRows(rows)
      if (!isWhole(spans, slotsByKey.get(traceKeyOf(traceId)))) unclear.push(traceId)
      else if (matches === undefined) figures.push(figuresOf(traceId, spans, isAsked))
      else if (areAllNoted(rows, spans, matches, { range: question.range, before }))
        figures.push(figuresOf(traceId, spans, ({ id }) => matches.spanIds.has(id)))
      else unclear.push(traceId)
    }
    tooLarge.push(...near.tooLarge.filter((traceId) => !isKnown(traceId) && (noted?.has(traceId) ?? true)))
  }

  if (unclear.length + tooLarge.length === 0) return figures
  const within = reachOf([...unclear, ...tooLarge], slotsByKey)
  for await (const far of readRowsOfTraces({ store, scope, question }, unclear, within)) {
    for (const [traceId, rows] of far.rowsByTrace)
      figures.push(figuresOf(traceId, spansOfRows(rows), isAsked))
    tooLarge.push(...far.tooLarge)
  }
  if (tooLarge.length > 0)
    figures.push(...(await countFigures(store, scope, isOfTraces(tooLarge, within), question)))
  return figures
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

/** A day to either side of the slots that led to these traces. */
const reachOf = (traceIds: readonly string[], slotsByKey: SlotsByKey): TimeRange => {
  const slots = traceIds.flatMap((traceId) => [...(slotsByKey.get(traceKeyOf(traceId)) ?? [])])
  return {
    fromNanos:
      startOfSlot(slots.reduce((min, slot) => Math.min(min, slot), Number.MAX_SAFE_INTEGER)) -
      traceReachNanos,
    toNanos: startOfSlot(slots.reduce((max, slot) => Math.max(max, slot), 0) + 1) + traceReachNanos,
  }
}
