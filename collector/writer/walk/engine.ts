import type { Signal } from '#telemetry/otlp/messages.ts'
import { type Host, serveWalk } from './host.ts'
import { heapBytes } from './memory.ts'
import * as walk from './walk.ts'

/** The walk, on whatever it runs. There is one heap, so one batch is gathered at a time. */
export interface WalkEngine {
  /** The heap that addresses point into. Another array after any call that makes rows or takes memory. */
  heapBytes(): Uint8Array
  allocate(byteCount: number): number
  begin(): void
  beginRecord(): void
  firstBlock(): number
  setQueuedTime(low: number, high: number): void
  appendItems(signal: number, start: number, end: number, countMax: number): number
}

/** As the walk numbers them. */
export const signalNumbers: Readonly<Record<Signal, number>> = {
  traces: walk.traces,
  logs: walk.logs,
  metrics: walk.metrics,
}

/** The walk as TypeScript in this process. */
export const typescriptEngine = (host: Host): WalkEngine => {
  serveWalk(host)
  return { heapBytes, ...walk }
}
