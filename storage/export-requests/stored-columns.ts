import type { KeyValue } from '#telemetry/otlp/messages.ts'
import { type Sql, sql } from '../sql.ts'
import { storedAttributes } from './stored-attributes.ts'

/**
 * A value of a row as it is asked for, in one part or several, and as it is read from the JSON of these parts. No part is
 * a number that JSON may change (doubles come as their bits) or an object, which has each key once and in its own order.
 */
export interface StoredColumn<T> {
  readonly parts: readonly Sql[]
  readonly read: (json: readonly unknown[]) => T
}

/** What a column is read as. */
export type Stored<Column> = Column extends StoredColumn<infer T> ? T : never

type StoredColumns = Readonly<Record<string, StoredColumn<unknown>>>

/** The values of one row by the names of its columns. */
export type StoredRow<Columns extends StoredColumns> = {
  [Name in keyof Columns]: Stored<Columns[Name]>
}

// What the engine sends for a part follows from the part, so the cast is safe.
const column = <Json extends readonly unknown[], T>(
  parts: readonly Sql[],
  read: (...json: Json) => T,
): StoredColumn<T> => ({ parts, read: (json) => read(...(json as Json)) })

const asItIs = <T>(value: T): T => value

export const text = (name: Sql): StoredColumn<string> => column([name], asItIs<string>)
export const bool = (name: Sql): StoredColumn<boolean> => column([name], asItIs<boolean>)
/** Of at most 32 bits. */
export const integer = (name: Sql): StoredColumn<number> => column([name], asItIs<number>)
export const integer64 = (name: Sql): StoredColumn<bigint> =>
  column([name], (digits: string) => BigInt(digits))

/** Nanoseconds since the epoch of a DateTime64(9). */
export const nanos = (name: Sql): StoredColumn<bigint> => integer64(sql`toUnixTimestamp64Nano(${name})`)

export const double = (name: Sql): StoredColumn<number> => column([bitsOf(name)], doubleOf)

/** Absent where the column is NULL. */
export const optionalDouble = (name: Sql): StoredColumn<number | undefined> =>
  column([bitsOf(name)], (bits: string | null) => (bits === null ? undefined : doubleOf(bits)))

export const bytes = (name: Sql): StoredColumn<Uint8Array> =>
  column([sql`hex(${name})`], (hex: string) => new Uint8Array(Buffer.from(hex, 'hex')))

/** An Array column, item by item. */
export const list = <T>(itemOf: (item: Sql) => StoredColumn<T>, name: Sql): StoredColumn<T[]> => {
  const { parts, read } = itemOf(sql`item`)
  return column(
    parts.map((part) => sql`arrayMap(item -> ${part}, ${name})`),
    (items: unknown[]) => items.map((item) => read([item])),
  )
}

/** A map of texts and the column of its types. */
export const attributes = (name: Sql, types: Sql): StoredColumn<KeyValue[]> =>
  column([sql`mapKeys(${name})`, sql`mapValues(${name})`, types], storedAttributes)

/** An array of maps and the array of their types. */
export const attributeLists = (name: Sql, types: Sql): StoredColumn<KeyValue[][]> =>
  column(
    [sql`arrayMap(map -> mapKeys(map), ${name})`, sql`arrayMap(map -> mapValues(map), ${name})`, types],
    (keys: string[][], texts: string[][], types: string[]) =>
      keys.map((each, index) => storedAttributes(each, texts[index] ?? [], types[index] ?? '')),
  )

/** What several rows have in common, with a key that is equal where all of it is. */
type Shared<Columns extends StoredColumns> = StoredRow<Columns> & { readonly key: string }

export const shared = <Columns extends StoredColumns>(columns: Columns): StoredColumn<Shared<Columns>> => {
  const { parts, read } = rowOf(columns)
  return { parts, read: (json) => ({ ...read(json), key: JSON.stringify(json) }) }
}

/** Columns side by side, read as one. */
export const rowOf = <Columns extends StoredColumns>(columns: Columns): StoredColumn<StoredRow<Columns>> => {
  const entries = Object.entries(columns)
  return {
    parts: entries.flatMap(([, { parts }]) => parts),
    read: (json) => {
      let position = 0
      const row: Record<string, unknown> = {}
      for (const [name, { parts, read }] of entries)
        row[name] = read(json.slice(position, (position += parts.length)))
      return row as StoredRow<Columns>
    },
  }
}

const bitsOf = (name: Sql): Sql => sql`reinterpretAsUInt64(${name})`

const scratch = new DataView(new ArrayBuffer(8))

const doubleOf = (bits: string): number => {
  scratch.setBigUint64(0, BigInt(bits))
  return scratch.getFloat64(0)
}
