import { messageDepthMax } from '#telemetry/otlp/protobuf.ts'
import { failAt, readLength, readTag, skipField, type WireReader } from '#telemetry/otlp/wire-reader.ts'

/** Bytes of a record, `end` excluded. */
export interface Range {
  start: number
  end: number
}

/**
 * ResourceSpans, ScopeSpans and their like in logs and metrics have the same three fields: what they are of (a resource or
 * a scope), the items, and a schema URL.
 */
export interface Envelope {
  /** More than one where the sender repeats a field that is there once: protobuf merges them. */
  subjects: Range[]
  items: Range[]
  schemaUrl: Range
}

const subjectTag = 10
const itemTag = 18
const schemaUrlTag = 26

/** Ranges of the messages of one field of the request. */
export const readRequest = (reader: WireReader): Range[] => {
  const end = reader.bytes.length
  const ranges: Range[] = []
  reader.position = 0
  while (reader.position < end) {
    const tag = readTag(reader)
    if (tag === subjectTag) ranges.push(takeRange(reader, end))
    else skipField(reader, tag, end, messageDepthMax - 1)
  }
  if (reader.position > end) failAt(reader, 'field beyond the end of its message', end)
  return ranges
}

/** `depth` counts the messages that it lies in and itself. Items of a scope are left to the walk. */
export const readEnvelope = (
  reader: WireReader,
  { start, end }: Range,
  { depth, withItems }: { depth: number; withItems: boolean },
): Envelope => {
  const subjects: Range[] = []
  const items: Range[] = []
  let schemaUrl: Range = { start, end: start }
  reader.position = start
  while (reader.position < end) {
    const tag = readTag(reader)
    if (tag === itemTag && withItems) items.push(takeRange(reader, end))
    else if (tag === subjectTag) subjects.push(takeRange(reader, end))
    else if (tag === schemaUrlTag) schemaUrl = takeRange(reader, end)
    else skipField(reader, tag, end, messageDepthMax - depth)
  }
  if (reader.position > end) failAt(reader, 'field beyond the end of its message', end)
  return { subjects, items, schemaUrl }
}

const takeRange = (reader: WireReader, outerEnd: number): Range => {
  const length = readLength(reader, outerEnd)
  const start = reader.position
  reader.position = start + length
  return { start, end: start + length }
}
