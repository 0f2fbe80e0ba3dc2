/**
 * How long to gather records for the next range. A record that comes right after a range was read waits until the next
 * is read and then until that is in, so the two together are kept below a target. What this buys is size: fewer, larger
 * blocks cost far less, once merges are counted. Where writing takes longer than that, there is no waiting at all, and
 * ranges grow by themselves with what comes meanwhile.
 */
export interface RangePace {
  /** A range took so long, from its read until it was in. */
  wrote(durationMillis: number): void
  /** From one read to the next. */
  gatherMillis(): number
}

/** By how much a slow range is forgotten with each that follows. */
const forgetting = 0.9

export const createRangePace = ({
  gatherMillisMax,
  visibleMillisTarget,
}: {
  gatherMillisMax: number
  /** From the arrival of a record until it is in, as far as that can be kept. */
  visibleMillisTarget: number
}): RangePace => {
  let slowMillis = 0
  return {
    wrote: (durationMillis) => {
      slowMillis = Math.max(durationMillis, slowMillis * forgetting)
    },
    gatherMillis: () => Math.min(gatherMillisMax, Math.max(0, visibleMillisTarget - slowMillis)),
  }
}
