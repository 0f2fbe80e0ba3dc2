import { setImmediate as nextTurn } from 'node:timers/promises'
import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { TimeWindow } from '../item-rules.ts'
import { copiedBytesMaxOf } from '../shared-bytes.ts'
import { LeftToDecoder } from './left-to-decoder.ts'
import { exportRequestPlans } from './plan.ts'
import { createSkim, type Skim } from './skim-state.ts'
import { endOfField, walkRequest } from './walk.ts'

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
    walkRequest(skim, exportRequestPlans[signal], 0, bytes.length)
  } catch (error) {
    return noVerdict(error)
  }
  return verdictOn(skim)
}

/** The same for large requests: the event loop goes on after every `pieceBytesMin`, where a resource ends. */
export const skimExportInPieces = async (
  signal: Signal,
  bytes: Uint8Array,
  window: TimeWindow,
): Promise<Skimmed | undefined> => {
  const skim = createSkim(signal, bytes, window)
  try {
    for (let start = 0; start < bytes.length;) {
      let end = start
      while (end < bytes.length && end - start < pieceBytesMin) end = endOfField(skim, end)
      // Each piece is walked as if it were the request, which is to be counted once.
      if (start > 0) skim.messagesLeft++
      walkRequest(skim, exportRequestPlans[signal], start, end)
      start = end
      await nextTurn()
    }
  } catch (error) {
    return noVerdict(error)
  }
  return verdictOn(skim)
}

/** Takes about a millisecond. */
const pieceBytesMin = 1 << 20

const noVerdict = (error: unknown): undefined => {
  if (!(error instanceof LeftToDecoder || error instanceof OtlpDecodeError)) throw error
}

const verdictOn = (skim: Skim): Skimmed | undefined =>
  skim.messagesLeft < 0 || skim.copiedBytesBound > copiedBytesMaxOf(skim.bytes.length)
    ? undefined
    : { items: skim.items, hasUntimedItem: skim.hasUntimedItem }
