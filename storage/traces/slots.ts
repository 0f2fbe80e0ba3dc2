import { type Sql, sql } from '../sql.ts'

/** Spans lie by five minutes and in these by their trace's key: a slot's number counts five minutes since the epoch. */
const slotSeconds = 300
const slotNanos = 300_000_000_000n

export const slotOfNanos = (unixNano: bigint): number => Number(unixNano / slotNanos)

/** Where other spans of a trace are expected that has one at this time: they rarely begin more than a minute before or after. */
export const besideNanos = 60_000_000_000n
export const slotsAround = (unixNano: bigint): number[] => {
  const first = slotOfNanos(unixNano - besideNanos)
  const last = slotOfNanos(unixNano + besideNanos)
  return first === last ? [first] : [first, last]
}

export const startOfSlot = (slot: number): bigint => BigInt(slot) * slotNanos

/** What the sorting key has of a trace's id: its last four bytes. */
export const traceKeyOf = (traceId: string): number => Buffer.from(traceId.slice(24), 'hex').readUInt32LE()

export const traceKeyColumn = sql`reinterpretAsUInt32(substring(trace_id, 13, 4))`
const slotColumn = sql`toStartOfFiveMinutes(start_time)`

/** Where spans of traces lie: their keys, and the slots to look into for each. */
export type SlotsByKey = ReadonlyMap<number, ReadonlySet<number>>

/** So many slots are looked into for all keys alike, which takes less planning than a list of pairs. */
const sharedSlotsMax = 10

/** The slots of each key, or of all keys together where that is cheaper to ask for. */
export const slotsToRead = (wanted: SlotsByKey): SlotsByKey => {
  const all = new Set([...wanted.values()].flatMap((slots) => [...slots]))
  return all.size <= sharedSlotsMax ? new Map([...wanted.keys()].map((key) => [key, all])) : wanted
}

/** The parser takes only so long a text. What one key has more slots than these is read from the first to the last of them. */
const listedSlotsMax = 5000

/** Numbers go as one literal, because that is quick to parse. */
export const liesIn = (slotsByKey: SlotsByKey): Sql => {
  const distinct = new Set(slotsByKey.values())
  const [shared] = distinct
  if (distinct.size === 1 && shared !== undefined) {
    return sql`${isInSlots(shared)} AND ${traceKeyColumn} IN ${keySet(slotsByKey.keys())}`
  }
  const pairs = [...slotsByKey].flatMap(([key, slots]) =>
    [...slots].map((slot) => `(${slot * slotSeconds},${key})`),
  )
  return sql`(${slotColumn}, ${traceKeyColumn}) IN CAST(${list(pairs)}, 'Array(Tuple(DateTime(\\'UTC\\'), UInt32))')`
}

const isInSlots = (slots: ReadonlySet<number>): Sql => {
  if (slots.size <= listedSlotsMax)
    return sql`${slotColumn} IN CAST(${list([...slots].map((slot) => slot * slotSeconds))}, 'Array(DateTime(\\'UTC\\'))')`
  const ordered = [...slots].toSorted((a, b) => a - b)
  const [first, last] = [ordered[0] ?? 0, ordered.at(-1) ?? 0]
  return sql`${slotColumn} BETWEEN toDateTime(${sql.int64(first * slotSeconds)}, 'UTC') AND toDateTime(${sql.int64(last * slotSeconds)}, 'UTC')`
}

/** For `IN` on the column of keys. */
export const keySet = (keys: Iterable<number>): Sql => sql`CAST(${list([...keys])}, 'Array(UInt32)')`

/** For `IN` on the column of ids. */
export const idSet = (traceIds: Iterable<string>): Sql => {
  const bytes = [...traceIds].map((id) => sql.bytes(Buffer.from(id, 'hex')))
  return sql`(${sql.join(bytes, sql`, `)})`
}

const list = (values: readonly (number | string)[]): Sql => sql.string(`[${values.join(',')}]`)
