/**
 * Consistent probability sampling as OpenTelemetry writes it into `tracestate`: in the member `ot` the sub-key `th` holds a
 * rejection threshold, up to 14 hex digits of a fraction of 2^56 (trailing zeros left out). A span was kept because its
 * randomness reached the threshold, so it stands for 2^56 / (2^56 - threshold) spans.
 * Source: the specification's "TraceState: Probability Sampling" and "OpenTelemetry TraceState handling".
 */
const thresholdDigits = 14
const thresholdEnd = 2n ** 56n

/** 0 where the span was sampled always, or where the trace state does not say (or not in a form that can be read). */
export const samplingThreshold = (traceState: string): bigint => {
  if (traceState === '') return 0n
  for (const member of traceState.split(',')) {
    const [key, value = ''] = member.trim().split('=', 2)
    if (key !== 'ot') continue
    const digits = /(?:^|;)th:([0-9a-f]{1,14})(?:;|$)/.exec(value)?.[1]
    return digits === undefined ? 0n : BigInt(`0x${digits.padEnd(thresholdDigits, '0')}`)
  }
  return 0n
}

/** How many spans one span with this threshold stands for, at least 1. */
export const spansPerSample = (threshold: bigint): number =>
  Number(thresholdEnd) / Number(thresholdEnd - threshold)
