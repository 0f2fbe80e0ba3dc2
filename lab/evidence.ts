import { type ApiClient, eventually } from './api-client.ts'
import { type Answer, isFailed } from './load.ts'
import type { ContainerDeath } from './supervisor/deployment.ts'

/** What the backend still knows of a killed container. */
export interface Evidence {
  kill: ContainerDeath
  /** A request that the container helped to answer well before it was killed; undefined when none can be read. */
  readableTraceId: string | undefined
  /** A failed request that was under way when the container was killed. */
  interruptedTraceId: string | undefined
}

/** SDKs send after half a second; what was answered this long before the kill had the time to leave the pod. */
const exportedAfterMillis = 1500
const candidatesMax = 20
const readTimeoutMillis = 20_000

export const findEvidence = async (options: {
  kill: ContainerDeath
  answers: readonly Answer[]
  api: ApiClient
  signal: AbortSignal
}): Promise<Evidence> => {
  const { kill, answers, api } = options
  const candidates = candidatesFor(kill, answers)
  const readableTraceId = await eventually(
    { timeoutMillis: readTimeoutMillis, signal: options.signal },
    async () => {
      for (const traceId of candidates) {
        const trace = await api.trace(traceId)
        if (trace?.spans.some((span) => span.podUid === kill.podUid)) return traceId
      }
      return undefined
    },
  )
  return { kill, readableTraceId, interruptedTraceId: interruptedBy(kill, answers) }
}

/** Trace ids of orders that the container helped to place, the latest first. */
export const candidatesFor = (kill: ContainerDeath, answers: readonly Answer[]): string[] =>
  answers
    .filter(
      (answer) =>
        answer.journey === 'order' &&
        answer.status === 201 &&
        answer.startedAtMillis >= kill.startedAtMillis &&
        answer.endedAtMillis <= kill.finishedAtMillis - exportedAfterMillis,
    )
    .map((answer) => answer.traceId)
    .toReversed()
    .slice(0, candidatesMax)

const interruptedBy = (kill: ContainerDeath, answers: readonly Answer[]): string | undefined =>
  answers.find(
    (answer) =>
      answer.journey === 'order' &&
      isFailed(answer) &&
      answer.traceId !== '' &&
      answer.startedAtMillis < kill.finishedAtMillis &&
      answer.endedAtMillis >= kill.finishedAtMillis,
  )?.traceId
