import { messageOf } from '#runtime/errors.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import { type Host, serveWalk } from './host.ts'
import { dropHeap, heapBytes } from './memory.ts'
import {
  allocate,
  appendItems,
  begin,
  beginRecord,
  countSubject,
  firstBlock,
  hashOf,
  limitHeap,
  logs,
  metrics,
  setQueuedTime,
  takeMessages,
  traces,
} from './walk.ts'

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
  hashOf(at: number, length: number): number
  /** Messages of a Resource or an InstrumentationScope, which count towards those that a record may have. */
  countSubject(start: number, end: number, isResource: boolean): number
  takeMessages(count: number): void
  /** What needs more than so many bytes of heap makes no rows (`HeapFull`). */
  limitHeap(byteCount: number): void
}

/** As the walk numbers them. */
export const signalNumbers: Readonly<Record<Signal, number>> = {
  traces,
  logs,
  metrics,
}

/** The walk as TypeScript in this process. */
export const typescriptEngine = (host: Host): WalkEngine => {
  serveWalk(host)
  dropHeap()
  return {
    heapBytes,
    allocate,
    begin,
    beginRecord,
    firstBlock,
    setQueuedTime,
    appendItems,
    hashOf,
    countSubject,
    takeMessages,
    limitHeap,
  }
}

/** The walk as WebAssembly. @throws CompileError where this machine cannot run it */
export const webAssemblyEngine = (bytes: Uint8Array<ArrayBuffer>) => {
  const module = new WebAssembly.Module(bytes)
  return (host: Host): WalkEngine => {
    const instance = new WebAssembly.Instance(module, { host: { ...host } })
    const exports = instance.exports as unknown as WalkExports
    let heap = new Uint8Array(exports.memory.buffer)
    return {
      ...exports,
      heapBytes: () => {
        // Memory that has grown is another buffer.
        if (heap.length === 0) heap = new Uint8Array(exports.memory.buffer)
        return heap
      },
    }
  }
}

type WalkExports = Omit<WalkEngine, 'heapBytes'> & { memory: WebAssembly.Memory }

/** What the walk runs on here. */
export interface ChosenEngine {
  name: 'WebAssembly' | 'TypeScript'
  create: (host: Host) => WalkEngine
  /** Why it is not WebAssembly. */
  reason?: string
}

/** WebAssembly where it was built (built-walk.ts) and runs here, else TypeScript. */
export const fastestEngine = (built: Uint8Array<ArrayBuffer> | undefined): ChosenEngine => {
  const fallBack = (reason: string): ChosenEngine => ({
    name: 'TypeScript',
    create: typescriptEngine,
    reason,
  })
  if (built === undefined) return fallBack('it was not built from these sources (npm run build:walk)')
  try {
    return { name: 'WebAssembly', create: webAssemblyEngine(built) }
  } catch (error) {
    return fallBack(messageOf(error))
  }
}
