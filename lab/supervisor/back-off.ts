/**
 * How long a container that ended waits for its next start. Kubernetes begins at 10 s and doubles up to 300 s; here a
 * tenth and a thirtieth of that, so that a story of two deaths fits into two minutes.
 */
export const backOffMillis = (restartCount: number): number =>
  Math.min(backOffMillisMax, backOffMillisMin * 2 ** restartCount)

const backOffMillisMin = 1000
const backOffMillisMax = 10_000

/** A container that ran this long without ending starts with the shortest back-off again. */
export const backOffResetMillis = 60_000
