import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'
import { log } from './log.ts'
import { ShopError } from './shop-error.ts'

export interface Call {
  service: string
  method: 'GET' | 'POST' | 'DELETE'
  path: string
  body?: unknown
  timeoutMillis: number
  /** The first attempt included. Only what may succeed later is tried again. */
  attemptsMax: number
}

const retryDelayMillis = 120
const retriableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

/**
 * Calls another service by its cluster name and returns the answer's JSON.
 *
 * @throws ShopError with the answer's own status for 4xx, with 503 when all attempts failed
 */
export const callService = async <T>(call: Call): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    const outcome = await attemptCall<T>(call)
    if ('answer' in outcome) return outcome.answer
    const target = `${call.method} ${call.service}${call.path}`
    if (attempt >= call.attemptsMax) {
      log.error({ peer: call.service, attempt, cause: outcome.cause }, `giving up on ${target}`)
      throw new ShopError(
        503,
        `${call.service}_unavailable`,
        `${call.service} did not answer: ${outcome.cause}`,
      )
    }
    log.warn({ peer: call.service, attempt, cause: outcome.cause }, `retrying ${target}`)
    trace.getActiveSpan()?.addEvent('retry', { 'retry.attempt': attempt, 'retry.cause': outcome.cause })
    await sleep(retryDelayMillis * attempt * (0.75 + Math.random() / 2))
  }
}

const attemptCall = async <T>(call: Call): Promise<{ answer: T } | { cause: string }> => {
  let response: Response
  let answer: unknown
  try {
    response = await fetch(`${serviceUrl(call.service)}${call.path}`, {
      method: call.method,
      signal: AbortSignal.timeout(call.timeoutMillis),
      ...(call.body === undefined
        ? {}
        : { body: JSON.stringify(call.body), headers: { 'content-type': 'application/json' } }),
    })
    answer = await response.json()
  } catch (error) {
    return { cause: causeOf(error) }
  }
  if (response.ok) return { answer: answer as T }
  if (retriableStatuses.has(response.status)) return { cause: `status ${response.status}` }
  const { error } = answer as { error?: { code?: string; message?: string } }
  throw new ShopError(
    response.status < 500 ? response.status : 502,
    error?.code ?? 'unexpected_answer',
    error?.message ?? `${call.service} answered ${response.status}`,
  )
}

/** From the variables that Kubernetes gives every container for every Service. */
const serviceUrl = (service: string): string => {
  const prefix = service.toUpperCase().replaceAll('-', '_')
  return `http://${process.env[`${prefix}_SERVICE_HOST`]}:${process.env[`${prefix}_SERVICE_PORT`]}`
}

/** `fetch` hides the interesting error in `cause`. */
const causeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'timeout'
  const inner = error.cause as { code?: string; message?: string } | undefined
  return inner?.code ?? inner?.message ?? error.message
}
