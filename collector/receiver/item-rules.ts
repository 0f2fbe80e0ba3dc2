/** The tests that items of every signal share. */

/** Unix nanoseconds, both ends included. */
export interface TimeWindow {
  from: bigint
  to: bigint
  now: bigint
}

const aheadNanosMax = 3_600_000_000_000n

export const timeWindow = (options: { nowMillis: number; retentionNanos: bigint }): TimeWindow => {
  const now = BigInt(Math.floor(options.nowMillis)) * 1_000_000n
  return { from: now - options.retentionNanos, to: now + aheadNanosMax, now }
}

export const isInWindow = (timeUnixNano: bigint, window: TimeWindow): boolean =>
  timeUnixNano >= window.from && timeUnixNano <= window.to

const int64Max = 2n ** 63n - 1n

/** The store keeps times as signed 64-bit nanoseconds. */
export const isStorable = (timeUnixNano: bigint): boolean => timeUnixNano <= int64Max

/** Of the right length and not all zero. */
export const isUsableId = (id: Uint8Array, length: number): boolean => {
  if (id.length !== length) return false
  for (let index = 0; index < length; index++) {
    if (id[index] !== 0) return true
  }
  return false
}
