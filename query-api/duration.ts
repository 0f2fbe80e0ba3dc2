import { InvalidInput } from '#runtime/errors.ts'

const nanosPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1000,
  µs: 1000,
  μs: 1000,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}
const daysMax = 400
const nanosMax = daysMax * 86_400e9

/**
 * A duration such as `250ms`, `1.5s` or `1m30s`, in nanoseconds.
 *
 * @throws InvalidInput naming the parameter
 */
export const parseDurationNanos = (field: string, text: string): bigint => {
  const terms = [...text.matchAll(/(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|μs|ms|s|m|h)/gy)]
  const consumed = terms.reduce((length, [term]) => length + term.length, 0)
  if (terms.length === 0 || consumed !== text.length)
    throw new InvalidInput(
      `${field}: expected a duration such as 250ms, 1.5s or 2us (ns, us, ms, s, m, h), got '${text.slice(0, 100)}'`,
      { field },
    )
  const nanos = terms.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (nanosPerUnit[unit ?? ''] ?? 0),
    0,
  )
  if (nanos > nanosMax)
    throw new InvalidInput(`${field}: '${text.slice(0, 100)}' is more than ${daysMax} days`, { field })
  return BigInt(Math.round(nanos))
}
