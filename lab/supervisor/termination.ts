import { constants } from 'node:os'
import type { Termination } from './pod-state.ts'

/** How a process ended, in the words of a container's status. A container runtime reports a signal as 128 + number. */
export const terminationOf = (end: {
  exitCode: number | null
  signal: NodeJS.Signals | null
  wasOverMemoryLimit: boolean
  startedAtMillis: number
  finishedAtMillis: number
  containerId: string
}): Termination => {
  const signal = end.signal === null ? undefined : constants.signals[end.signal]
  const exitCode = signal === undefined ? (end.exitCode ?? 1) : 128 + signal
  const reason = end.wasOverMemoryLimit ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error'
  const { startedAtMillis, finishedAtMillis, containerId } = end
  return { exitCode, signal, reason, startedAtMillis, finishedAtMillis, containerId }
}
