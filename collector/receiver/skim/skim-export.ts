import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import { messagesPerRequestMax } from '#telemetry/otlp/protobuf.ts'
import { createWireReader } from '#telemetry/otlp/wire-reader.ts'
import type { TimeWindow } from '../item-rules.ts'
import { copiedBytesMaxOf } from '../shared-bytes.ts'
import { LeftToDecoder } from './left-to-decoder.ts'
import { exportRequestPlans } from './plan.ts'
import { type Skim, walkRequest } from './walk.ts'

export interface Skimmed {
  items: number
  /** A log record has no time at all. */
  hasUntimedItem: boolean
}

/**
 * Looks over an export request in protobuf without decoding it. Undefined unless the decoder takes it and validation
 * hands back the very same request, with every item kept: then its bytes can go on as they came. The items are as many
 * as validation would count.
 *
 * The other way round it holds but for one case: where the attributes of scopes and metrics could be too large for as many
 * items, judged by their bytes, it is left to the decoder to count exactly.
 */
export const skimExport = (signal: Signal, bytes: Uint8Array, window: TimeWindow): Skimmed | undefined => {
  const skim = createSkim(signal, bytes, window)
  try {
    walkRequest(skim, exportRequestPlans[signal])
  } catch (error) {
    if (error instanceof LeftToDecoder || error instanceof OtlpDecodeError) return undefined
    throw error
  }
  if (skim.messagesLeft < 0 || skim.copiedBytesBound > copiedBytesMaxOf(bytes.length)) return undefined
  return { items: skim.items, hasUntimedItem: skim.hasUntimedItem }
}

const createSkim = (signal: Signal, bytes: Uint8Array, window: TimeWindow): Skim => {
  const from = window.from > 0n ? window.from : 0n
  return {
    ...createWireReader(bytes, { subject: signal, messagesMax: messagesPerRequestMax }),
    fromHigh: Number(from >> 32n),
    fromLow: Number(from & 0xffff_ffffn),
    toHigh: Number(window.to >> 32n),
    toLow: Number(window.to & 0xffff_ffffn),
    items: 0,
    hasUntimedItem: false,
    copiedBytesBound: 0,
    scopeItems: 0,
    sharedBytes: 0,
    metadataBytes: 0,
    kindTag: 0,
    kindPoints: 0,
    isKindPlain: true,
    timeAt: -1,
    otherTimeAt: -1,
    traceIdAt: 0,
    traceIdLength: 0,
    spanIdAt: 0,
    spanIdLength: 0,
    parentSpanIdLength: 0,
    attributeCount: 0,
    bucketCount: 0,
    boundCount: 0,
  }
}
