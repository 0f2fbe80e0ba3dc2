/**
 * The cells of rows that have a fixed size, column by column in pages of `pageRows` rows. A column is known by how many
 * bytes of a row lie before it, so its cells begin at that many times `pageRows` bytes in the page.
 *
 * Five words: the first page, the current one, rows in it, rows in all, bytes of a row. A page begins with two words, the
 * first of which says which page is next.
 */
import { allocate, loadWireWord, loadWord, storeByte, storeWord } from './memory.ts'

const pageRowsLog2: i32 = 10
export const pageRows: i32 = 1 << pageRowsLog2
export const pageHeaderBytes: i32 = 8

/** The row that `addRow` began: its number in the page. */
export let newRow: i32 = 0

export function newRows(bytesPerRow: i32): i32 {
  const rows = allocate(20)
  storeWord(rows, 0)
  storeWord(rows + 4, 0)
  storeWord(rows + 8, pageRows)
  storeWord(rows + 12, 0)
  storeWord(rows + 16, bytesPerRow)
  return rows
}

export function rowCount(rows: i32): i32 {
  return loadWord(rows + 12)
}

/** Where the row lies that was added last. */
export function lastPage(rows: i32): i32 {
  return loadWord(rows + 4)
}

export function lastRow(rows: i32): i32 {
  return loadWord(rows + 8) - 1
}

/** The page of a new row. Its cells hold anything until they are set. */
export function addRow(rows: i32): i32 {
  newRow = loadWord(rows + 8)
  if (newRow === pageRows) {
    addPage(rows)
    newRow = 0
  }
  storeWord(rows + 8, newRow + 1)
  storeWord(rows + 12, loadWord(rows + 12) + 1)
  return loadWord(rows + 4)
}

function addPage(rows: i32): void {
  const page = allocate(pageHeaderBytes + (loadWord(rows + 16) << pageRowsLog2))
  storeWord(page, 0)
  const last = loadWord(rows + 4)
  storeWord(last === 0 ? rows : last, page)
  storeWord(rows + 4, page)
}

function cellsOf(page: i32, column: i32): i32 {
  return page + pageHeaderBytes + (column << pageRowsLog2)
}

export function setByte(page: i32, row: i32, column: i32, value: i32): void {
  storeByte(cellsOf(page, column) + row, value)
}

export function setWord(page: i32, row: i32, column: i32, value: i32): void {
  storeWord(cellsOf(page, column) + (row << 2), value)
}

export function setPair(page: i32, row: i32, column: i32, low: i32, high: i32): void {
  const cell = cellsOf(page, column) + (row << 3)
  storeWord(cell, low)
  storeWord(cell + 4, high)
}

/** Where the cell of a column of `count` bytes lies. */
export function cellAt(page: i32, row: i32, column: i32, count: i32): i32 {
  return cellsOf(page, column) + row * count
}

/** Eight bytes as they came, zeros where nothing did (0). */
export function setFrom(page: i32, row: i32, column: i32, from: i32): void {
  if (from === 0) setPair(page, row, column, 0, 0)
  else setPair(page, row, column, loadWireWord(from), loadWireWord(from + 4))
}
