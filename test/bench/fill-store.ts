import { decodeBatch } from '#collector/writer/decode-batch.ts'
import type { QueuedRecord } from '#collector/queue/queue.ts'
import { createResourceRows } from '#collector/writer/resource-rows.ts'
import { silentLogger } from '#runtime/logger.ts'
import type { Store } from '#storage/connection.ts'
import { createRangeStore } from '#storage/range-store.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createCorpus, spansOf, spansPerTrace } from './corpus.ts'

export interface Filling {
  spanCount: number
  hours: number
  /** Metrics of all pods every ten seconds, for so long before the end. */
  metricMinutes: number
  seed: number
}

export interface Filled {
  /** Some of the traces, spread over the time. */
  traceIds: string[]
  fromNanos: bigint
  toNanos: bigint
}

const tracesPerRange = 3000
const nanosPerHour = 3_600_000_000_000n
const metricIntervalNanos = 10_000_000_000n
/** A fixed day, so that every run has the same partitions and the same rows. */
const firstDayNanos = 20_400n * 24n * nanosPerHour

/** Fills the store with the corpus through the writer's own path: encoded requests, blocks, ranges. */
export const fillStore = async (store: Store, filling: Filling): Promise<Filled> => {
  const corpus = createCorpus(filling.seed)
  const fromNanos = firstDayNanos
  const toNanos = fromNanos + BigInt(Math.round(filling.hours * 3600)) * 1_000_000_000n
  const write = createWriting(store)
  const rangeCount = Math.ceil(filling.spanCount / spansPerTrace / tracesPerRange)
  const stepNanos = (toNanos - fromNanos) / BigInt(rangeCount)
  const traceIds: string[] = []
  for (let range = 0; range < rangeCount; range++) {
    const start = fromNanos + BigInt(range) * stepNanos
    const spread = Number(stepNanos)
    const traces = corpus.nextExports(tracesPerRange, start, spread)
    const sample = traces[range % traces.length]
    const span = sample && spansOf(sample)[0]
    if (span !== undefined) traceIds.push(Buffer.from(span.traceId).toString('hex'))
    await write('traces', recordsOf('traces', traces, start + stepNanos))
    const logs = corpus.nextLogExports(tracesPerRange, start, spread)
    await write('logs', recordsOf('logs', logs, start + stepNanos))
    if (range % 20 === 0) process.stderr.write(`filled ${range + 1} of ${rangeCount} ranges\n`)
  }
  const metricFrom = toNanos - BigInt(filling.metricMinutes) * 60_000_000_000n
  for (let time = metricFrom; time < toNanos; time += metricIntervalNanos)
    await write('metrics', recordsOf('metrics', corpus.nextMetricExports(time), time))
  return { traceIds, fromNanos, toNanos }
}

/** Requests as they lie in the queue. */
export const recordsOf = <Of extends Signal>(
  signal: Of,
  requests: readonly Parameters<typeof encodeExportRequest<Of>>[1][],
  queuedAtNanos: bigint,
): QueuedRecord[] =>
  requests.map((request, offset) => ({
    offset,
    queuedAtMillis: Number(queuedAtNanos / 1_000_000n),
    tenant: 'default',
    payload: encodeExportRequest(signal, request),
  }))

/** Writes records as one range, as the writer would; how many rows they make. */
export const createWriting = (store: Store) => {
  const rangeStore = createRangeStore(store, silentLogger)
  const resourceRows = createResourceRows(rangeStore)
  let range = 0
  return async (signal: Signal, records: readonly QueuedRecord[]): Promise<number> => {
    const batch = await decodeBatch(signal, records, (_record, error) => {
      throw error
    })
    await resourceRows.write(batch.resources(), records)
    const identity = { partition: `otlp_${signal}/0@5ea1c0ffee00`, firstOffset: range, lastOffset: range }
    range += 1
    let rowCount = 0
    for (const block of batch.blocks()) {
      await rangeStore.insertBlock(identity, 1, block)
      rowCount += block.rowCount
    }
    return rowCount
  }
}
