/**
 * Durations are counted in buckets whose bounds grow by a constant factor, as in DDSketch (Masson, Rim, Lee: "DDSketch: a
 * fast and fully-mergeable quantile sketch", 2019): twenty buckets an octave. Bucket i holds durations from
 * 1 µs * 2^(i/20) up to 1 µs * 2^((i+1)/20); the first also holds what is shorter, the last (from about 18 hours) what
 * is longer. Counts of any sets of spans can be added. storage/schema computes the same index in SQL.
 */
export const durationBucketCount = 720
const bucketsPerOctave = 20
const shortestNanos = 1000
const growth = 2 ** (1 / bucketsPerOctave)

/** What a bucket stands for: no duration inside is further from it than 1.74 %. */
export const bucketDurationNanos = (bucket: number): number =>
  (shortestNanos * growth ** bucket * 2 * growth) / (1 + growth)

/** The bucket that a duration falls into. */
export const durationBucket = (durationNanos: number): number => {
  const octaves = Math.log2(Math.max(durationNanos, 1) / shortestNanos)
  return Math.min(durationBucketCount - 1, Math.max(0, Math.floor(octaves * bucketsPerOctave)))
}
