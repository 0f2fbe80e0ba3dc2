/** How much of a partition is not in the store yet, and since when: sampled, so that its memory is bounded. */
export interface Backlog {
  /** `byteCount` bytes were appended, the first record of them with this offset and time. */
  add(sample: { offset: number; queuedAtMillis: number; byteCount: number }): void
  forgetBefore(offset: number): void
  /** Bytes from this record on; at most one sample too many. */
  bytesFrom(offset: number): number
  oldestAgeMillis(nowMillis: number): number
}

const samplesMax = 4096

export const createBacklog = (): Backlog => {
  let samples: { offset: number; queuedAtMillis: number; bytesBefore: number }[] = []
  let totalBytes = 0

  const indexOf = (offset: number): number => samples.findLastIndex((sample) => sample.offset <= offset)

  return {
    add: ({ offset, queuedAtMillis, byteCount }) => {
      samples.push({ offset, queuedAtMillis, bytesBefore: totalBytes })
      totalBytes += byteCount
      if (samples.length > samplesMax) samples = samples.filter((_, index) => index % 2 === 0)
    },
    forgetBefore: (offset) => {
      // The sample at or before the offset stays: it stands for the records up to the next one.
      const index = indexOf(offset)
      if (index > 0) samples = samples.slice(index)
    },
    bytesFrom: (offset) => totalBytes - (samples[Math.max(0, indexOf(offset))]?.bytesBefore ?? totalBytes),
    oldestAgeMillis: (nowMillis) => {
      const oldest = samples[0]
      return oldest === undefined ? 0 : Math.max(0, nowMillis - oldest.queuedAtMillis)
    },
  }
}
