/** The program of a process in which large exports are prepared, one at a time. prepare-pool.ts starts and ends it. */
import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import { prepareDecoded, type PreparedExport, type UnpreparedExport } from './prepare.ts'

export type PrepareAnswer =
  /** The bytes do not travel back where they are the very bytes that came. */
  | { kind: 'prepared'; prepared: PreparedExport; isPayloadAsItCame: boolean }
  | { kind: 'decode_error'; message: string }
  | { kind: 'bug'; message: string }

const answer = (unprepared: UnpreparedExport): PrepareAnswer => {
  try {
    const prepared = prepareDecoded(unprepared)
    const isPayloadAsItCame = prepared.payload === unprepared.bytes
    return {
      kind: 'prepared',
      prepared: isPayloadAsItCame ? { ...prepared, payload: undefined } : prepared,
      isPayloadAsItCame,
    }
  } catch (error) {
    const isDecodeError = error instanceof OtlpDecodeError
    const message = (error instanceof Error && !isDecodeError ? error.stack : undefined) ?? String(error)
    return isDecodeError ? { kind: 'decode_error', message: error.message } : { kind: 'bug', message }
  }
}

process.on('message', (unprepared: UnpreparedExport) => {
  process.send?.(answer(unprepared))
})
// Who presses Ctrl-C means the server, which finishes what it is at. When that ends, the channel closes and this ends too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
