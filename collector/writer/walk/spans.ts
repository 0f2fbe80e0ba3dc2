/** Spans: from the wire into the cells and streams of the table `spans`. */
import {
  appendAttribute,
  appendAttributes,
  beginAttributes,
  endAttributes,
  entryCount,
  newAttributeMap,
} from './attributes.ts'
import { addBlock, blockHeaderBytes, dayOf, findBlock, rowsOf, spansTable } from './blocks.ts'
import { keyOf, newDictionary } from './dictionary.ts'
import * as faults from './faults.ts'
import { fail, readThreshold } from './host.ts'
import {
  allocate,
  copyBytes,
  fillBytes,
  isBelow,
  loadByte,
  loadWireWord,
  loadWord,
  storeWord,
} from './memory.ts'
import { addRow, cellAt, newRow, newRows, rowCount, setByte, setFrom, setPair, setWord } from './rows.ts'
import { clear, newScratch, pushRange, rangeCount, rangeEnd, rangeStart } from './scratch.ts'
import { appendBytes, appendText, newStream } from './stream.ts'
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
export const traceIdCell: i32 = 0
export const spanIdsCell: i32 = traceIdCell + 16
export const startCell: i32 = spanIdsCell + 16
export const durationCell: i32 = startCell + 8
export const thresholdCell: i32 = durationCell + 8
export const attributesEndCell: i32 = thresholdCell + 8
export const eventsEndCell: i32 = attributesEndCell + 8
export const linksEndCell: i32 = eventsEndCell + 8
export const attributeTypesCell: i32 = linksEndCell + 8
export const nameCell: i32 = attributeTypesCell + 4
export const kindCell: i32 = nameCell + 4
export const statusCodeCell: i32 = kindCell + 4
export const flagsCell: i32 = statusCodeCell + 4
export const droppedAttributesCell: i32 = flagsCell + 4
export const droppedEventsCell: i32 = droppedAttributesCell + 4
export const droppedLinksCell: i32 = droppedEventsCell + 4
export const isOpenCell: i32 = droppedLinksCell + 4
const spanBytes: i32 = isOpenCell + 1

export const eventTimeCell: i32 = 0
export const eventAttributesEndCell: i32 = eventTimeCell + 8
export const eventNameCell: i32 = eventAttributesEndCell + 8
export const eventAttributeTypesCell: i32 = eventNameCell + 4
export const eventDroppedCell: i32 = eventAttributeTypesCell + 4
const eventBytes: i32 = eventDroppedCell + 4

export const linkAttributesEndCell: i32 = 0
export const linkAttributeTypesCell: i32 = linkAttributesEndCell + 8
export const linkDroppedCell: i32 = linkAttributeTypesCell + 4
export const linkFlagsCell: i32 = linkDroppedCell + 4
const linkBytes: i32 = linkFlagsCell + 4

/** What a block of spans has behind its header. */
export const attributesField: i32 = blockHeaderBytes
export const namesField: i32 = attributesField + 4
export const traceStatesField: i32 = namesField + 4
export const statusMessagesField: i32 = traceStatesField + 4
export const eventRowsField: i32 = statusMessagesField + 4
export const eventNamesField: i32 = eventRowsField + 4
export const eventAttributesField: i32 = eventNamesField + 4
export const linkRowsField: i32 = eventAttributesField + 4
export const linkTraceIdsField: i32 = linkRowsField + 4
export const linkSpanIdsField: i32 = linkTraceIdsField + 4
export const linkTraceStatesField: i32 = linkSpanIdsField + 4
export const linkAttributesField: i32 = linkTraceStatesField + 4
const blockBytes: i32 = linkAttributesField + 4

function newSpanBlock(day: i32): i32 {
  const block = allocate(blockBytes)
  addBlock(block, spansTable, day, newRows(spanBytes))
  storeWord(block + attributesField, newAttributeMap())
  storeWord(block + namesField, newDictionary())
  storeWord(block + traceStatesField, newStream())
  storeWord(block + statusMessagesField, newStream())
  storeWord(block + eventRowsField, newRows(eventBytes))
  storeWord(block + eventNamesField, newDictionary())
  storeWord(block + eventAttributesField, newAttributeMap())
  storeWord(block + linkRowsField, newRows(linkBytes))
  storeWord(block + linkTraceIdsField, newStream())
  storeWord(block + linkSpanIdsField, newStream())
  storeWord(block + linkTraceStatesField, newStream())
  storeWord(block + linkAttributesField, newAttributeMap())
  return block
}

/** Messages above a span: the request, ResourceSpans, ScopeSpans. */
const spanDepth: i32 = 4

/** What the first look at a span notes. Its day is known only when all of it was seen, and with it its block. */
let attributes: i32 = 0
let events: i32 = 0
let links: i32 = 0
let traceIdAt: i32 = 0
let traceIdLength: i32 = 0
let spanIdAt: i32 = 0
let spanIdLength: i32 = 0
let parentIdAt: i32 = 0
let parentIdLength: i32 = 0
let traceStateAt: i32 = 0
let traceStateLength: i32 = 0
let nameAt: i32 = 0
let nameLength: i32 = 0
let messageAt: i32 = 0
let messageLength: i32 = 0
let startAt: i32 = 0
let endAt: i32 = 0
let flagsAt: i32 = 0
let kind: i32 = 0
let statusCode: i32 = 0
let droppedAttributes: i32 = 0
let droppedEvents: i32 = 0
let droppedLinks: i32 = 0
/** Eight bytes that stand for an absent fixed-size value. */
let zeros: i32 = 0

export function beginSpans(): void {
  attributes = newScratch()
  events = newScratch()
  links = newScratch()
  zeros = allocate(16)
  fillBytes(zeros, 16, 0)
}

export function appendSpan(start: i32, end: i32): void {
  noteSpan(start, end)
  if (traceIdLength !== 16 || spanIdLength !== 8 || (parentIdLength !== 8 && parentIdLength !== 0))
    fail(faults.wrongIdLength, start)
  const day = dayOf(loadWireWord(startAt), loadWireWord(startAt + 4))
  let block = findBlock(spansTable, day)
  if (block === 0) block = newSpanBlock(day)
  appendNoted(block)
}

function noteSpan(start: i32, end: i32): void {
  moveTo(start)
  enterMessage(spanDepth)
  clearNotes()
  while (position < end) {
    const tag = readTag()
    switch (tag) {
      case 10:
        traceIdAt = takeBytes(end)
        traceIdLength = low
        break
      case 18:
        spanIdAt = takeBytes(end)
        spanIdLength = low
        break
      case 26:
        traceStateAt = takeBytes(end)
        traceStateLength = low
        break
      case 34:
        parentIdAt = takeBytes(end)
        parentIdLength = low
        break
      case 42:
        nameAt = takeBytes(end)
        nameLength = low
        break
      case 48:
        readVarint()
        kind = low
        break
      case 57:
        startAt = takeFixed64()
        break
      case 65:
        endAt = takeFixed64()
        break
      case 74:
        noteRange(attributes, end)
        break
      case 80:
        readVarint()
        droppedAttributes = low
        break
      case 90:
        noteRange(events, end)
        break
      case 96:
        readVarint()
        droppedEvents = low
        break
      case 106:
        noteRange(links, end)
        break
      case 112:
        readVarint()
        droppedLinks = low
        break
      case 122:
        noteStatus(end)
        break
      case 133:
        flagsAt = takeFixed32()
        break
      default:
        skipField(tag, end, spanDepth)
    }
  }
  leaveMessage(end)
}

function clearNotes(): void {
  clear(attributes)
  clear(events)
  clear(links)
  traceIdLength = 0
  spanIdLength = 0
  parentIdLength = 0
  traceStateLength = 0
  nameLength = 0
  messageLength = 0
  startAt = zeros
  endAt = zeros
  flagsAt = zeros
  kind = 0
  statusCode = 0
  droppedAttributes = 0
  droppedEvents = 0
  droppedLinks = 0
}

function noteRange(ranges: i32, end: i32): void {
  const start = takeBytes(end)
  pushRange(ranges, start, position)
}

/** A further status adds to what the one before it said. */
function noteStatus(outerEnd: i32): void {
  const start = takeBytes(outerEnd)
  const end = position
  moveTo(start)
  enterMessage(spanDepth + 1)
  while (position < end) {
    const tag = readTag()
    if (tag === 18) {
      messageAt = takeBytes(end)
      messageLength = low
    } else if (tag === 24) {
      readVarint()
      statusCode = low
    } else skipField(tag, end, spanDepth + 1)
  }
  leaveMessage(end)
}

function appendNoted(block: i32): void {
  const page = addRow(rowsOf(block))
  const row = newRow
  copyBytes(cellAt(page, row, traceIdCell, 16), traceIdAt, 16)
  const ids = cellAt(page, row, spanIdsCell, 16)
  copyBytes(ids, spanIdAt, 8)
  copyBytes(ids + 8, parentIdLength === 0 ? zeros : parentIdAt, 8)
  setTimes(page, row)
  setWord(page, row, nameCell, keyOf(loadWord(block + namesField), nameAt, nameLength))
  setWord(page, row, kindCell, kind)
  setWord(page, row, statusCodeCell, statusCode)
  setWord(page, row, flagsCell, loadWireWord(flagsAt))
  setWord(page, row, droppedAttributesCell, droppedAttributes)
  setWord(page, row, droppedEventsCell, droppedEvents)
  setWord(page, row, droppedLinksCell, droppedLinks)
  appendText(loadWord(block + statusMessagesField), messageAt, messageLength)
  appendText(loadWord(block + traceStatesField), traceStateAt, traceStateLength)
  setThreshold(page, row)

  const map = loadWord(block + attributesField)
  setWord(page, row, attributeTypesCell, appendAttributes(map, attributes, spanDepth + 1))
  setPair(page, row, attributesEndCell, entryCount(map), 0)

  const eventCount = rangeCount(events)
  for (let index: i32 = 0; index < eventCount; index++)
    appendEvent(block, rangeStart(events, index), rangeEnd(events, index))
  setPair(page, row, eventsEndCell, rowCount(loadWord(block + eventRowsField)), 0)

  const linkCount = rangeCount(links)
  for (let index: i32 = 0; index < linkCount; index++)
    appendLink(block, rangeStart(links, index), rangeEnd(links, index))
  setPair(page, row, linksEndCell, rowCount(loadWord(block + linkRowsField)), 0)
}

/** A span without an end is open and has no duration; one that ends before it starts has a negative one. */
function setTimes(page: i32, row: i32): void {
  const startLow = loadWireWord(startAt)
  const startHigh = loadWireWord(startAt + 4)
  const endLow = loadWireWord(endAt)
  const endHigh = loadWireWord(endAt + 4)
  const isOpen = (endLow | endHigh) === 0
  const isBorrowed = isBelow(endLow, startLow)
  const durationLow = (endLow - startLow) | 0
  const durationHigh = (endHigh - startHigh - (isBorrowed ? 1 : 0)) | 0
  // The start is below 2^63, so only an end beyond it can be too far away.
  if (endHigh < 0 && durationHigh < 0) fail(faults.timeOutOfRange, endAt)
  setPair(page, row, startCell, startLow, startHigh)
  setPair(page, row, durationCell, isOpen ? 0 : durationLow, isOpen ? 0 : durationHigh)
  setByte(page, row, isOpenCell, isOpen ? 1 : 0)
}

function setThreshold(page: i32, row: i32): void {
  if (traceStateLength === 0) setPair(page, row, thresholdCell, 0, 0)
  else if (!setUsualThreshold(page, row))
    setFrom(page, row, thresholdCell, readThreshold(traceStateAt, traceStateLength))
}

/** `ot=th:` and up to 14 hex digits of a fraction. False for trace states that say more, or something else. */
function setUsualThreshold(page: i32, row: i32): boolean {
  const digitCount = traceStateLength - 6
  if (digitCount < 1 || digitCount > 14) return false
  if (loadWireWord(traceStateAt) !== 0x743d746f || loadWireWord(traceStateAt + 2) !== 0x3a68743d) return false
  let thresholdLow: i32 = 0
  let thresholdHigh: i32 = 0
  for (let index: i32 = 0; index < digitCount; index++) {
    const digit = hexDigit(loadByte(traceStateAt + 6 + index))
    if (digit < 0) return false
    if (index < 6) thresholdHigh |= digit << ((5 - index) << 2)
    else thresholdLow |= digit << ((13 - index) << 2)
  }
  setPair(page, row, thresholdCell, thresholdLow, thresholdHigh)
  return true
}

/** -1 where it is none; upper case is none here. */
function hexDigit(byte: i32): i32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  return byte >= 0x61 && byte <= 0x66 ? byte - 0x57 : -1
}

function appendEvent(block: i32, start: i32, end: i32): void {
  const depth = spanDepth + 1
  const map = loadWord(block + eventAttributesField)
  let timeAt = zeros
  let eventNameAt: i32 = 0
  let eventNameLength: i32 = 0
  let dropped: i32 = 0
  moveTo(start)
  enterMessage(depth)
  beginAttributes()
  while (position < end) {
    const tag = readTag()
    if (tag === 9) timeAt = takeFixed64()
    else if (tag === 18) {
      eventNameAt = takeBytes(end)
      eventNameLength = low
    } else if (tag === 26) {
      const attribute = takeBytes(end)
      appendAttribute(map, attribute, position, depth + 1)
    } else if (tag === 32) {
      readVarint()
      dropped = low
    } else skipField(tag, end, depth)
  }
  leaveMessage(end)
  const types = endAttributes(map)
  const page = addRow(loadWord(block + eventRowsField))
  setFrom(page, newRow, eventTimeCell, timeAt)
  setWord(page, newRow, eventNameCell, keyOf(loadWord(block + eventNamesField), eventNameAt, eventNameLength))
  setPair(page, newRow, eventAttributesEndCell, entryCount(map), 0)
  setWord(page, newRow, eventAttributeTypesCell, types)
  setWord(page, newRow, eventDroppedCell, dropped)
}

function appendLink(block: i32, start: i32, end: i32): void {
  const depth = spanDepth + 1
  const map = loadWord(block + linkAttributesField)
  let traceAt: i32 = 0
  let traceLength: i32 = 0
  let idAt: i32 = 0
  let idLength: i32 = 0
  let stateAt: i32 = 0
  let stateLength: i32 = 0
  let dropped: i32 = 0
  let linkFlagsAt = zeros
  moveTo(start)
  enterMessage(depth)
  beginAttributes()
  while (position < end) {
    const tag = readTag()
    switch (tag) {
      case 10:
        traceAt = takeBytes(end)
        traceLength = low
        break
      case 18:
        idAt = takeBytes(end)
        idLength = low
        break
      case 26:
        stateAt = takeBytes(end)
        stateLength = low
        break
      case 34: {
        const attribute = takeBytes(end)
        appendAttribute(map, attribute, position, depth + 1)
        break
      }
      case 40:
        readVarint()
        dropped = low
        break
      case 53:
        linkFlagsAt = takeFixed32()
        break
      default:
        skipField(tag, end, depth)
    }
  }
  leaveMessage(end)
  const types = endAttributes(map)
  appendBytes(loadWord(block + linkTraceIdsField), traceAt, traceLength)
  appendBytes(loadWord(block + linkSpanIdsField), idAt, idLength)
  appendText(loadWord(block + linkTraceStatesField), stateAt, stateLength)
  const page = addRow(loadWord(block + linkRowsField))
  setPair(page, newRow, linkAttributesEndCell, entryCount(map), 0)
  setWord(page, newRow, linkAttributeTypesCell, types)
  setWord(page, newRow, linkDroppedCell, dropped)
  setWord(page, newRow, linkFlagsCell, loadWireWord(linkFlagsAt))
}
