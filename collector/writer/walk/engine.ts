import { messageOf } from '#runtime/errors.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import { type Host, serveWalk } from './host.ts'
import { dropHeap, heapBytes } from './memory.ts'
import {
  allocate,
  appendItems,
  begin,
  beginRecord,
  firstBlock,
  forgetSubjects,
  limitHeap,
  logs,
  metrics,
  seenResources,
  setQueuedTime,
  traces,
} from './walk.ts'

/** The walk, on whatever it runs. There is one heap, so one batch is gathered at a time. */
export interface WalkEngine {
  /** The heap that addresses point into. Another array after any call that makes rows or takes memory. */
  heapBytes(): Uint8Array
  allocate(byteCount: number): number
  begin(): void
  /** A record of the heap, behind which are `zeroBytesBehind` bytes of room. Its number is given back in runs (blocks.ts). */
  beginRecord(signal: number, start: number, end: number, recordNumber: number, tenantNumber: number): void
  setQueuedTime(low: number, high: number): void
  /** Goes on with the record. How many items that were; fewer than `countMax` when it has come to its end. */
  appendItems(countMax: number): number
  firstBlock(): number
  seenResources(): number
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
  const takeOver = (): void => {
    served = host
    serveWalk(host)
    dropHeap()
    forgetSubjects()
  }
  takeOver()
  return {
    heapBytes,
    allocate,
    begin: () => {
      if (served !== host) takeOver()
      begin()
    },
    beginRecord,
    setQueuedTime,
    appendItems,
    firstBlock,
    seenResources,
    limitHeap,
  }
}

/** Modules are there once: of several engines, one after the other has them. */
let served: Host | undefined

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
