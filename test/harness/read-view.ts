/** Reads the `otel_*` views as a tool with plain SQL would, and gives every column back in the type it has in OTLP. */
import type { Store } from '#storage/connection.ts'
import { type Sql, sql } from '#storage/sql.ts'
import type { AnyValue, KeyValue } from '#telemetry/otlp/messages.ts'

/** Times are nanoseconds, 64-bit integers bigint, attributes `KeyValue[]` with their types. */
export type ViewRow = Record<string, unknown>

/** Name and type of each column that `SELECT *` gives, in the view's order. */
export const columnsOf = async (store: Store, view: string): Promise<Map<string, string>> => {
  const rows = await store.query<{ name: string; type: string }>(
    sql`SELECT name, type FROM system.columns WHERE database = ${sql.string(store.database)} AND table = ${sql.string(view)} AND default_kind != 'MATERIALIZED' ORDER BY position`,
  )
  return new Map(rows.map(({ name, type }) => [name, type]))
}

/** All columns of the view's rows. A map and the column with its types come as one: `attributes`. */
export const readView = async (store: Store, view: string, where: Sql = sql`true`): Promise<ViewRow[]> => {
  const columns = await columnsOf(store, view)
  const list = [...columns].map(([name, type]) => sql.ownFile(selected(name, type)))
  const rows = await store.query<Record<string, unknown>>(
    sql`SELECT ${sql.join(list, sql`, `)} FROM ${sql.identifier(view)} WHERE ${where}`,
  )
  return rows.map((row) => {
    const read = Object.fromEntries(
      Object.entries(row).map(([name, value]) => [name, readColumn(columns.get(name) ?? '', value)]),
    )
    return withTypes(read)
  })
}

/** Maps as pairs: an object of JavaScript would move keys like `7` to the front, and types go by position. */
const selected = (name: string, type: string): string => {
  const column = `\`${name}\``
  if (!type.includes('Map(')) return column
  const pairs = 'Array(Tuple(String, String))'
  return type.startsWith('Array')
    ? `arrayMap(map -> CAST(map, '${pairs}'), ${column}) AS ${column}`
    : `CAST(${column}, '${pairs}') AS ${column}`
}

const wrapped =
  /^(Array|Nullable|LowCardinality|SimpleAggregateFunction\(min,|SimpleAggregateFunction\(max,)\(?(.*)\)$/

const readColumn = (type: string, value: unknown): unknown => {
  const [, wrapper, inner = ''] = wrapped.exec(type) ?? []
  if (wrapper === 'Array') return (value as unknown[]).map((item) => readColumn(inner, item))
  if (wrapper !== undefined) return value === null ? undefined : readColumn(inner.trim(), value)
  if (type === 'UInt64' || type === 'Int64') return BigInt(value as string)
  if (type === 'Float64') return typeof value === 'string' ? float64ByName[value] : value
  if (type.startsWith('DateTime')) return nanosOf(value as string)
  return value
}

const float64ByName: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  '-nan': Number.NaN,
  inf: Infinity,
  '-inf': -Infinity,
}

const nanosOf = (text: string): bigint => {
  const [seconds = '', fraction = ''] = text.split('.')
  return BigInt(Date.parse(`${seconds.replace(' ', 'T')}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}

type Pairs = [key: string, text: string][]

const withTypes = (row: ViewRow): ViewRow => {
  const read = { ...row }
  for (const name of Object.keys(row)) {
    const typesName = name.endsWith('Attributes') ? name.replace(/s$/, 'Types') : `${name}Types`
    const types = row[typesName]
    if (types === undefined) continue
    read[name] = Array.isArray(types)
      ? (row[name] as Pairs[]).map((pairs, index) => attributesOf(pairs, types[index] as string))
      : attributesOf(row[name] as Pairs, types as string)
    delete read[typesName]
  }
  if (typeof row['Body'] !== 'string') return read
  const { Body, BodyType, BodyInnerTypes, ...others } = read
  return { ...others, Body: anyValueOf(Body as string, BodyType as string, BodyInnerTypes as string) }
}

/** Rebuilds attributes from a map of texts and their types (collector/writer/attributes.ts says how these are written). */
const attributesOf = (pairs: Pairs, types: string): KeyValue[] => {
  const letters = types.slice(0, pairs.length)
  const inner = types.slice(pairs.length).split(':').slice(1)
  if (letters !== '' && letters.length < pairs.length)
    throw new Error(`types '${types}' for ${pairs.length} attributes`)
  return pairs.map(([key, text], index) => {
    const letter = letters[index] ?? 's'
    return { key, value: anyValueOf(text, letter, 'am'.includes(letter) ? (inner.shift() ?? '') : '') }
  })
}

const anyValueOf = (text: string, type: string, innerTypes: string): AnyValue => {
  switch (type) {
    case 's':
      return { stringValue: text }
    case 'b':
      return { boolValue: text === 'true' }
    case 'i':
      return { intValue: BigInt(text) }
    case 'd':
      return { doubleValue: Number(text) }
    case 'y':
      return { bytesValue: Uint8Array.from(Buffer.from(text, 'base64')) }
    case 'e':
      return {}
    case 'a':
    case 'm':
      return innerValueOf(JSON.parse(text, keepNumbers), innerTypes.split(''))
    default:
      throw new Error(`'${type}' is not the letter of a type`)
  }
}

/** Numbers stay as they are written, so that 64-bit integers keep all their digits. */
class WrittenNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
const keepNumbers = (_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' ? new WrittenNumber(context?.source ?? String(value)) : value

/** `types` is used up from its start, one letter per value; none left means that the text says all. */
const innerValueOf = (value: unknown, types: string[]): AnyValue => {
  if (Array.isArray(value)) return { arrayValue: { values: value.map((item) => innerValueOf(item, types)) } }
  if (typeof value === 'object' && value !== null && !(value instanceof WrittenNumber)) {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return {
      kvlistValue: { values: entries.map(([key, item]) => ({ key, value: innerValueOf(item, types) })) },
    }
  }
  const type = types.shift()
  if (value instanceof WrittenNumber)
    return anyValueOf(value.text, type ?? (/[.e]/.test(value.text) ? 'd' : 'i'), '')
  if (typeof value === 'boolean') return { boolValue: value }
  return value === null ? {} : anyValueOf(value as string, type ?? 's', '')
}
