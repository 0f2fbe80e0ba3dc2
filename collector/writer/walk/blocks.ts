/**
 * The blocks of a batch: rows of one table and one day. Each begins with six words: the next block, its table, its day,
 * its rows (rows.ts), a stream of runs, and how many rows these hold; what follows is the table's own.
 *
 * A run are rows that follow each other and come from one scope of one record. It has four words: how many, the record, the
 * resource, the scope.
 */
import { fail } from './host.ts'
import { timeOutOfRange } from './faults.ts'
import { loadWord, storeWord, truncate } from './memory.ts'
import { rowCount } from './rows.ts'
import { appendWord, newStream } from './stream.ts'

/** Tables by number, in the order of tables.ts. */
export const spansTable: i32 = 0
export const logsTable: i32 = 1
export const gaugeTable: i32 = 2
export const sumTable: i32 = 3
export const histogramTable: i32 = 4
export const exponentialTable: i32 = 5
export const summaryTable: i32 = 6

export const blockHeaderBytes: i32 = 24
export const tableField: i32 = 4
export const dayField: i32 = 8
export const rowsField: i32 = 12
export const runsField: i32 = 16
const rowsInRunsField: i32 = 20

let first: i32 = 0
let latest: i32 = 0

export function beginBlocks(): void {
  first = 0
  latest = 0
}

export function firstBlock(): i32 {
  return first
}

export function rowsOf(block: i32): i32 {
  return loadWord(block + rowsField)
}

/** 0 when there is none yet. */
export function findBlock(table: i32, day: i32): i32 {
  if (latest !== 0 && isOf(latest, table, day)) return latest
  let block = first
  while (block !== 0 && !isOf(block, table, day)) block = loadWord(block)
  if (block !== 0) latest = block
  return block
}

function isOf(block: i32, table: i32, day: i32): boolean {
  return loadWord(block + tableField) === table && loadWord(block + dayField) === day
}

export function addBlock(block: i32, table: i32, day: i32, rows: i32): void {
  storeWord(block, first)
  storeWord(block + tableField, table)
  storeWord(block + dayField, day)
  storeWord(block + rowsField, rows)
  storeWord(block + runsField, newStream())
  storeWord(block + rowsInRunsField, 0)
  first = block
  latest = block
}

/** All rows that are in no run yet come from here. */
export function endRuns(record: i32, resource: i32, scope: i32): void {
  for (let block = first; block !== 0; block = loadWord(block)) {
    const count = rowCount(rowsOf(block))
    const countBefore = loadWord(block + rowsInRunsField)
    if (count === countBefore) continue
    const runs = loadWord(block + runsField)
    appendWord(runs, count - countBefore)
    appendWord(runs, record)
    appendWord(runs, resource)
    appendWord(runs, scope)
    storeWord(block + rowsInRunsField, count)
  }
}

/** A day is so many times 2^16 nanoseconds, exactly. */
const daySteps: f64 = 1_318_359_375
const stepsPerHigh: f64 = 65_536

/** The day that was asked for last, and its first step. */
let day: i32 = 0
let dayBegin: f64 = 0

/** The day of a time. Times after 2262 fit no column. */
export function dayOf(low: i32, high: i32): i32 {
  if (high < 0) fail(timeOutOfRange, 0)
  const step = high * stepsPerHigh + (low >>> 16)
  if (step < dayBegin || step >= dayBegin + daySteps) {
    day = truncate(Math.floor(step / daySteps))
    dayBegin = day * daySteps
  }
  return day
}
