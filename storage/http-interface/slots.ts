import { EngineError, engineCodes } from './exceptions.ts'

/** What a few requests can have at once, one each, and others wait for in line, first come, first served. */
export interface Slots<T> {
  /**
   * @throws EngineError when as many wait as may. @throws the reason of `signal` when it aborts before the turn comes; `act` is
   * not called then.
   */
  use<Result>(act: (slot: T) => Promise<Result>, signal: AbortSignal): Promise<Result>
}

export const createSlots = <T>(all: readonly T[], waitingMax: number): Slots<T> => {
  const free = [...all]
  const line: ((slot: T) => void)[] = []

  const waitForTurn = (signal: AbortSignal): Promise<T> => {
    if (line.length >= waitingMax)
      throw new EngineError(
        engineCodes.TOO_MANY_SIMULTANEOUS_QUERIES,
        `Too many simultaneous queries: ${all.length} run and ${waitingMax} wait, which is as many as can`,
      )
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const leave = (): void => {
      const place = line.indexOf(resolve)
      // Whose turn has come gives its slot back like everybody.
      if (place !== -1) line.splice(place, 1)
      reject(signal.reason)
    }
    line.push(resolve)
    signal.addEventListener('abort', leave, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', leave))
  }

  return {
    use: async (act, signal) => {
      signal.throwIfAborted()
      const slot = free.pop() ?? (await waitForTurn(signal))
      try {
        return await act(slot)
      } finally {
        const next = line.shift()
        if (next === undefined) free.push(slot)
        else next(slot)
      }
    },
  }
}
