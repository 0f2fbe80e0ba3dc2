import { type BlockColumn, lowCardinality } from '#storage/native-block.ts'
import type { RangeBlock } from '#storage/range-store.ts'
import type { Batch } from './batch-walk.ts'

/** The rows of both, the second behind the first, in one block per table and day as a range has to have them. */
export const joinBatches = (first: Batch, second: Batch): Batch => {
  const resources = new Map(
    [...first.resources(), ...second.resources()].map((row) => [row.resource_id, row]),
  )
  const keyOf = ({ table, day }: RangeBlock): string => `${table}/${day}`
  const joined = new Map(first.blocks().map((block) => [keyOf(block), block]))
  for (const block of second.blocks()) {
    const other = joined.get(keyOf(block))
    joined.set(keyOf(block), other === undefined ? block : joinBlocks(other, block))
  }
  const blocks = [...joined].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, block]) => block)
  return { resources: () => [...resources.values()], blocks: () => blocks }
}

const joinBlocks = (first: RangeBlock, second: RangeBlock): RangeBlock => ({
  ...first,
  rowCount: first.rowCount + second.rowCount,
  columns: Object.fromEntries(
    Object.entries(first.columns).map(([name, column]) => {
      const other = second.columns[name]
      if (other === undefined) throw new Error(`a block without the column ${name}`)
      return [name, joinColumns(column, other)]
    }),
  ),
})

const joinColumns = (first: BlockColumn, second: BlockColumn): BlockColumn => {
  const parts = [first, second].map((column) => new ColumnPart(Buffer.concat(column.data()), column.rowCount))
  const data = joinData(first.type, parts)
  return {
    type: first.type,
    rowCount: first.rowCount + second.rowCount,
    prefix: () => first.prefix(),
    data: () => data,
  }
}

/** Data of a column that are read from their beginning, type by type. */
class ColumnPart {
  readonly #bytes: Buffer
  #position = 0
  /** Of the column that is read now: the items of an array have more. */
  rowCount: number

  constructor(bytes: Buffer, rowCount: number) {
    this.#bytes = bytes
    this.rowCount = rowCount
  }

  take(byteCount: number): Buffer {
    this.#position += byteCount
    return this.#bytes.subarray(this.#position - byteCount, this.#position)
  }

  uint64(): bigint {
    return this.take(8).readBigUInt64LE(0)
  }

  /** Strings with the lengths in front of them. */
  takeStrings(count: number): Buffer {
    const start = this.#position
    for (let index = 0; index < count; index++) this.takeString()
    return this.#bytes.subarray(start, this.#position)
  }

  takeString(): Buffer {
    const start = this.#position
    let length = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes.readUInt8(this.#position++)
      length += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    this.#position += length
    return this.#bytes.subarray(start, this.#position)
  }
}

const byteCounts: Readonly<Record<string, number>> = {
  UInt8: 1,
  Bool: 1,
  UInt32: 4,
  Int32: 4,
  "DateTime('UTC')": 4,
  UInt64: 8,
  Int64: 8,
  Float64: 8,
  "DateTime64(3, 'UTC')": 8,
  "DateTime64(9, 'UTC')": 8,
}

const joinData = (type: string, parts: readonly ColumnPart[]): Uint8Array[] => {
  if (type === 'String') return parts.map((part) => part.takeStrings(part.rowCount))
  if (type === 'LowCardinality(String)') return joinKeys(parts)
  if (type === 'Map(LowCardinality(String), String)')
    return [...joinOffsets(parts), ...joinKeys(parts), ...joinData('String', parts)]
  const [, outer, inner = ''] = /^(\w+)\((.+)\)$/.exec(type) ?? []
  if (outer === 'Array') return [...joinOffsets(parts), ...joinData(inner, parts)]
  if (outer === 'Nullable')
    return [...parts.map((part) => part.take(part.rowCount)), ...joinData(inner, parts)]
  const byteCount = outer === 'FixedString' ? Number(inner) : byteCounts[type]
  if (byteCount === undefined) throw new Error(`cannot join columns of ${type}`)
  return parts.map((part) => part.take(part.rowCount * byteCount))
}

/** Where the items of each row end. The parts then have as many rows as they have items. */
const joinOffsets = (parts: readonly ColumnPart[]): Uint8Array[] => {
  let itemsBefore = 0n
  return parts.map((part) => {
    const offsets = Buffer.alloc(part.rowCount * 8)
    let itemCount = 0n
    for (let at = 0; at < offsets.length; at += 8) {
      itemCount = part.uint64()
      offsets.writeBigUInt64LE(itemsBefore + itemCount, at)
    }
    itemsBefore += itemCount
    part.rowCount = Number(itemCount)
    return offsets
  })
}

const widthMask = 0xffn

/** One dictionary for all. */
const joinKeys = (parts: readonly ColumnPart[]): Uint8Array[] => {
  const keys = new Map<string, { key: number; text: Buffer }>()
  const rows: number[] = []
  for (const part of parts) {
    if (part.rowCount === 0) continue
    const width = 1 << Number(part.uint64() & widthMask)
    const joinedKeys = Array.from({ length: Number(part.uint64()) }, () => {
      const text = part.takeString()
      const name = text.toString('latin1')
      let known = keys.get(name)
      if (known === undefined) keys.set(name, (known = { key: keys.size, text }))
      return known.key
    })
    const indexes = part.take(Number(part.uint64()) * width)
    for (let at = 0; at < indexes.length; at += width)
      rows.push(joinedKeys[indexes.readUIntLE(at, width)] ?? 0)
  }
  const indexes = lowCardinality.indexes(keys.size, rows.length)
  indexes.set(rows)
  const texts = [...keys.values()].map(({ text }) => text)
  return lowCardinality.data(keys.size, texts, indexes)
}
