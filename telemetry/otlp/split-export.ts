/** Cuts an export request into smaller ones between spans, log records or data points: on the wire, nothing is decoded. */
import { type Descriptor, exportRequestDescriptors } from './descriptors.ts'
import { lengthPrefix, lengthPrefixBytes } from './length-delimited.ts'
import type { Signal } from './messages.ts'
import { messageDepthMax, messagesPerRequestMax } from './protobuf.ts'
import {
  createWireReader,
  failAt,
  readLength,
  readTag,
  skipField,
  type WireReader,
  wireTypes,
} from './wire-reader.ts'

export interface SplitExport {
  /** Export requests themselves, in the order of what they hold. */
  parts: Uint8Array[]
  /** What is in no part. `largestBytes` is what the largest of it takes as a request of its own, with what is around it. */
  oversized: { count: number; largestBytes: number }
}

/**
 * What is repeated grows a request: a large resource and tiny items, each in a part of its own, would fill any memory. Once
 * the parts are this many times as large as the request, no other one begins. It is never reached as long as resource,
 * scope and metric take less than half of a part.
 */
const growthMax = 4

/**
 * A request of at most `bytesMax` comes back as it is. Of a larger one each part takes as much as it can hold, in order, and
 * repeats the resource, the scope and the metric's own fields where it begins in the middle of them, unknown fields
 * included. Equal requests are cut into equal parts.
 *
 * An item that no part can hold is left out; so is a resource, scope or metric without items, and counts as one. A metric
 * with more than one kind on the wire is not cut: of kinds the last one holds, and pieces of one are merged.
 *
 * What is taken as a whole is not looked into, so malformed bytes inside of it go on as they came.
 *
 * @throws OtlpDecodeError for bytes that the decoder would refuse, where they are looked at
 */
export const splitExport = (signal: Signal, payload: Uint8Array, bytesMax: number): SplitExport => {
  const oversized = { count: 0, largestBytes: 0 }
  if (payload.length <= bytesMax) return { parts: [payload], oversized }
  const split: Split = {
    reader: createWireReader(payload, { subject: signal, messagesMax: messagesPerRequestMax }),
    bytesMax,
    parts: [],
    partsBytes: 0,
    oversized,
    path: [],
    openCount: 0,
    pieces: [],
  }
  place(split, requestLevels[signal], { tag: 0, start: 0, contentStart: 0, end: payload.length })
  return { parts: split.parts, oversized }
}

/** What a message has to be cut between, by tag. Everything else in it is its header. Items have none. */
interface Level {
  members: ReadonlyMap<number, Level>
  isOneof: boolean
  depth: number
}

const levelOf = (descriptor: Descriptor, depth = 1): Level => {
  const members = new Map<number, Level>()
  for (const { number, message } of descriptor.fields) {
    if (message === undefined || message.role === 'part') continue
    members.set((number << 3) | wireTypes.lengthDelimited, levelOf(message, depth + 1))
  }
  return { members, isOneof: descriptor.oneofNames.length > 0, depth }
}

const requestLevels: Readonly<Record<Signal, Level>> = {
  traces: levelOf(exportRequestDescriptors.traces),
  logs: levelOf(exportRequestDescriptors.logs),
  metrics: levelOf(exportRequestDescriptors.metrics),
}

interface Field {
  tag: number
  start: number
  contentStart: number
  end: number
}

interface Container {
  fieldNumber: number
  /** Where its own fields lie: starts and ends by turns. */
  header: readonly number[]
  headerBytes: number
  /** What the open part has of it, without the prefix, which is known when it is closed. */
  bytes: number
  prefixAt: number
}

interface Split {
  readonly reader: WireReader
  readonly bytesMax: number
  readonly parts: Uint8Array[]
  partsBytes: number
  readonly oversized: SplitExport['oversized']
  /** Around what is being placed, from the request on. */
  readonly path: Container[]
  /** As many of the path have been begun in the open part; while it is 0 there is none. */
  openCount: number
  /** The open part: where its bytes lie in the request, starts and ends by turns. A negative start is a prefix. */
  pieces: number[]
}

/** Into the open part as a whole if it fits, else what is in it one by one, else into the next part. */
const place = (split: Split, level: Level, field: Field): void => {
  const { path } = split
  const byteCount = field.end - field.start
  if (partBytesWith(split, byteCount, split.openCount) <= split.bytesMax) return take(split, field)
  const container = containerOf(split, level, field)
  if (container === undefined) return placeInNextPart(split, level, field)
  path.push(container)
  for (const member of fieldsOf(split, level, field)) {
    const levelBelow = level.members.get(member.tag)
    if (levelBelow !== undefined) place(split, levelBelow, member)
  }
  closeTo(split, path.length - 1)
  path.pop()
}

const placeInNextPart = (split: Split, level: Level, field: Field): void => {
  const { oversized } = split
  const partBytes = partBytesWith(split, field.end - field.start, 0)
  if (partBytes <= split.bytesMax && split.partsBytes <= split.reader.bytes.length * growthMax) {
    closeTo(split, 0)
    take(split, field)
  } else {
    oversized.count += countItems(split, level, field)
    oversized.largestBytes = Math.max(oversized.largestBytes, partBytes)
  }
}

/** How large a part gets by so many bytes inside all of the path, of which it has as many open already. */
const partBytesWith = ({ path }: Split, byteCount: number, openCount: number): number => {
  let total = byteCount
  for (let index = path.length - 1; index >= 0; index--) {
    const { fieldNumber, bytes, headerBytes } = path[index]!
    total += index < openCount ? bytes : headerBytes
    if (index > 0) total += lengthPrefixBytes(fieldNumber, total)
  }
  return total
}

/** Undefined for what is not cut. */
const containerOf = (split: Split, level: Level, field: Field): Container | undefined => {
  const header: number[] = []
  let headerBytes = 0
  let memberCount = 0
  for (const { tag, start, end } of level.members.size === 0 ? [] : fieldsOf(split, level, field)) {
    if (level.members.has(tag)) memberCount++
    else {
      pushPiece(header, start, end)
      headerBytes += end - start
    }
  }
  if (memberCount === 0 || (level.isOneof && memberCount > 1)) return undefined
  return { fieldNumber: field.tag >>> 3, header, headerBytes, bytes: 0, prefixAt: 0 }
}

/** Of what is not cut. Of a metric of several kinds the last one's points count, all that come after another kind. */
const countItems = (split: Split, level: Level, field: Field): number => {
  let count = 0
  let lastTag = 0
  for (const kind of level.isOneof ? fieldsOf(split, level, field) : []) {
    const levelBelow = level.members.get(kind.tag)
    if (levelBelow === undefined) continue
    if (kind.tag !== lastTag) count = 0
    lastTag = kind.tag
    for (const { tag } of fieldsOf(split, levelBelow, kind)) if (levelBelow.members.has(tag)) count++
  }
  return Math.max(1, count)
}

const fieldsOf = function* ({ reader }: Split, { depth }: Level, within: Field): Generator<Field> {
  const { end } = within
  let start = within.contentStart
  while (start < end) {
    reader.position = start
    const tag = readTag(reader)
    const isDelimited = (tag & 7) === wireTypes.lengthDelimited
    const length = isDelimited ? readLength(reader, end) : 0
    const contentStart = reader.position
    if (isDelimited) reader.position += length
    else skipField(reader, tag, end, messageDepthMax - depth)
    if (reader.position > end) failAt(reader, 'field beyond the end of its message', end)
    const field = { tag, start, contentStart, end: reader.position }
    start = field.end
    yield field
  }
}

/** Begins in the open part whatever of the path is not there. */
const take = (split: Split, { start, end }: Field): void => {
  const { path, pieces } = split
  for (; split.openCount < path.length; split.openCount++) {
    const container = path[split.openCount]!
    const { header } = container
    container.bytes = container.headerBytes
    container.prefixAt = pieces.length
    if (split.openCount > 0) pieces.push(-1, -1)
    for (let index = 0; index < header.length; index += 2)
      pushPiece(pieces, header[index]!, header[index + 1]!)
  }
  pushPiece(pieces, start, end)
  path[path.length - 1]!.bytes += end - start
}

/** What lies together in the request is one piece. */
const pushPiece = (pieces: number[], start: number, end: number): void => {
  if (pieces[pieces.length - 1] === start) pieces[pieces.length - 1] = end
  else pieces.push(start, end)
}

/** Until as many of the path are open; the part itself ends with the request. */
const closeTo = (split: Split, openCount: number): void => {
  const { path, pieces } = split
  while (split.openCount > openCount) {
    const index = --split.openCount
    const { fieldNumber, bytes, prefixAt } = path[index]!
    if (index === 0) finishPart(split, bytes)
    else {
      pieces[prefixAt] = -fieldNumber
      pieces[prefixAt + 1] = bytes
      path[index - 1]!.bytes += lengthPrefixBytes(fieldNumber, bytes) + bytes
    }
  }
}

const finishPart = (split: Split, byteCount: number): void => {
  const { reader, pieces } = split
  const part = Buffer.allocUnsafe(byteCount)
  let at = 0
  for (let index = 0; index < pieces.length; index += 2) {
    const start = pieces[index]!
    const end = pieces[index + 1]!
    at += start < 0 ? lengthPrefix(-start, end).copy(part, at) : reader.buffer.copy(part, at, start, end)
  }
  split.parts.push(part)
  split.partsBytes += byteCount
  split.pieces = []
}
