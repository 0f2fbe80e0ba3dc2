/** Reads blocks in ClickHouse's Native format back, to compare rows however their blocks were put together. */

/** A column's values by row. Strings and ids are one character a byte. */
export type NativeColumns = Record<string, { type: string; values: unknown[] }>

/** @throws Error when bytes are left over, or a type is not one that our tables use */
export const readNativeBlock = (block: Buffer): NativeColumns => {
  const cursor = { block, position: 0 }
  const columnCount = varint(cursor)
  const rowCount = varint(cursor)
  const columns: NativeColumns = {}
  for (let index = 0; index < columnCount; index++) {
    const name = text(cursor)
    const type = text(cursor)
    // A version of the dictionaries stands before the data of the whole column.
    if (type.includes('LowCardinality') && uint64(cursor) !== 1n) throw new Error(`no version 1 of ${name}`)
    columns[name] = { type, values: readValues(cursor, type, rowCount) }
  }
  if (cursor.position !== block.length) throw new Error(`${block.length - cursor.position} bytes left over`)
  return columns
}

interface Cursor {
  block: Buffer
  position: number
}

const take = (cursor: Cursor, count: number): number => {
  const at = cursor.position
  cursor.position += count
  if (cursor.position > cursor.block.length) throw new Error('the block ends too early')
  return at
}
const uint8 = (cursor: Cursor): number => cursor.block.readUInt8(take(cursor, 1))
const uint64 = (cursor: Cursor): bigint => cursor.block.readBigUInt64LE(take(cursor, 8))

const varint = (cursor: Cursor): number => {
  let value = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = uint8(cursor)
    value += (byte & 0x7f) * factor
    if (byte < 0x80) return value
  }
}
const text = (cursor: Cursor): string => characters(cursor, varint(cursor))
const characters = (cursor: Cursor, count: number): string => {
  const at = take(cursor, count)
  return cursor.block.toString('latin1', at, at + count)
}

const scalars: Readonly<Record<string, (cursor: Cursor) => unknown>> = {
  UInt8: uint8,
  Bool: uint8,
  UInt32: (cursor) => cursor.block.readUInt32LE(take(cursor, 4)),
  Int32: (cursor) => cursor.block.readInt32LE(take(cursor, 4)),
  "DateTime('UTC')": (cursor) => cursor.block.readUInt32LE(take(cursor, 4)),
  UInt64: uint64,
  Int64: (cursor) => cursor.block.readBigInt64LE(take(cursor, 8)),
  "DateTime64(9, 'UTC')": (cursor) => cursor.block.readBigInt64LE(take(cursor, 8)),
  "DateTime64(3, 'UTC')": (cursor) => cursor.block.readBigInt64LE(take(cursor, 8)),
  Float64: (cursor) => cursor.block.readDoubleLE(take(cursor, 8)),
  'FixedString(16)': (cursor) => characters(cursor, 16),
  String: text,
}

const readValues = (cursor: Cursor, type: string, count: number): unknown[] => {
  const inner = /^(Array|Nullable)\((.*)\)$/.exec(type)
  if (inner?.[1] === 'Array')
    return readArrays(cursor, count, (total) => readValues(cursor, inner[2] ?? '', total))
  if (inner?.[1] === 'Nullable') {
    const nulls = repeat(count, () => uint8(cursor))
    return readValues(cursor, inner[2] ?? '', count).map((value, row) => (nulls[row] === 0 ? value : null))
  }
  if (type === 'LowCardinality(String)') return readKeys(cursor, count)
  if (type === 'Map(LowCardinality(String), String)')
    return readArrays(cursor, count, (total) => {
      const keys = readKeys(cursor, total)
      return keys.map((key) => [key, text(cursor)])
    })
  const scalar = scalars[type]
  if (scalar === undefined) throw new Error(`a column of type ${type}`)
  return repeat(count, () => scalar(cursor))
}

const readArrays = (cursor: Cursor, count: number, readItems: (total: number) => unknown[]): unknown[][] => {
  const ends = repeat(count, () => Number(uint64(cursor)))
  const items = readItems(ends.at(-1) ?? 0)
  return ends.map((end, row) => items.slice(row === 0 ? 0 : ends[row - 1], end))
}

const additionalKeys = 0x600n

const readKeys = (cursor: Cursor, count: number): string[] => {
  if (count === 0) return []
  const flags = uint64(cursor)
  const width = Number(flags & 0xffn)
  if ((flags & ~0xffn) !== additionalKeys || width > 2) throw new Error(`flags ${flags} of a dictionary`)
  const texts = repeat(Number(uint64(cursor)), () => text(cursor))
  if (Number(uint64(cursor)) !== count) throw new Error('another number of keys than rows')
  return repeat(count, () => {
    const key = cursor.block.readUIntLE(take(cursor, 1 << width), 1 << width)
    const found = texts[key]
    if (found === undefined) throw new Error(`key ${key} is in no dictionary`)
    return found
  })
}

const repeat = <T>(count: number, read: () => T): T[] => Array.from({ length: count }, () => read())
