import { setTimeout as delay } from 'node:timers/promises'

const pollMillis = 50

/** Repeats a check until it stops throwing, and gives what it returns. @throws its last error at the deadline. */
export const eventually = async <T>(check: () => Promise<T> | T, timeoutMillis: number): Promise<T> => {
  const deadline = performance.now() + timeoutMillis
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await delay(pollMillis)
  }
}
