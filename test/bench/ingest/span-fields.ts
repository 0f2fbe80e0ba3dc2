import {
  createWireReader,
  readLength,
  readTag,
  skipField,
  takeFixed,
  type WireReader,
  wireTypes,
} from '#telemetry/otlp/wire-reader.ts'

export interface SpanFields {
  spanCount: number
  traceIdsAt: number[]
  /** Ids of spans, of their parents and of the spans that they link to. */
  spanIdsAt: { at: number; traceIdAt: number }[]
  /** Starts, ends and times of events. */
  timesAt: number[]
}

const depthMax = 100

/** Finds where in an encoded trace export ids and times lie, so that they can be overwritten in place. */
export const findSpanFields = (bytes: Uint8Array): SpanFields => {
  const reader = createWireReader(bytes, { subject: 'traces', messagesMax: 0 })
  const found: SpanFields = { spanCount: 0, traceIdsAt: [], spanIdsAt: [], timesAt: [] }
  inMessages(reader, bytes.length, 1, (resourceSpansEnd) =>
    inMessages(reader, resourceSpansEnd, 2, (scopeSpansEnd) =>
      inMessages(reader, scopeSpansEnd, 2, (spanEnd) => {
        found.spanCount += 1
        findInSpan(reader, spanEnd, found)
      }),
    ),
  )
  return found
}

/** Enters every message under this field number, and passes over all else. */
const inMessages = (reader: WireReader, end: number, number: number, enter: (end: number) => void): void => {
  eachField(reader, end, (tag) => {
    if (tag !== ((number << 3) | wireTypes.lengthDelimited)) return false
    enter(readLength(reader, end) + reader.position)
    return true
  })
}

const findInSpan = (reader: WireReader, end: number, found: SpanFields): void => {
  let traceIdAt = 0
  eachField(reader, end, (tag) => {
    const number = tag >>> 3
    if (number === 1) {
      traceIdAt = takeId(reader, end)
      found.traceIdsAt.push(traceIdAt)
    } else if (number === 2 || number === 4) {
      const at = takeId(reader, end)
      if (at >= 0) found.spanIdsAt.push({ at, traceIdAt })
    } else if (number === 7 || number === 8) found.timesAt.push(takeFixed(reader, 8))
    else if (number === 11) findInEvent(reader, readLength(reader, end) + reader.position, found)
    else if (number === 13) findInSpanLink(reader, readLength(reader, end) + reader.position, found)
    else return false
    return true
  })
}

const findInEvent = (reader: WireReader, end: number, found: SpanFields): void =>
  eachField(reader, end, (tag) => {
    if (tag >>> 3 !== 1) return false
    found.timesAt.push(takeFixed(reader, 8))
    return true
  })

const findInSpanLink = (reader: WireReader, end: number, found: SpanFields): void => {
  let traceIdAt = 0
  eachField(reader, end, (tag) => {
    const number = tag >>> 3
    if (number === 1) {
      traceIdAt = takeId(reader, end)
      found.traceIdsAt.push(traceIdAt)
    } else if (number === 2) found.spanIdsAt.push({ at: takeId(reader, end), traceIdAt })
    else return false
    return true
  })
}

/** Where the id begins; -1 for none. */
const takeId = (reader: WireReader, end: number): number => {
  const length = readLength(reader, end)
  const at = reader.position
  reader.position += length
  return length === 0 ? -1 : at
}

const eachField = (reader: WireReader, end: number, take: (tag: number) => boolean): void => {
  while (reader.position < end) {
    const tag = readTag(reader)
    if (!take(tag)) skipField(reader, tag, end, depthMax)
  }
}
