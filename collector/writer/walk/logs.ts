/** Log records: from the wire into the cells and streams of the table `log_records`. */
import { appendAttributes, entryCount, joinValues, newAttributeMap } from './attributes.ts'
import { addBlock, blockHeaderBytes, dayOf, findBlock, logsTable, rowsOf } from './blocks.ts'
import { keyOf, newDictionary } from './dictionary.ts'
import { allocate, fillBytes, loadWireWord, loadWord, storeByte, storeWord } from './memory.ts'
import { addRow, newRow, newRows, setByte, setFrom, setPair, setWord } from './rows.ts'
import { clear, newScratch, pushRange } from './scratch.ts'
import { appendBytes, appendText, newStream } from './stream.ts'
import { innerTypesAt, innerTypesLength, kind, readValue, valueAt, valueLength } from './value.ts'
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
  takeFixed32,
  takeFixed64,
} from './wire.ts'

/** Cells: each begins where the one before it ends. */
export const timeCell: i32 = 0
export const observedTimeCell: i32 = timeCell + 8
export const attributesEndCell: i32 = observedTimeCell + 8
export const attributeTypesCell: i32 = attributesEndCell + 8
export const flagsCell: i32 = attributeTypesCell + 4
export const severityNumberCell: i32 = flagsCell + 4
export const severityTextCell: i32 = severityNumberCell + 4
export const bodyTypeCell: i32 = severityTextCell + 4
export const bodyInnerTypesCell: i32 = bodyTypeCell + 4
export const eventNameCell: i32 = bodyInnerTypesCell + 4
export const droppedAttributesCell: i32 = eventNameCell + 4
export const timeSourceCell: i32 = droppedAttributesCell + 4
const logBytes: i32 = timeSourceCell + 1

/** What a block of log records has behind its header. */
export const attributesField: i32 = blockHeaderBytes
export const traceIdsField: i32 = attributesField + 4
export const spanIdsField: i32 = traceIdsField + 4
export const severityTextsField: i32 = spanIdsField + 4
export const bodiesField: i32 = severityTextsField + 4
export const bodyTypesField: i32 = bodiesField + 4
export const bodyInnerTypesField: i32 = bodyTypesField + 4
export const eventNamesField: i32 = bodyInnerTypesField + 4
const blockBytes: i32 = eventNamesField + 4

/** Values of the column `time_source`. */
const fromRecord: i32 = 0
const fromObserved: i32 = 1
const fromQueue: i32 = 2

/** Messages above a log record: the request, ResourceLogs, ScopeLogs. */
const logDepth: i32 = 4
const bodyTag: i32 = 42

/** What the first look at a record notes. */
let attributes: i32 = 0
let timeAt: i32 = 0
let observedAt: i32 = 0
let flagsAt: i32 = 0
let severityNumber: i32 = 0
let severityTextAt: i32 = 0
let severityTextLength: i32 = 0
let bodyAt: i32 = 0
let bodyLength: i32 = 0
let bodyCount: i32 = 0
let traceIdAt: i32 = 0
let traceIdLength: i32 = 0
let spanIdAt: i32 = 0
let spanIdLength: i32 = 0
let eventNameAt: i32 = 0
let eventNameLength: i32 = 0
let droppedAttributes: i32 = 0
/** Eight bytes that stand for an absent fixed-size value. */
let zeros: i32 = 0
/** When the record was queued, for those that have no time. */
let queuedTime: i32 = 0
/** The letter of a body's type. */
let letter: i32 = 0

export function beginLogs(): void {
  attributes = newScratch()
  zeros = allocate(8)
  fillBytes(zeros, 8, 0)
  queuedTime = allocate(8)
  letter = allocate(8)
}

/** In nanoseconds. */
export function setQueuedTime(timeLow: i32, timeHigh: i32): void {
  storeWord(queuedTime, timeLow)
  storeWord(queuedTime + 4, timeHigh)
}

export function appendLog(start: i32, end: i32): void {
  noteLog(start, end)
  if (bodyCount > 1) bodyAt = joinValues(start, end, bodyTag, bodyLength, logDepth + 1)
  let source = fromRecord
  let at = timeAt
  if (isZero(at)) {
    source = fromObserved
    at = observedAt
  }
  if (isZero(at)) {
    source = fromQueue
    at = queuedTime
  }
  const day = dayOf(loadWireWord(at), loadWireWord(at + 4))
  let block = findBlock(logsTable, day)
  if (block === 0) block = newLogBlock(day)
  appendNoted(block, at, source)
}

function isZero(at: i32): boolean {
  return (loadWireWord(at) | loadWireWord(at + 4)) === 0
}

function newLogBlock(day: i32): i32 {
  const block = allocate(blockBytes)
  addBlock(block, logsTable, day, newRows(logBytes))
  storeWord(block + attributesField, newAttributeMap())
  storeWord(block + traceIdsField, newStream())
  storeWord(block + spanIdsField, newStream())
  storeWord(block + severityTextsField, newDictionary())
  storeWord(block + bodiesField, newStream())
  storeWord(block + bodyTypesField, newDictionary())
  storeWord(block + bodyInnerTypesField, newDictionary())
  storeWord(block + eventNamesField, newDictionary())
  return block
}

function noteLog(start: i32, end: i32): void {
  moveTo(start)
  enterMessage(logDepth)
  clearNotes()
  while (position < end) {
    const tag = readTag()
    switch (tag) {
      case 9:
        timeAt = takeFixed64()
        break
      case 16:
        readVarint()
        severityNumber = low
        break
      case 26:
        severityTextAt = takeBytes(end)
        severityTextLength = low
        break
      case bodyTag:
        bodyAt = takeBytes(end)
        bodyLength += low
        bodyCount += 1
        break
      case 50: {
        const attribute = takeBytes(end)
        pushRange(attributes, attribute, position)
        break
      }
      case 56:
        readVarint()
        droppedAttributes = low
        break
      case 69:
        flagsAt = takeFixed32()
        break
      case 74:
        traceIdAt = takeBytes(end)
        traceIdLength = low
        break
      case 82:
        spanIdAt = takeBytes(end)
        spanIdLength = low
        break
      case 89:
        observedAt = takeFixed64()
        break
      case 98:
        eventNameAt = takeBytes(end)
        eventNameLength = low
        break
      default:
        skipField(tag, end, logDepth)
    }
  }
  leaveMessage(end)
}

function clearNotes(): void {
  clear(attributes)
  timeAt = zeros
  observedAt = zeros
  flagsAt = zeros
  severityNumber = 0
  severityTextLength = 0
  bodyAt = zeros
  bodyLength = 0
  bodyCount = 0
  traceIdLength = 0
  spanIdLength = 0
  eventNameLength = 0
  droppedAttributes = 0
}

function appendNoted(block: i32, at: i32, source: i32): void {
  const page = addRow(rowsOf(block))
  const row = newRow
  setFrom(page, row, timeCell, at)
  setByte(page, row, timeSourceCell, source)
  setFrom(page, row, observedTimeCell, observedAt)
  setWord(page, row, flagsCell, loadWireWord(flagsAt))
  setWord(page, row, severityNumberCell, severityNumber)
  setWord(page, row, droppedAttributesCell, droppedAttributes)
  const severity = keyOf(loadWord(block + severityTextsField), severityTextAt, severityTextLength)
  setWord(page, row, severityTextCell, severity)
  setWord(page, row, eventNameCell, keyOf(loadWord(block + eventNamesField), eventNameAt, eventNameLength))
  appendId(loadWord(block + traceIdsField), traceIdAt, traceIdLength, 16)
  appendId(loadWord(block + spanIdsField), spanIdAt, spanIdLength, 8)

  const map = loadWord(block + attributesField)
  setWord(page, row, attributeTypesCell, appendAttributes(map, attributes, logDepth + 1))
  setPair(page, row, attributesEndCell, entryCount(map), 0)
  appendBody(block, page, row)
}

/** An id of another length, or of zeros only, says that the record belongs to no trace. */
function appendId(ids: i32, at: i32, length: i32, expectedLength: i32): void {
  let bits: i32 = 0
  if (length === expectedLength)
    for (let index: i32 = 0; index < length; index += 4) bits |= loadWireWord(at + index)
  appendBytes(ids, at, bits === 0 ? 0 : length)
}

/** An absent body is read as a value of no bytes, which is an empty one. */
function appendBody(block: i32, page: i32, row: i32): void {
  readValue(bodyAt, bodyAt + bodyLength, logDepth + 1)
  appendText(loadWord(block + bodiesField), valueAt, valueLength)
  storeByte(letter, kind)
  setWord(page, row, bodyTypeCell, keyOf(loadWord(block + bodyTypesField), letter, 1))
  const innerTypes = keyOf(loadWord(block + bodyInnerTypesField), innerTypesAt, innerTypesLength)
  setWord(page, row, bodyInnerTypesCell, innerTypes)
}
