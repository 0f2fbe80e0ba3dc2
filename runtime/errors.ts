/**
 * Errors decide who acts. `InvalidInput` is the sender's to mend and is never retried; `Unavailable` passes by
 * itself and is retried; `NotFound` names something that is not there. Everything else is a bug: it is logged with
 * its cause and its message is hidden from clients.
 */
export class InvalidInput extends Error {
  override readonly name = 'InvalidInput'
  /** The parameter or field that is wrong, where one can be named. */
  readonly field: string | undefined

  constructor(message: string, options: ErrorOptions & { field?: string } = {}) {
    super(message, options)
    this.field = options.field
  }
}

export class NotFound extends Error {
  override readonly name = 'NotFound'
}

/** What is needed cannot be had now; the same request may succeed `retryAfterSeconds` later. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  readonly retriable = true
  readonly retryAfterSeconds: number

  constructor(message: string, options: ErrorOptions & { retryAfterSeconds?: number } = {}) {
    super(message, options)
    this.retryAfterSeconds = options.retryAfterSeconds ?? 1
  }
}

/** The text of anything thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
