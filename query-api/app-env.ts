import type { Context } from 'hono'
import type { Health } from '#runtime/health.ts'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { Store } from '#storage/connection.ts'
import type { LogStore } from '#storage/logs/log-store.ts'
import type { PodStore } from '#storage/pods/pod-store.ts'
import type { ReadScope } from '#storage/read-scope.ts'
import type { ServiceStore } from '#storage/service-store.ts'
import type { TraceStore } from '#storage/traces/trace-store.ts'

/** What each request carries through the routes. */
export interface AppEnv {
  Variables: { tenant: string }
}

/** What the app is made of; the rest of the process hands it in. */
export interface AppParts {
  store: Store
  health: Health
  selfMetrics: SelfMetrics
  logger: Logger
  /** Bearer tokens that may read, with their tenant; none: anybody may. */
  apiTokens: ReadonlyMap<string, string>
  /** What other parts of the process know: versions, queue, receiver. */
  status: () => Promise<StatusParts> | StatusParts
  /** Milliseconds since the epoch; tests hand in their own. */
  now?: () => number
}

export interface StatusParts {
  version: string
  queue: { signal: string; recordsBehind: number; bytes: number; oldestUnwrittenAgeMillis: number }[]
  receiver: Record<string, number>
  /** Exports that the store would not have, of all tenants; null where this process does not write. */
  deadLetters: DeadLetterStatus | null
  /** Where the data of this process lies; null where it keeps none. */
  disk: DiskStatus | null
  /** Where this process takes OTLP; null where it does not. */
  otlpPorts: { http: number | null; grpc: number | null }
}

export interface DeadLetterStatus {
  count: number
  bytes: number
  bytesMax: number
  /** For which there was no room, since this process began. */
  droppedCount: number
  /** Youngest first. */
  latest: {
    signal: string
    tenant: string
    queuedAtMillis: number
    byteCount: number
    cause: string
    reason: string
  }[]
}

export interface DiskStatus {
  bytesFree: number
  bytesTotal: number
  /** Below this many free bytes senders are asked to wait. */
  reserveBytes: number
  ballastBytes: number
  isRefusing: boolean
}

/** What a file of routes is given. */
export interface Readers {
  services: ServiceStore
  traces: TraceStore
  logs: LogStore
  pods: PodStore
  now: () => number
}

const requestMillisMax = 30_000

/** Reads end when the client goes away or the request has taken its time. */
export const scopeOf = (context: Context<AppEnv>): ReadScope => ({
  tenant: context.var.tenant,
  signal: AbortSignal.any([context.req.raw.signal, AbortSignal.timeout(requestMillisMax)]),
})
