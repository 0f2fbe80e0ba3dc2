import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { RangeBlock, RangeIdentity, RangeStore } from '#storage/range-store.ts'
import { RowsRefused } from '#storage/rows-refused.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuePartition, RangeIntent } from '../queue/queue.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { PrepareRange, PreparedRange } from './prepare-range.ts'
import { createResourceRows } from './resource-rows.ts'

/** Where a range is written from. */
export interface RangeSource {
  signal: Signal
  partition: QueuePartition
  /** Aborts when the writing of the partition ends. */
  ended: AbortSignal
}

export interface RangeWriter {
  /**
   * Brings the range into the store, exactly once, and moves the position past it. `intent` has been saved. Resolves with
   * false when the writing of the partition ends before that is done; who writes it next goes on from the intent.
   */
  write(
    source: RangeSource,
    range: PreparedRange,
    intent: RangeIntent,
    isOutcomeUnknown: boolean,
  ): Promise<boolean>
}

export interface RangeWriterParts {
  store: RangeStore
  deadLetters: Pick<DeadLetters, 'add' | 'flush'>
  prepareRange: PrepareRange
  selfMetrics: SelfMetrics
  /**
   * Repeats an act that may fail for a time, but throws RowsRefused. False when the writing of the partition ends before it
   * succeeded.
   */
  untilDone: (source: RangeSource, act: () => Promise<void>) => Promise<boolean>
}

/** How often a record is refused alone before it is believed: what is refused by size may only have come at a bad time. */
const refusalsMaxByContent = 2
const refusalsMaxBySize = 20
const refusalCharactersMax = 2000
/** Tables and days of which rows were refused. */
const refusedBlocksMax = 100

/**
 * A range whose rows the engine refuses is taken back and written in halves, until a record is refused alone: that one is
 * set aside. Each half is a range like any other, with an identity and an intent of its own, so a crash in the middle is
 * nothing new. That a range is being taken back is part of its intent: the engine might not refuse it again, and then
 * halves of it would be in twice.
 */
export const createRangeWriter = (parts: RangeWriterParts): RangeWriter => {
  const { store, deadLetters, prepareRange, untilDone } = parts
  const { meter } = parts.selfMetrics
  const resourceRows = createResourceRows(store)
  const refusedBlocks = new Set<string>()
  const rowsWritten = meter.createCounter('writer_rows', { description: 'Rows inserted, by table' })
  const rangesRefused = meter.createCounter('writer_refused_ranges', {
    description: 'Ranges that the store refused because of their rows; they are written in parts',
  })
  const insertMillis = meter.createHistogram('writer_insert_duration', {
    description: 'How long the insert of one block took',
    unit: 'ms',
  })

  const write: RangeWriter['write'] = async (source, range, intent, isOutcomeUnknown) => {
    if (intent.refusal !== undefined) return writeParts(source, range, intent, intent.refusal)
    let attempt = intent
    let isUnknown = isOutcomeUnknown
    for (let refusals = 1; ; refusals++) {
      const outcome = await insertAll(source, range, attempt, isUnknown)
      if (outcome === 'stopped') return false
      if (outcome === 'in') return finish(source, range)
      rangesRefused.add(1, { signal: source.signal })
      const refused = {
        ...outcome.intent,
        refusal: outcome.refusal.message.slice(0, refusalCharactersMax),
      }
      if (!(await saveIntent(source, refused))) return false
      const refusalsMax = outcome.refusal.isBySize ? refusalsMaxBySize : refusalsMaxByContent
      if (range.first < range.last || refusals >= refusalsMax)
        return writeParts(source, range, refused, refused.refusal)
      if (!(await takeBack(source, range))) return false
      attempt = { first: refused.first, last: refused.last, attempt: refused.attempt + 1 }
      isUnknown = false
      if (!(await saveIntent(source, attempt))) return false
    }
  }

  const insertAll = async (
    source: RangeSource,
    range: PreparedRange,
    intent: RangeIntent,
    isOutcomeUnknown: boolean,
  ): Promise<'in' | 'stopped' | { refusal: RowsRefused; intent: RangeIntent }> => {
    const { partition } = source
    const state: InsertState = { partition, identity: identityOf(partition, range), intent, block: undefined }
    const { newest, resources } = range
    try {
      if (newest !== undefined && !(await untilDone(source, () => resourceRows.write(resources, [newest]))))
        return 'stopped'
      // Where there was a refusal before, there may be another, and what is not in need not be taken back.
      const isSuspect = (block: RangeBlock): number => (refusedBlocks.has(keyOf(block)) ? 0 : 1)
      for (const block of range.blocks.toSorted((a, b) => isSuspect(a) - isSuspect(b)))
        if (!(await settle(source, state, block, isOutcomeUnknown))) return 'stopped'
      return 'in'
    } catch (error) {
      if (!(error instanceof RowsRefused)) throw error
      remember(state.block)
      return { refusal: error, intent: state.intent }
    }
  }

  /** True when the block is in the store; false only when the writing of the partition ends before that. */
  const settle = (
    source: RangeSource,
    state: InsertState,
    block: RangeBlock,
    isOutcomeUnknownAtFirst: boolean,
  ): Promise<boolean> => {
    let isOutcomeUnknown = isOutcomeUnknownAtFirst
    state.block = block
    return untilDone(source, async () => {
      const isRepeated = isOutcomeUnknown
      if (isRepeated) {
        if (await store.hasBlock(state.identity, block)) return store.deriveAgain(state.identity, block)
        // Saved before it is used, so that no two attempts ever carry the same number.
        state.intent = { ...state.intent, attempt: state.intent.attempt + 1 }
        await state.partition.savePosition({ next: state.partition.position().next, intent: state.intent })
      }
      isOutcomeUnknown = true
      const startedAt = performance.now()
      await store.insertBlock(state.identity, state.intent.attempt, block)
      insertMillis.record(performance.now() - startedAt, { table: block.table })
      rowsWritten.add(block.rowCount, { table: block.table })
      if (isRepeated) await store.deriveAgain(state.identity, block)
    })
  }

  /** What cannot be decoded is set aside before the position moves, so that it is either there or still in the queue. */
  const finish = async (source: RangeSource, range: PreparedRange): Promise<boolean> => {
    const { signal, partition } = source
    for (const { record, error } of range.undecodable)
      deadLetters.add({ signal, partition: partition.identity, record, cause: 'undecodable', error })
    if (!(await untilDone(source, () => deadLetters.flush()))) return false
    return untilDone(source, () => partition.savePosition({ next: range.last + 1 }))
  }

  const writeParts = async (
    source: RangeSource,
    range: PreparedRange,
    intent: RangeIntent,
    refusal: string,
  ): Promise<boolean> => {
    if (!(await takeBack(source, range))) return false
    if (intent.first === intent.last) return setAside(source, range, refusal)
    const middle = Math.floor((intent.first + intent.last) / 2)
    const halves = [
      { first: intent.first, last: middle },
      { first: middle + 1, last: intent.last },
    ]
    for (const half of halves) if (!(await writeHalf(source, half))) return false
    return true
  }

  const writeHalf = async (
    source: RangeSource,
    { first, last }: { first: number; last: number },
  ): Promise<boolean> => {
    const fresh: RangeIntent = { first, last, attempt: 1 }
    const { promise: range, resolve } = Promise.withResolvers<PreparedRange>()
    const prepare = async (): Promise<void> => {
      const records = await source.partition.readRange(first, last)
      await source.partition.savePosition({ next: first, intent: fresh })
      resolve(await prepareRange(source.signal, records, fresh))
    }
    if (!(await untilDone(source, prepare))) return false
    return write(source, await range, fresh, false)
  }

  const takeBack = (source: RangeSource, range: PreparedRange): Promise<boolean> => {
    const identity = identityOf(source.partition, range)
    return untilDone(source, async () => {
      for (const block of range.blocks) await store.takeBack(identity, block)
    })
  }

  const setAside = async (source: RangeSource, range: PreparedRange, refusal: string): Promise<boolean> => {
    const { signal, partition } = source
    const { newest: record } = range
    if (record !== undefined)
      deadLetters.add({
        signal,
        partition: partition.identity,
        record,
        cause: 'refused_by_store',
        error: refusal,
      })
    if (!(await untilDone(source, () => deadLetters.flush()))) return false
    return untilDone(source, () => partition.savePosition({ next: range.last + 1 }))
  }

  const remember = (block: RangeBlock | undefined): void => {
    if (refusedBlocks.size >= refusedBlocksMax) refusedBlocks.clear()
    if (block !== undefined) refusedBlocks.add(keyOf(block))
  }

  const saveIntent = (source: RangeSource, intent: RangeIntent): Promise<boolean> => {
    const { partition } = source
    return untilDone(source, () => partition.savePosition({ next: partition.position().next, intent }))
  }

  return { write }
}

interface InsertState {
  partition: QueuePartition
  identity: RangeIdentity
  intent: RangeIntent
  /** The one under way. */
  block: RangeBlock | undefined
}

const keyOf = ({ table, day }: RangeBlock): string => `${table}/${day}`

const identityOf = (
  { identity }: QueuePartition,
  { first, last }: Pick<PreparedRange, 'first' | 'last'>,
): RangeIdentity => ({ partition: identity, firstOffset: first, lastOffset: last })
