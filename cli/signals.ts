const stopSignals = ['SIGTERM', 'SIGINT'] as const

/** Resolves with the first signal that asks this process to stop. A second one ends it at once. */
export const untilStopped = (): Promise<string> => {
  const { promise, resolve } = Promise.withResolvers<string>()
  for (const signal of stopSignals) {
    process.once(signal, () => {
      for (const again of stopSignals) process.once(again, () => process.exit(130))
      resolve(signal)
    })
  }
  return promise
}
