import { setTimeout as sleep } from 'node:timers/promises'

/** The parts of the query API's answers that the demo reads. */
export interface TraceAnswer {
  traceId: string
  spans: { spanId: string; name: string; serviceName: string; podUid: string; status: string }[]
}

export interface PodAnswer {
  uid: string
  name: string
  serviceName: string
  state: 'alive' | 'gone'
  restartCount: number
  end: { reason: string; exitCode: number | null; evidence: string } | null
}

export interface ServiceAnswer {
  name: string
  namespace: string
  spanCount: number
  errorCount: number
  podCount: number
  podsGone: number
}

export interface ApiClient {
  /** Undefined when the store has no such trace. */
  trace(traceId: string): Promise<TraceAnswer | undefined>
  pods(filter: Record<string, string>): Promise<PodAnswer[]>
  services(filter: Record<string, string>): Promise<ServiceAnswer[]>
}

const requestTimeoutMillis = 10_000

/** `apiUrl` is where the API's server listens, without a path. */
export const createApiClient = (apiUrl: string): ApiClient => {
  const get = async (path: string): Promise<unknown> => {
    const url = `${apiUrl}/api/v1${path}`
    const response = await fetch(url, { signal: AbortSignal.timeout(requestTimeoutMillis) })
    const answer: unknown = await response.json()
    if (response.status === 404) return undefined
    if (!response.ok) throw new Error(`${url} answered ${response.status}: ${JSON.stringify(answer)}`)
    return answer
  }

  return {
    trace: async (traceId) => (await get(`/traces/${traceId}`)) as TraceAnswer | undefined,
    pods: async (filter) => {
      const answer = (await get(`/pods?${new URLSearchParams(filter)}`)) as { pods: PodAnswer[] } | undefined
      return answer?.pods ?? []
    },
    services: async (filter) => {
      const answer = (await get(`/services?${new URLSearchParams(filter)}`)) as
        | { services: ServiceAnswer[] }
        | undefined
      return answer?.services ?? []
    },
  }
}

/**
 * Asks until there is an answer; undefined when there was none by the deadline. Errors count as no answer, the last one
 * is thrown at the deadline.
 */
export const eventually = async <T>(
  options: { timeoutMillis: number; signal?: AbortSignal },
  ask: () => Promise<T | undefined>,
): Promise<T | undefined> => {
  const deadline = Date.now() + options.timeoutMillis
  for (;;) {
    let failure: unknown
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      failure = error
    }
    if (Date.now() >= deadline || options.signal?.aborted) {
      if (failure !== undefined) throw failure
      return undefined
    }
    await sleep(pollIntervalMillis)
  }
}

const pollIntervalMillis = 300
