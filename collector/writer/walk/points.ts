/** Metric points of all kinds: what the first look at one notes, and the row that is made of it. */
import {
  appendAttribute,
  appendAttributes,
  beginAttributes,
  endAttributes,
  entryCount,
} from './attributes.ts'
import { dayOf, exponentialTable, findBlock, histogramTable, rowsOf, summaryTable } from './blocks.ts'
import { allocate, doubleOf, fillBytes, loadWireWord, loadWord, storeDouble } from './memory.ts'
import * as block from './metric-block.ts'
import { appendBuckets, appendNumbers, appendQuantiles, notePacked, noteUnpacked } from './number-lists.ts'
import { addRow, cellAt, newRow, rowCount, setByte, setFrom, setPair, setWord } from './rows.ts'
import { clear, newScratch, pushRange, rangeCount, rangeEnd, rangeStart } from './scratch.ts'
import { appendBytes } from './stream.ts'
import {
  enterMessage,
  leaveMessage,
  low,
  moveTo,
  position,
  readTag,
  readVarint,
  skipField,
  takeBytes,
  takeFixed64,
} from './wire.ts'

/** Messages above a point: the request, ResourceMetrics, ScopeMetrics, the metric, its data. */
const pointDepth: i32 = 6

let attributes: i32 = 0
let exemplars: i32 = 0
/** Bucket counts, positive buckets or quantiles; bounds or negative buckets. */
let firstList: i32 = 0
let secondList: i32 = 0
/** Where eight bytes lie; 0 where an optional number is absent. */
let timeAt: i32 = 0
let startTimeAt: i32 = 0
let numberAt: i32 = 0
let countAt: i32 = 0
let sumAt: i32 = 0
let minAt: i32 = 0
let maxAt: i32 = 0
let zeroCountAt: i32 = 0
let zeroThresholdAt: i32 = 0
let numberType: i32 = 0
let flags: i32 = 0
let scale: i32 = 0
/** Eight bytes that stand for an absent number. */
let zeros: i32 = 0

export function beginPoints(): void {
  attributes = newScratch()
  exemplars = newScratch()
  firstList = newScratch()
  secondList = newScratch()
  zeros = allocate(8)
  fillBytes(zeros, 8, 0)
}

/** Appends what a point has of its own; the block. The new row is the last of it. */
export function appendPoint(table: i32, start: i32, end: i32): i32 {
  notePoint(table, start, end)
  const day = dayOf(loadWireWord(timeAt), loadWireWord(timeAt + 4))
  let points = findBlock(table, day)
  if (points === 0) points = block.newPointBlock(table, day)
  appendNoted(table, points)
  return points
}

function notePoint(table: i32, start: i32, end: i32): void {
  clearNotes()
  moveTo(start)
  enterMessage(pointDepth)
  while (position < end) {
    const tag = readTag()
    if (tag === 17) startTimeAt = takeFixed64()
    else if (tag === 25) timeAt = takeFixed64()
    else if (table === histogramTable) noteHistogram(tag, end)
    else if (table === exponentialTable) noteExponential(tag, end)
    else if (table === summaryTable) noteSummary(tag, end)
    else noteNumber(tag, end)
  }
  leaveMessage(end)
}

function clearNotes(): void {
  clear(attributes)
  clear(exemplars)
  clear(firstList)
  clear(secondList)
  timeAt = zeros
  startTimeAt = zeros
  numberAt = zeros
  countAt = zeros
  sumAt = 0
  minAt = 0
  maxAt = 0
  zeroCountAt = zeros
  zeroThresholdAt = zeros
  numberType = block.noValue
  flags = 0
  scale = 0
}

function noteNumber(tag: i32, end: i32): void {
  switch (tag) {
    case 33:
      numberAt = takeFixed64()
      numberType = block.doubleValue
      break
    case 42:
      noteRange(exemplars, end)
      break
    case 49:
      numberAt = takeFixed64()
      numberType = block.intValue
      break
    case 58:
      noteRange(attributes, end)
      break
    case 64:
      noteFlags()
      break
    default:
      skipField(tag, end, pointDepth)
  }
}

function noteHistogram(tag: i32, end: i32): void {
  switch (tag) {
    case 33:
      countAt = takeFixed64()
      break
    case 41:
      sumAt = takeFixed64()
      break
    case 49:
      noteUnpacked(firstList)
      break
    case 50:
      notePacked(firstList, end)
      break
    case 57:
      noteUnpacked(secondList)
      break
    case 58:
      notePacked(secondList, end)
      break
    case 66:
      noteRange(exemplars, end)
      break
    case 74:
      noteRange(attributes, end)
      break
    case 80:
      noteFlags()
      break
    case 89:
      minAt = takeFixed64()
      break
    case 97:
      maxAt = takeFixed64()
      break
    default:
      skipField(tag, end, pointDepth)
  }
}

function noteExponential(tag: i32, end: i32): void {
  switch (tag) {
    case 10:
      noteRange(attributes, end)
      break
    case 33:
      countAt = takeFixed64()
      break
    case 41:
      sumAt = takeFixed64()
      break
    case 48:
      readVarint()
      scale = (low >>> 1) ^ -(low & 1)
      break
    case 57:
      zeroCountAt = takeFixed64()
      break
    case 66:
      noteRange(firstList, end)
      break
    case 74:
      noteRange(secondList, end)
      break
    case 80:
      noteFlags()
      break
    case 90:
      noteRange(exemplars, end)
      break
    case 97:
      minAt = takeFixed64()
      break
    case 105:
      maxAt = takeFixed64()
      break
    case 113:
      zeroThresholdAt = takeFixed64()
      break
    default:
      skipField(tag, end, pointDepth)
  }
}

function noteSummary(tag: i32, end: i32): void {
  switch (tag) {
    case 33:
      countAt = takeFixed64()
      break
    case 41:
      sumAt = takeFixed64()
      break
    case 50:
      noteRange(firstList, end)
      break
    case 58:
      noteRange(attributes, end)
      break
    case 64:
      noteFlags()
      break
    default:
      skipField(tag, end, pointDepth)
  }
}

function noteRange(ranges: i32, end: i32): void {
  const start = takeBytes(end)
  pushRange(ranges, start, position)
}

function noteFlags(): void {
  readVarint()
  flags = low
}

function appendNoted(table: i32, points: i32): void {
  const page = addRow(rowsOf(points))
  const row = newRow
  setFrom(page, row, block.timeCell, timeAt)
  setFrom(page, row, block.startTimeCell, startTimeAt)
  setWord(page, row, block.flagsCell, flags)
  const map = loadWord(points + block.attributesField)
  setWord(page, row, block.attributeTypesCell, appendAttributes(map, attributes, pointDepth + 1))
  setPair(page, row, block.attributesEndCell, entryCount(map), 0)
  if (table === summaryTable) appendSummary(points, page, row)
  else {
    if (table === histogramTable || table === exponentialTable) appendDistribution(table, points, page, row)
    else appendNumber(page, row)
    appendExemplars(points, page, row)
  }
}

function appendNumber(page: i32, row: i32): void {
  setByte(page, row, block.valueTypeCell, numberType)
  setNumber(page, row, block.valueCell, block.intValueCell)
}

/** The number that was noted, as a double and as the integer that it may be. */
function setNumber(page: i32, row: i32, valueCell: i32, intValueCell: i32): void {
  const isInt = numberType === block.intValue
  if (isInt)
    storeDouble(cellAt(page, row, valueCell, 8), doubleOf(loadWireWord(numberAt), loadWireWord(numberAt + 4)))
  else setFrom(page, row, valueCell, numberAt)
  setFrom(page, row, intValueCell, isInt ? numberAt : zeros)
}

function appendDistribution(table: i32, points: i32, page: i32, row: i32): void {
  const first = points + block.firstListField
  const second = points + block.secondListField
  setFrom(page, row, block.countCell, countAt)
  setOptional(page, row, block.sumCell, block.noSumCell, sumAt)
  setOptional(page, row, block.minCell, block.noMinCell, minAt)
  setOptional(page, row, block.maxCell, block.noMaxCell, maxAt)
  if (table === histogramTable) {
    appendNumbers(first, firstList)
    appendNumbers(second, secondList)
  } else {
    setWord(page, row, block.scaleCell, scale)
    setFrom(page, row, block.zeroCountCell, zeroCountAt)
    setFrom(page, row, block.zeroThresholdCell, zeroThresholdAt)
    setWord(page, row, block.positiveOffsetCell, appendBuckets(first, firstList, pointDepth + 1))
    setWord(page, row, block.negativeOffsetCell, appendBuckets(second, secondList, pointDepth + 1))
  }
  setListEnds(points, page, row)
}

function appendSummary(points: i32, page: i32, row: i32): void {
  const quantiles = points + block.firstListField
  const values = points + block.secondListField
  setFrom(page, row, block.countCell, countAt)
  setFrom(page, row, block.sumCell, sumAt === 0 ? zeros : sumAt)
  appendQuantiles(quantiles, values, firstList, pointDepth + 1, zeros)
  setListEnds(points, page, row)
}

function setListEnds(points: i32, page: i32, row: i32): void {
  setPair(page, row, block.firstListEndCell, block.listCount(points + block.firstListField), 0)
  setPair(page, row, block.secondListEndCell, block.listCount(points + block.secondListField), 0)
}

function setOptional(page: i32, row: i32, cell: i32, noneCell: i32, at: i32): void {
  setByte(page, row, noneCell, at === 0 ? 1 : 0)
  setFrom(page, row, cell, at === 0 ? zeros : at)
}

function appendExemplars(points: i32, page: i32, row: i32): void {
  const count = rangeCount(exemplars)
  for (let index: i32 = 0; index < count; index++)
    appendExemplar(points, rangeStart(exemplars, index), rangeEnd(exemplars, index))
  setPair(page, row, block.exemplarsEndCell, rowCount(loadWord(points + block.exemplarRowsField)), 0)
}

function appendExemplar(points: i32, start: i32, end: i32): void {
  const depth = pointDepth + 1
  const map = loadWord(points + block.exemplarAttributesField)
  let exemplarTimeAt = zeros
  let traceIdAt = zeros
  let traceIdLength: i32 = 0
  let spanIdAt = zeros
  let spanIdLength: i32 = 0
  numberAt = zeros
  numberType = block.noValue
  moveTo(start)
  enterMessage(depth)
  beginAttributes()
  while (position < end) {
    const tag = readTag()
    switch (tag) {
      case 17:
        exemplarTimeAt = takeFixed64()
        break
      case 25:
        numberAt = takeFixed64()
        numberType = block.doubleValue
        break
      case 34:
        spanIdAt = takeBytes(end)
        spanIdLength = low
        break
      case 42:
        traceIdAt = takeBytes(end)
        traceIdLength = low
        break
      case 49:
        numberAt = takeFixed64()
        numberType = block.intValue
        break
      case 58: {
        const attribute = takeBytes(end)
        appendAttribute(map, attribute, position, depth + 1)
        break
      }
      default:
        skipField(tag, end, depth)
    }
  }
  leaveMessage(end)
  const types = endAttributes(map)
  appendBytes(loadWord(points + block.exemplarTraceIdsField), traceIdAt, traceIdLength)
  appendBytes(loadWord(points + block.exemplarSpanIdsField), spanIdAt, spanIdLength)
  const page = addRow(loadWord(points + block.exemplarRowsField))
  setFrom(page, newRow, block.exemplarTimeCell, exemplarTimeAt)
  setByte(page, newRow, block.exemplarValueTypeCell, numberType)
  setNumber(page, newRow, block.exemplarValueCell, block.exemplarIntValueCell)
  setPair(page, newRow, block.exemplarAttributesEndCell, entryCount(map), 0)
  setWord(page, newRow, block.exemplarAttributeTypesCell, types)
}
