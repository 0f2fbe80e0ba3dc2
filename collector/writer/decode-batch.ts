import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { type Batch, type BatchWalk, createBatchWalk } from './walk/batch-walk.ts'
import { type ChosenEngine, fastestEngine } from './walk/engine.ts'
import { joinBatches } from './walk/join-batches.ts'
import { HeapFull } from './walk/walk-host.ts'
import { readBuiltWalk } from './walk/wasm/built-walk.ts'

/**
 * One for the process: it has one heap, and remembers resources from one batch to the next. Made when first needed, because
 * most commands of the program need none.
 */
let walk: BatchWalk | undefined
let engine: ChosenEngine | undefined

/** What ranges are decoded with in this process. */
export const walkEngine = (): ChosenEngine => (engine ??= fastestEngine(readBuiltWalk()))

/** A batch may take a second; whoever else waits for this thread has his turn after so long. */
const turnMillis = 10

let gathered: Promise<unknown> = Promise.resolve()
const oneAfterTheOther = <T>(act: () => Promise<T>): Promise<T> => {
  const result = gathered.then(act)
  gathered = result.catch(() => undefined)
  return result
}

/**
 * The rows of a range of records. They depend on the records' bytes and queue times only, so that the same range always
 * makes the same blocks. A record that makes no rows (it cannot be decoded, or holds a value that no column takes) is
 * handed to `onPoison`.
 */
export const decodeBatch = (
  signal: Signal,
  records: readonly QueuedRecord[],
  onPoison: (record: QueuedRecord, error: unknown) => void,
): Promise<Batch> =>
  oneAfterTheOther(async () => {
    try {
      return await gatherAll(signal, records)
    } catch {
      // One of them is bad. Each is tried by itself, and the good ones are gathered again without it.
      const good: QueuedRecord[] = []
      for (const record of records) {
        try {
          await gatherAll(signal, [record])
          good.push(record)
        } catch (error) {
          onPoison(record, error)
        }
      }
      return gatherAll(signal, good)
    }
  })

/** Records that need more memory together than there may be are walked by halves. */
const gatherAll = async (signal: Signal, records: readonly QueuedRecord[]): Promise<Batch> => {
  try {
    return await gather(signal, records)
  } catch (error) {
    if (!(error instanceof HeapFull) || records.length < 2) throw error
  }
  const half = records.length >> 1
  const first = await gatherAll(signal, records.slice(0, half))
  return joinBatches(first, await gatherAll(signal, records.slice(half)))
}

const gather = async (signal: Signal, records: readonly QueuedRecord[]): Promise<Batch> => {
  walk ??= createBatchWalk(walkEngine().create)
  const gathering = walk.gather(signal, records)
  let turnBeganAt = performance.now()
  for (;;) {
    const step = gathering.next()
    if (step.done === true) return step.value
    if (performance.now() - turnBeganAt < turnMillis) continue
    await nextTurn()
    turnBeganAt = performance.now()
  }
}
