import type { Store } from '#storage/connection.ts'
import { sql } from '#storage/sql.ts'
import type { Filled } from '../fill-store.ts'

export interface Setup {
  store: Store
  filled: Filled
  readCount: number
  hours: number
}

/**
 * Milliseconds of each call in rising order, the first few left out: they fill the caches of marks and of the system. Before
 * each call the engine forgets which granules held nothing for a condition: a benchmark asks the same again and again,
 * and that memory would be measured instead.
 */
export const timed = async (store: Store, calls: readonly (() => Promise<unknown>)[]): Promise<number[]> => {
  const millis: number[] = []
  for (const call of calls) {
    await store.command(sql`SYSTEM DROP QUERY CONDITION CACHE`)
    const startedAt = performance.now()
    await call()
    millis.push(performance.now() - startedAt)
  }
  return millis.slice(Math.min(5, millis.length - 1)).toSorted((a, b) => a - b)
}

export const quantileOf = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

export const printTimes = (name: string, sorted: readonly number[]): void => {
  const at = (share: number): string => quantileOf(sorted, share).toFixed(1).padStart(8)
  process.stdout.write(`${name.padEnd(64)} p50 ${at(0.5)} ms   p95 ${at(0.95)} ms   least ${at(0)} ms\n`)
}

export const printHeading = (text: string): void => void process.stdout.write(`\n${text}\n`)

/** `count` calls, made one after another. */
export const repeat = (
  count: number,
  call: (index: number) => Promise<unknown>,
): (() => Promise<unknown>)[] => Array.from({ length: count }, (_, index) => () => call(index))
