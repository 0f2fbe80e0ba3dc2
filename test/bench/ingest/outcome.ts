/** What became of an export. */
export const outcomes = {
  /** The backend says that it has it. */
  acknowledged: 1,
  /** Turned away as a sender wants to be: to come again later, with a time to wait. */
  refusedRetryable: 2,
  /** Turned away in any other way. */
  refusedForGood: 3,
  /** No answer: the connection broke or the time was up. It may be stored or not. */
  unknown: 4,
  /** The sender had too many bytes open to send more. */
  notSent: 5,
} as const

export type Outcome = (typeof outcomes)[keyof typeof outcomes]

export interface Answer {
  outcome: Outcome
  /** Such as `http 503` or `grpc 14`. */
  code: string
  /** What was wrong with a refusal that should be retryable. */
  fault?: string
}
