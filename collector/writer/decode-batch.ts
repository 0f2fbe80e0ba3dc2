import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { type Batch, createBatchWalk } from './walk/batch-walk.ts'
import { fastestEngine } from './walk/engine.ts'

/** One for the process: batches are gathered one after the other, and it remembers resources from one to the next. */
const walk = createBatchWalk(fastestEngine())

/**
 * The rows of a range of records. They depend on the records' bytes and queue times only, so that the same range always
 * makes the same blocks. A record that makes no rows (it cannot be decoded, or holds a value that no column takes) is
 * handed to `onPoison`.
 */
export const decodeBatch = (
  signal: Signal,
  records: readonly QueuedRecord[],
  onPoison: (record: QueuedRecord, error: unknown) => void,
): Batch => {
  try {
    return gather(signal, records)
  } catch {
    // One of them is bad. Each is tried by itself, and the good ones are gathered again without it.
    return gather(
      signal,
      records.filter((record) => {
        try {
          gather(signal, [record])
          return true
        } catch (error) {
          onPoison(record, error)
          return false
        }
      }),
    )
  }
}

const gather = (signal: Signal, records: readonly QueuedRecord[]): Batch => {
  const gathering = walk.gather(signal, records)
  for (;;) {
    const turn = gathering.next()
    if (turn.done === true) return turn.value
  }
}
