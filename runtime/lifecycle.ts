import { messageOf } from './errors.ts'
import type { Logger } from './logger.ts'

type Stop = () => Promise<void> | void

/**
 * What is started registers how it stops; `stop` unwinds in reverse order, once, however often it is called. A
 * start that fails half-way unwinds the same stack.
 */
export interface Lifecycle {
  onStop(name: string, stop: Stop): void
  stop(): Promise<void>
  readonly isStopping: boolean
}

export const createLifecycle = (logger: Logger): Lifecycle => {
  const stops: { name: string; stop: Stop }[] = []
  let stopping: Promise<void> | undefined

  const unwind = async (): Promise<void> => {
    for (let entry = stops.pop(); entry !== undefined; entry = stops.pop()) {
      try {
        await entry.stop()
      } catch (error) {
        logger.error({ err: error, part: entry.name }, `cannot stop ${entry.name}: ${messageOf(error)}`)
      }
    }
  }

  return {
    onStop: (name, stop) => {
      stops.push({ name, stop })
    },
    stop: () => (stopping ??= unwind()),
    get isStopping() {
      return stopping !== undefined
    },
  }
}
