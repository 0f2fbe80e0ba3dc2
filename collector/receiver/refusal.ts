import { InvalidInput, messageOf, Unavailable } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import { OtlpDecodeError } from '#telemetry/otlp/decode-error.ts'
import { rpcCodes } from '#telemetry/otlp/export-response.ts'

/** Why a whole request was turned away, with what HTTP and gRPC clients are told of it. */
export const refusalCodes = {
  invalid: { httpStatus: 400, rpcCode: rpcCodes.invalidArgument },
  unauthenticated: { httpStatus: 401, rpcCode: rpcCodes.unauthenticated },
  not_found: { httpStatus: 404, rpcCode: rpcCodes.unimplemented },
  method_not_allowed: { httpStatus: 405, rpcCode: rpcCodes.unimplemented },
  too_large: { httpStatus: 413, rpcCode: rpcCodes.resourceExhausted },
  unsupported_media_type: { httpStatus: 415, rpcCode: rpcCodes.invalidArgument },
  unsupported_encoding: { httpStatus: 415, rpcCode: rpcCodes.invalidArgument },
  internal: { httpStatus: 500, rpcCode: rpcCodes.internal },
  unavailable: { httpStatus: 503, rpcCode: rpcCodes.unavailable },
} as const

export type RefusalReason = keyof typeof refusalCodes

export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly reason: RefusalReason
  /** Set where the same request may succeed later. */
  readonly retryAfterSeconds: number | undefined

  constructor(reason: RefusalReason, message: string, options: { retryAfterSeconds?: number } = {}) {
    super(message)
    this.reason = reason
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** Whatever went wrong, as what the client is told. */
export type ToRefusal = (error: unknown) => Refusal

const logIntervalMillis = 60_000

/**
 * A bug is logged with its cause and told without. What clients do wrong is logged once a minute for each reason, so
 * that one misconfigured client is seen and a thousand do not fill the disk; the metrics count them all.
 */
export const createToRefusal = (logger: Logger, now: () => number): ToRefusal => {
  const loggedAt = new Map<RefusalReason, number>()
  return (error) => {
    const refusal = refusalOf(error)
    if (refusal.reason === 'internal') {
      logger.error({ err: error }, `cannot receive an export: ${messageOf(error)}`)
    } else if (now() - (loggedAt.get(refusal.reason) ?? Number.NEGATIVE_INFINITY) >= logIntervalMillis) {
      loggedAt.set(refusal.reason, now())
      logger.warn({ reason: refusal.reason }, `refused an export: ${refusal.message}`)
    }
    return refusal
  }
}

const refusalOf = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error
  if (error instanceof OtlpDecodeError || error instanceof InvalidInput)
    return new Refusal('invalid', error.message)
  if (error instanceof Unavailable) {
    return new Refusal('unavailable', error.message, { retryAfterSeconds: error.retryAfterSeconds })
  }
  return new Refusal('internal', 'internal error')
}
