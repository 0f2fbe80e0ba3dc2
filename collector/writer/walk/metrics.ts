/** Metrics: what all points of one share, and the points. */
import { appendAttributes, entryCount, noTypes } from './attributes.ts'
import { exponentialTable, gaugeTable, histogramTable, rowsOf, sumTable, summaryTable } from './blocks.ts'
import { keyOf } from './dictionary.ts'
import { rewriteMetric } from './host.ts'
import { loadWord } from './memory.ts'
import * as block from './metric-block.ts'
import { appendPoint } from './points.ts'
import { lastPage, lastRow, setByte, setPair, setWord } from './rows.ts'
import { clear, newScratch, pushRange, rangeCount, rangeEnd, rangeStart } from './scratch.ts'
import { checkEntry } from './value.ts'
import {
  enterMessage,
  high,
  leaveMessage,
  low,
  moveTo,
  position,
  readTag,
  readVarint,
  skipField,
  takeBytes,
} from './wire.ts'

/** Messages above a metric: the request, ResourceMetrics, ScopeMetrics. */
const metricDepth: i32 = 4

let metadata: i32 = 0
/** The messages that hold the points, and the points that they hold. */
let data: i32 = 0
let points: i32 = 0
let nextPoint: i32 = 0
/** Of the points; 0 where a metric has none, as spans are no points. */
let table: i32 = 0
let hasOtherKind: boolean = false
let nameAt: i32 = 0
let nameLength: i32 = 0
let descriptionAt: i32 = 0
let descriptionLength: i32 = 0
let unitAt: i32 = 0
let unitLength: i32 = 0
/** The keys of these three in the block that a point of the metric went to last; 0 before its first. */
let namedBlock: i32 = 0
let nameKey: i32 = 0
let descriptionKey: i32 = 0
let unitKey: i32 = 0
/** The key of the types of no metadata. */
let noTypesKey: i32 = 0
let temporality: i32 = 0
let isMonotonic: i32 = 0

export function beginMetrics(): void {
  metadata = newScratch()
  data = newScratch()
  points = newScratch()
  nextPoint = 0
}

/** Appends up to `countMax` points, or those that are left of the metric; how many. */
export function appendMetric(start: i32, end: i32, countMax: i32): i32 {
  if (!hasMorePoints()) notePoints(start, end)
  const first = nextPoint
  const left = rangeCount(points) - first
  const last: i32 = left < countMax ? first + left : first + countMax
  for (; nextPoint < last; nextPoint++) {
    const pointBlock = appendPoint(table, rangeStart(points, nextPoint), rangeEnd(points, nextPoint))
    appendShared(pointBlock)
  }
  return last - first
}

/** Whether the metric that was begun last has points that are not appended. */
export function hasMorePoints(): boolean {
  return nextPoint < rangeCount(points)
}

function notePoints(start: i32, end: i32): void {
  noteMetric(start, end)
  if (hasOtherKind) {
    const rewritten = rewriteMetric(start, end - start)
    noteMetric(rewritten + 4, rewritten + 4 + loadWord(rewritten))
  }
  const messageCount = rangeCount(data)
  for (let index: i32 = 0; index < messageCount; index++)
    noteData(rangeStart(data, index), rangeEnd(data, index))
}

function noteMetric(start: i32, end: i32): void {
  clearNotes()
  moveTo(start)
  enterMessage(metricDepth)
  while (position < end) {
    const tag = readTag()
    switch (tag) {
      case 10:
        nameAt = takeBytes(end)
        nameLength = low
        break
      case 18:
        descriptionAt = takeBytes(end)
        descriptionLength = low
        break
      case 26:
        unitAt = takeBytes(end)
        unitLength = low
        break
      case 42:
        noteKind(gaugeTable, end)
        break
      case 58:
        noteKind(sumTable, end)
        break
      case 74:
        noteKind(histogramTable, end)
        break
      case 82:
        noteKind(exponentialTable, end)
        break
      case 90:
        noteKind(summaryTable, end)
        break
      case 98: {
        // A metric without points has no row that it would be read for.
        const attribute = checkEntry(end, metricDepth + 1)
        pushRange(metadata, attribute, position)
        break
      }
      default:
        skipField(tag, end, metricDepth)
    }
  }
  leaveMessage(end)
}

function clearNotes(): void {
  clear(metadata)
  clear(data)
  clear(points)
  nextPoint = 0
  table = 0
  namedBlock = 0
  hasOtherKind = false
  nameLength = 0
  descriptionLength = 0
  unitLength = 0
  temporality = 0
  isMonotonic = 0
}

/** Messages of one kind add to each other; of two kinds the last counts, which is rare enough to be left to others. */
function noteKind(kind: i32, end: i32): void {
  if (table !== 0 && table !== kind) hasOtherKind = true
  table = kind
  const start = takeBytes(end)
  pushRange(data, start, position)
}

function noteData(start: i32, end: i32): void {
  moveTo(start)
  enterMessage(metricDepth + 1)
  while (position < end) {
    const tag = readTag()
    if (tag === 10) {
      const point = takeBytes(end)
      pushRange(points, point, position)
    } else if (tag === 16) {
      readVarint()
      temporality = low
    } else if (tag === 24) {
      readVarint()
      isMonotonic = (low | high) === 0 ? 0 : 1
    } else skipField(tag, end, metricDepth + 1)
  }
  leaveMessage(end)
}

/** To the row that was begun last in this block. */
function appendShared(pointBlock: i32): void {
  if (pointBlock !== namedBlock) nameIn(pointBlock)
  const rows = rowsOf(pointBlock)
  const page = lastPage(rows)
  const row = lastRow(rows)
  setWord(page, row, block.nameCell, nameKey)
  setWord(page, row, block.descriptionCell, descriptionKey)
  setWord(page, row, block.unitCell, unitKey)
  setWord(page, row, block.temporalityCell, temporality)
  setByte(page, row, block.isMonotonicCell, isMonotonic)
  const map = loadWord(pointBlock + block.metadataField)
  const types = rangeCount(metadata) === 0 ? noTypesKey : appendAttributes(map, metadata, metricDepth + 1)
  setWord(page, row, block.metadataTypesCell, types)
  setPair(page, row, block.metadataEndCell, entryCount(map), 0)
}

/** Most metrics have all their points in one block, whose dictionaries are asked once. */
function nameIn(pointBlock: i32): void {
  nameKey = keyOf(loadWord(pointBlock + block.namesField), nameAt, nameLength)
  descriptionKey = keyOf(loadWord(pointBlock + block.descriptionsField), descriptionAt, descriptionLength)
  unitKey = keyOf(loadWord(pointBlock + block.unitsField), unitAt, unitLength)
  noTypesKey = noTypes(loadWord(pointBlock + block.metadataField))
  namedBlock = pointBlock
}
