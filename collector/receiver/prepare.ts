import type { Encoding } from '#telemetry/otlp/export-response.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import type { ExportRequestBySignal, Signal } from '#telemetry/otlp/messages.ts'
import { decodeExportRequest, encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createUnreadableItems } from '#telemetry/otlp/unreadable-items.ts'
import { timeWindow } from './item-rules.ts'
import { countRejection, createTally, type Tally } from './rejections.ts'
import { skimExport, skimExportInPieces } from './skim/skim-export.ts'
import { validateExport } from './validate.ts'

/** An export as it came, and the clock and retention that it is judged by. */
export interface UnpreparedExport<S extends Signal = Signal> {
  signal: S
  encoding: Encoding
  bytes: Uint8Array
  nowMillis: number
  retentionNanos: bigint
}

export interface PreparedExport {
  /** What is kept, in protobuf: the very bytes that came where nothing had to change. Undefined without any item. */
  payload: Uint8Array | undefined
  /** Equal bytes may be another export. */
  mayRepeat: boolean
  tally: Tally
}

/** What a look over the wire is enough for: undefined when the export has to be decoded. Large ones are looked at in pieces. */
export const prepareAsItCame = async (unprepared: UnpreparedExport): Promise<PreparedExport | undefined> => {
  const { signal, encoding, bytes } = unprepared
  if (encoding === 'json') return undefined
  const skim = bytes.length <= skimAtOnceBytesMax ? skimExport : skimExportInPieces
  const skimmed = await skim(signal, bytes, timeWindow(unprepared))
  if (skimmed === undefined) return undefined
  const tally = { ...createTally(), accepted: skimmed.items }
  return { payload: skimmed.items === 0 ? undefined : bytes, mayRepeat: skimmed.hasUntimedItem, tally }
}

/** Some milliseconds of the event loop. */
const skimAtOnceBytesMax = 4 << 20

/** @throws OtlpDecodeError when the bytes are no export request, or nothing in it can be read */
export const prepareDecoded = <S extends Signal>(unprepared: UnpreparedExport<S>): PreparedExport => {
  const { signal, encoding, bytes } = unprepared
  const unreadable = createUnreadableItems()
  const decode = encoding === 'json' ? decodeExportRequestJson : decodeExportRequest
  const decoded = decode(signal, bytes, unreadable)
  const { request, tally } = validateExport(signal, decoded, { ...unprepared, requestBytes: bytes.length })
  const { count, firstError } = unreadable
  if (firstError !== undefined) {
    if (tally.accepted + tally.rejected === 0) throw firstError
    countRejection(tally, 'unreadable_value', firstError.fault, count)
  }
  const mayRepeat = hasUntimedLogRecord(request)
  if (tally.accepted === 0) return { payload: undefined, mayRepeat, tally }
  const isAsItCame = encoding === 'protobuf' && request === decoded && count === 0
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
