/** Protobuf's wire format, read: primitives over one buffer. Messages and fields are protobuf.ts's business. */
import { OtlpDecodeError } from './decode-error.ts'

export interface WireReader {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** The same memory as `bytes`; only Buffer decodes UTF-8 from a range without making a view first. */
  readonly buffer: Buffer
  readonly subject: string
  position: number
  /** The last varint's halves. A result pair would allocate on the hottest path. */
  low: number
  high: number
  messagesLeft: number
}

export const wireTypes = {
  varint: 0,
  fixed64: 1,
  lengthDelimited: 2,
  groupStart: 3,
  groupEnd: 4,
  fixed32: 5,
} as const

export const createWireReader = (
  bytes: Uint8Array,
  options: { subject: string; messagesMax: number },
): WireReader => ({
  bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  buffer: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  subject: options.subject,
  position: 0,
  low: 0,
  high: 0,
  messagesLeft: options.messagesMax,
})

/** @throws OtlpDecodeError always */
export const failAt = (reader: WireReader, fault: string, position = reader.position): never => {
  throw new OtlpDecodeError(
    `cannot decode ${reader.subject} from ${reader.bytes.length} bytes: ${fault} at byte ${position}`,
  )
}

/**
 * Reads into `low` and `high`, both unsigned. Over-long forms up to ten bytes are legal and bits beyond the 64th are
 * dropped, as protobuf's own parsers do.
 */
export const readVarint = (reader: WireReader): void => {
  const { bytes } = reader
  const start = reader.position
  const first = bytes[start]
  if (first !== undefined && first < 0x80) {
    reader.position = start + 1
    reader.low = first
    reader.high = 0
    return
  }
  let low = 0
  let high = 0
  for (let index = 0; index < 10; index++) {
    const byte = bytes[start + index]
    if (byte === undefined) return failAt(reader, 'truncated varint', start)
    const bits = byte & 0x7f
    if (index < 4) low |= bits << (index * 7)
    else if (index === 4) {
      low |= bits << 28
      high = bits >>> 4
    } else high |= bits << (index * 7 - 32)
    if (byte < 0x80) {
      reader.position = start + index + 1
      reader.low = low >>> 0
      reader.high = high >>> 0
      return
    }
  }
  failAt(reader, 'varint longer than ten bytes', start)
}

/** The field's number and wire type in one number, as on the wire. */
export const readTag = (reader: WireReader): number => {
  const start = reader.position
  readVarint(reader)
  if (reader.high !== 0 || reader.low < 8) failAt(reader, 'invalid field number', start)
  return reader.low
}

/** The length of what follows, which lies within `end`. */
export const readLength = (reader: WireReader, end: number): number => {
  const start = reader.position
  readVarint(reader)
  if (reader.high !== 0 || reader.low > end - reader.position) failAt(reader, 'length beyond the end', start)
  return reader.low
}

/** Moves past a fixed-size value and returns where it starts. */
export const takeFixed = (reader: WireReader, size: number): number => {
  const start = reader.position
  if (start + size > reader.bytes.length) failAt(reader, 'truncated fixed-size value', start)
  reader.position = start + size
  return start
}

/** @throws OtlpDecodeError for groups nested deeper than `depthMax` */
export const skipField = (reader: WireReader, tag: number, end: number, depthMax: number): void => {
  const start = reader.position
  switch (tag & 7) {
    case wireTypes.varint:
      return readVarint(reader)
    case wireTypes.fixed64:
      takeFixed(reader, 8)
      return
    case wireTypes.lengthDelimited: {
      const length = readLength(reader, end)
      reader.position += length
      return
    }
    case wireTypes.groupStart:
      return skipGroup(reader, tag >>> 3, end, depthMax)
    case wireTypes.groupEnd:
      return failAt(reader, 'end of a group that was not begun', start)
    case wireTypes.fixed32:
      takeFixed(reader, 4)
      return
    default:
      failAt(reader, `unknown wire type ${tag & 7}`, start)
  }
}

const skipGroup = (reader: WireReader, number: number, end: number, depthMax: number): void => {
  if (depthMax <= 0) failAt(reader, 'groups nested too deep')
  while (reader.position < end) {
    const tag = readTag(reader)
    if ((tag & 7) !== wireTypes.groupEnd) {
      skipField(reader, tag, end, depthMax - 1)
      continue
    }
    if (tag >>> 3 !== number) failAt(reader, 'end of another group')
    return
  }
  failAt(reader, 'group without an end')
}
