export interface Distribution {
  count: number
  p50: number
  p95: number
  p99: number
  max: number
}

export const distributionOf = (values: readonly number[]): Distribution => {
  const sorted = Float64Array.from(values).toSorted()
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

/** How much a value grows a minute, by least squares. */
export const growthPerMinute = (samples: readonly { atMillis: number; value: number }[]): number => {
  const meanOf = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
  const meanMillis = meanOf(samples.map(({ atMillis }) => atMillis))
  const meanValue = meanOf(samples.map(({ value }) => value))
  let covariance = 0
  let variance = 0
  for (const { atMillis, value } of samples) {
    covariance += (atMillis - meanMillis) * (value - meanValue)
    variance += (atMillis - meanMillis) ** 2
  }
  return variance === 0 ? 0 : (covariance / variance) * 60_000
}
