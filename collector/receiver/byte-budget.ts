/** How many bytes of requests may be in memory at once, over both transports. */
export interface ByteBudget {
  readonly bytesMax: number
  readonly bytesInUse: number
  lease(): ByteLease
}

export interface ByteLease {
  /** Grows to `bytes` if it is smaller; false, and nothing taken, when that would go beyond the budget. */
  cover(bytes: number): boolean
  /** Gives everything back; safe to call twice. */
  release(): void
}

export const createByteBudget = (bytesMax: number): ByteBudget => {
  let bytesInUse = 0
  return {
    bytesMax,
    get bytesInUse() {
      return bytesInUse
    },
    lease: () => {
      let leased = 0
      return {
        cover: (bytes) => {
          const missing = Math.max(0, bytes - leased)
          if (bytesInUse + missing > bytesMax) return false
          bytesInUse += missing
          leased += missing
          return true
        },
        release: () => {
          bytesInUse -= leased
          leased = 0
        },
      }
    },
  }
}
