import { Unavailable } from '#runtime/errors.ts'
import type { Encoding, PartialSuccess } from '#telemetry/otlp/export-response.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import type { ExportRequestBySignal, Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import type { QueueAppender } from '../queue/queue.ts'
import type { ReceiverMetrics } from './receiver-metrics.ts'
import { describeRejections, type Tally } from './rejections.ts'
import { validateExport } from './validate.ts'

export interface ReceivedExport<S extends Signal = Signal> {
  signal: S
  encoding: Encoding
  tenant: string
  bytes: Uint8Array
}

/**
 * The one way of an export into the queue, whatever transport brought it. Resolves once what is kept is durable.
 *
 * @throws OtlpDecodeError when the bytes are no export request
 * @throws Unavailable when the queue cannot take it now; nothing of the request is kept then
 */
export type Receive = (received: ReceivedExport) => Promise<PartialSuccess>

export const createReceive = (parts: {
  queue: QueueAppender
  retentionNanos: Readonly<Record<Signal, bigint>>
  metrics: ReceiverMetrics
  now: () => number
}): Receive => {
  const { queue, metrics } = parts
  return async (received) => {
    const { signal, tenant } = received
    const retentionNanos = parts.retentionNanos[signal]
    const { payload, mayRepeat, tally } = prepare(received, { nowMillis: parts.now(), retentionNanos })
    for (const [reason, { count }] of tally.reasons) metrics.refused(signal, count, reason)
    if (payload !== undefined) {
      try {
        const outcome = await queue.append(signal, { tenant, payload, mayRepeat })
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

/** Synchronous and apart, so that the decoded request is garbage before anybody waits for the disk. */
const prepare = <S extends Signal>(
  received: ReceivedExport<S>,
  options: { nowMillis: number; retentionNanos: bigint },
): { payload: Uint8Array | undefined; mayRepeat: boolean; tally: Tally } => {
  const { signal, encoding, bytes } = received
  const decoded =
    encoding === 'json' ? decodeExportRequestJson(signal, bytes) : decodeExportRequest(signal, bytes)
  const { request, tally } = validateExport(signal, decoded, { ...options, requestBytes: bytes.length })
  const mayRepeat = hasUntimedLogRecord(request)
  if (tally.accepted === 0) return { payload: undefined, mayRepeat, tally }
  const isAsItCame = encoding === 'protobuf' && request === decoded
  return { payload: isAsItCame ? bytes : encodeExportRequest(signal, request), mayRepeat, tally }
}

/** Spans have ids and points have times; a log record may have neither, and then equal bytes may be two events. */
const hasUntimedLogRecord = (request: ExportRequestBySignal[Signal]): boolean =>
  'resourceLogs' in request &&
  request.resourceLogs.some(({ scopeLogs }) =>
    scopeLogs.some(({ logRecords }) =>
      logRecords.some((record) => record.timeUnixNano === 0n && record.observedTimeUnixNano === 0n),
    ),
  )
