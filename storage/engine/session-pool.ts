import { Unavailable } from '#runtime/errors.ts'
import type { Session } from './engine.ts'

/** A fixed number of sessions, opened when first needed. Who finds none free waits in line, first come, first served. */
export interface SessionPool {
  /**
   * @throws Unavailable when the pool is closed, also while waiting in line. @throws the reason of `signal` when it aborts while
   * waiting in line; `act` is not called then.
   */
  use<T>(act: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T>
  /** Refuses who waits and who comes, and waits for those who have a session. */
  close(): Promise<void>
}

export const createSessionPool = (sessionsMax: number, open: () => Promise<Session>): SessionPool => {
  const opened: Session[] = []
  const free: Session[] = []
  const line: Waiting[] = []
  const inUse = new Set<Promise<unknown>>()
  let sessionCount = 0
  let closing: Promise<void> | undefined

  const openOne = async (): Promise<Session> => {
    sessionCount += 1
    try {
      const session = await open()
      opened.push(session)
      return session
    } catch (error) {
      sessionCount -= 1
      // The next in line tries for itself: nobody else may be there to hand it a session.
      line.shift()?.resolve(openOne())
      throw error
    }
  }

  const acquire = (signal: AbortSignal | undefined): Promise<Session> | Session => {
    const session = free.pop()
    if (session !== undefined) return session
    return sessionCount < sessionsMax ? openOne() : waitIn(line, signal)
  }

  const release = (session: Session): void => {
    const next = line.shift()
    if (next === undefined) free.push(session)
    else next.resolve(session)
  }

  const useOne = async <T>(
    act: (session: Session) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> => {
    const session = await acquire(signal)
    try {
      return await act(session)
    } finally {
      release(session)
    }
  }

  const closeAll = async (): Promise<void> => {
    for (const waiting of line.splice(0)) waiting.reject(storeIsClosed())
    await Promise.allSettled(inUse)
    await Promise.all(opened.map((session) => session.close()))
  }

  return {
    use: async (act, signal) => {
      if (closing !== undefined) throw storeIsClosed()
      const use = useOne(act, signal)
      inUse.add(use)
      try {
        return await use
      } finally {
        inUse.delete(use)
      }
    },
    close: () => (closing ??= closeAll()),
  }
}

const storeIsClosed = (): Unavailable => new Unavailable('the store is closed')

interface Waiting {
  resolve(session: Session | Promise<Session>): void
  reject(error: unknown): void
}

const waitIn = async (line: Waiting[], signal: AbortSignal | undefined): Promise<Session> => {
  const { promise, resolve, reject } = Promise.withResolvers<Session>()
  const waiting: Waiting = { resolve, reject }
  const leave = (): void => {
    const place = line.indexOf(waiting)
    // Who was handed a session a moment ago has to give it back, and so goes on.
    if (place === -1) return
    line.splice(place, 1)
    reject(signal?.reason)
  }
  line.push(waiting)
  signal?.addEventListener('abort', leave, { once: true })
  try {
    return await promise
  } finally {
    signal?.removeEventListener('abort', leave)
  }
}
