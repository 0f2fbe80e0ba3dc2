import { Unavailable } from '#runtime/errors.ts'
import type { Encoding, PartialSuccess } from '#telemetry/otlp/export-response.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueueAppender } from '../queue/queue.ts'
import { prepareAsItCame, prepareDecoded, type PreparedExport, type UnpreparedExport } from './prepare.ts'
import type { PreparePool } from './prepare-pool.ts'
import type { ReceiverMetrics } from './receiver-metrics.ts'
import { countRejection, describeRejections } from './rejections.ts'

export interface ReceivedExport {
  signal: Signal
  encoding: Encoding
  tenant: string
  bytes: Uint8Array
}

/** Beyond this size an export is decoded in a process of its own. Up to it that holds the event loop for some milliseconds. */
const decodeHereBytesMax = 256 << 10

/**
 * The one way of an export into the queue, whatever transport brought it. Resolves once what is kept is durable.
 *
 * @throws OtlpDecodeError when the bytes are no export request
 * @throws Unavailable when it cannot be decoded or queued now; nothing of the request is kept then
 */
export type Receive = (received: ReceivedExport) => Promise<PartialSuccess>

export const createReceive = (parts: {
  queue: QueueAppender
  preparePool: PreparePool
  retentionNanos: Readonly<Record<Signal, bigint>>
  metrics: ReceiverMetrics
  now: () => number
}): Receive => {
  const { queue, metrics } = parts
  return async ({ signal, encoding, tenant, bytes }) => {
    const retentionNanos = parts.retentionNanos[signal]
    const unprepared = { signal, encoding, bytes, nowMillis: parts.now(), retentionNanos }
    const { payload, mayRepeat, tally } = await prepare(unprepared, parts.preparePool)
    for (const [reason, { count }] of tally.reasons) metrics.refused(signal, count, reason)
    if (payload !== undefined) {
      try {
        const outcome = await queue.append(signal, { tenant, payload, mayRepeat })
        if (typeof outcome === 'object') {
          const { count, largestBytes, bytesMax } = outcome
          countRejection(tally, 'item_too_large', `${largestBytes} bytes of ${bytesMax}`, count)
          tally.accepted -= count
          metrics.refused(signal, count, 'item_too_large')
        }
        if (outcome === 'duplicate') metrics.duplicate(signal)
        else metrics.accepted(signal, tally.accepted)
      } catch (error) {
        metrics.refused(signal, tally.accepted, error instanceof Unavailable ? 'unavailable' : 'internal')
        throw error
      }
    }
    return { rejected: BigInt(tally.rejected), errorMessage: describeRejections(signal, tally) }
  }
}

const prepare = async (unprepared: UnpreparedExport, pool: PreparePool): Promise<PreparedExport> => {
  const asItCame = await prepareAsItCame(unprepared)
  if (asItCame !== undefined) return asItCame
  return unprepared.bytes.length <= decodeHereBytesMax ? prepareDecoded(unprepared) : pool.prepare(unprepared)
}
