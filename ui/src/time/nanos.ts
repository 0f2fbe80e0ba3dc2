/**
 * Points in time travel as decimal strings of nanoseconds since 1970, because a JavaScript number cannot hold today's
 * date to the nanosecond. Differences within a trace fit into a number.
 */

/** Milliseconds since 1970, with a fraction that keeps microseconds. */
export const millisOf = (timeUnixNano: string): number => Number(BigInt(timeUnixNano) / 1000n) / 1000

/** The time between two points; exact below 104 days. */
export const nanosBetween = (earlierUnixNano: string, laterUnixNano: string): number =>
  Number(BigInt(laterUnixNano) - BigInt(earlierUnixNano))

/** Orders decimal strings by value without turning them into numbers. */
export const compareTimes = (a: string, b: string): number =>
  a.length === b.length ? (a < b ? -1 : a > b ? 1 : 0) : a.length - b.length
