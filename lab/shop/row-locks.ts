/** Exclusive locks by name, first come first served, as rows locked by `SELECT ... FOR UPDATE`. */
export interface RowLocks {
  /** Resolves with the function that releases all of them. Names are taken in sorted order, so nothing can deadlock. */
  acquire(names: readonly string[]): Promise<() => void>
}

export const createRowLocks = (): RowLocks => {
  const tails = new Map<string, Promise<void>>()

  const acquireOne = async (name: string): Promise<() => void> => {
    const before = tails.get(name)
    const { promise, resolve } = Promise.withResolvers<void>()
    tails.set(name, promise)
    await before
    return () => {
      if (tails.get(name) === promise) tails.delete(name)
      resolve()
    }
  }

  return {
    acquire: async (names) => {
      const releases: (() => void)[] = []
      for (const name of [...new Set(names)].toSorted()) releases.push(await acquireOne(name))
      return () => {
        for (const release of releases) release()
      }
    },
  }
}
