/**
 * How many bytes of records the writer may have read and not yet brought into the store, over all partitions. What it
 * makes of them (columns, blocks) is a small multiple of that.
 */
export interface InFlightBytes {
  readonly bytesInUse: number
  readonly bytesMax: number
  /** Waits, first come, first served, until so many bytes fit. When the signal aborts, the lease is empty. */
  take(bytes: number, signal: AbortSignal): Promise<InFlightLease>
}

export interface InFlightLease {
  /**
   * What it turned out to be. May be more than was asked for: a record larger than a range comes alone, and what arrives
   * while a reader waits for the first record is not known before. So the bound may be exceeded by that, once a partition.
   */
  resize(bytes: number): void
  release(): void
}

export const createInFlightBytes = (bytesMax: number): InFlightBytes => {
  let bytesInUse = 0
  let line: { bytes: number; resolve: () => void }[] = []

  const admit = (): void => {
    for (let next = line[0]; next !== undefined; next = line[0]) {
      // One that alone is larger than the bound would otherwise wait for ever.
      if (bytesInUse > 0 && bytesInUse + next.bytes > bytesMax) return
      bytesInUse += next.bytes
      line.shift()
      next.resolve()
    }
  }

  const lease = (bytes: number): InFlightLease => {
    let held = bytes
    const resize = (actual: number): void => {
      bytesInUse += actual - held
      held = actual
      admit()
    }
    return { resize, release: () => resize(0) }
  }

  return {
    bytesMax,
    get bytesInUse() {
      return bytesInUse
    },
    take: async (bytes, signal) => {
      if (bytes === 0) return lease(0)
      const { promise, resolve } = Promise.withResolvers<boolean>()
      const waiting = { bytes, resolve: () => resolve(true) }
      const giveUp = (): void => {
        const isInLine = line.includes(waiting)
        line = line.filter((other) => other !== waiting)
        if (isInLine) resolve(false)
        admit()
      }
      line.push(waiting)
      admit()
      signal.addEventListener('abort', giveUp)
      if (signal.aborted) giveUp()
      const isTaken = await promise
      signal.removeEventListener('abort', giveUp)
      return lease(isTaken ? bytes : 0)
    },
  }
}
