import { type BlockColumn, lowCardinality } from '#storage/native-block.ts'
import type { HeapReader } from './heap-reader.ts'

/** Rows of a block: its own, or those of the items of its arrays. */
interface Source {
  heap: HeapReader
  block: number
  rows: number
}

/** Finds a column's data where the walk left them. Offsets are those that the walk's modules give. */
export type Place = (source: Source) => Uint8Array[]

export const cells =
  (cell: number, byteCount: number): Place =>
  ({ heap, rows }) =>
    heap.cells(rows, cell, byteCount)

/** Keys in cells, and their texts in the dictionary whose address a field of the block holds. */
export const keys =
  (cell: number, dictionaryField: number): Place =>
  ({ heap, block, rows }) =>
    keyData(heap, heap.cells(rows, cell, 4), heap.word(block + dictionaryField))

export const stream =
  (field: number): Place =>
  ({ heap, block }) =>
    heap.stream(heap.word(block + field))

/** An array; a cell holds where the items of its row end. */
export const list =
  (endCell: number, items: Place): Place =>
  (source) => [...cells(endCell, 8)(source), ...items(source)]

/** Items that are rows themselves. */
export const itemRows =
  (rowsField: number, place: Place): Place =>
  ({ heap, block }) =>
    place({ heap, block, rows: heap.word(block + rowsField) })

/** An attribute map (attributes.ts). */
export const map = (endCell: number, mapField: number): Place =>
  list(endCell, ({ heap, block }) => {
    const address = heap.word(block + mapField)
    return [
      ...keyData(heap, heap.stream(heap.word(address + 4)), heap.word(address + 8)),
      ...heap.stream(heap.word(address + 12)),
    ]
  })

/** The types of an attribute map, by row. */
export const types =
  (cell: number, mapField: number): Place =>
  ({ heap, block, rows }) =>
    keyData(heap, heap.cells(rows, cell, 4), heap.word(heap.word(block + mapField) + 16))

/** A cell of 8 bytes, and one that is 1 where there is no value. */
export const nullable =
  (nullCell: number, cell: number): Place =>
  (source) => [...cells(nullCell, 1)(source), ...cells(cell, 8)(source)]

const keyData = (heap: HeapReader, wideKeys: readonly Uint8Array[], dictionary: number): Uint8Array[] => {
  const keyCount = heap.word(dictionary + 4)
  const count = wideKeys.reduce((sum, { length }) => sum + length / 4, 0)
  const indexes = lowCardinality.indexes(keyCount, count)
  let row = 0
  for (const part of wideKeys) {
    const words = new Uint32Array(part.buffer, part.byteOffset, part.length / 4)
    indexes.set(words, row)
    row += words.length
  }
  return lowCardinality.data(keyCount, heap.stream(heap.word(dictionary)), indexes)
}

/** Copies a column out of the heap, which then serves the next batch. */
export const copyColumn = (source: Source, place: Place, type: string): BlockColumn => {
  const rowCount = source.heap.rowCount(source.rows)
  const data = [Buffer.concat(place(source))]
  const prefix = type.includes('LowCardinality') ? [lowCardinality.prefix] : []
  return { type, rowCount, prefix: () => prefix, data: () => data }
}
