/**
 * Other forms of a protobuf message: fields in another order, twice, left out, unknown ones and groups among them, lists
 * unpacked, varints longer than they need to be, wire types that a field does not have. Most remain messages, some do not.
 */
import type { Descriptor, Field } from '#telemetry/otlp/descriptors.ts'
import { createWireReader, readTag, skipField } from '#telemetry/otlp/wire-reader.ts'
import { scalarCodecs } from '#telemetry/otlp/wire-scalars.ts'

type Below = (bound: number) => number

/** @param oddity one of so many fields is written in another way */
export const varyWire = (
  descriptor: Descriptor,
  bytes: Uint8Array,
  { below, oddity }: { below: Below; oddity: number },
): Uint8Array => {
  const isOdd = (): boolean => below(oddity) === 0
  const fields = fieldsOf(bytes).flatMap(({ tag, content }) => {
    const field = descriptor.fields.find(({ number }) => number === tag >>> 3)
    const inner =
      field?.message !== undefined && (tag & 7) === 2
        ? varyWire(field.message, content, { below, oddity })
        : content
    if (!isOdd()) return [written(tag, inner)]
    return oddForms[below(oddForms.length)]!({ tag, content: inner, field, below })
  })
  if (isOdd()) fields.reverse()
  if (isOdd()) fields.splice(below(fields.length + 1), 0, unknownFields[below(unknownFields.length)]!)
  return Buffer.concat(fields)
}

interface WireField {
  tag: number
  /** Without the length in front. */
  content: Uint8Array
}

const fieldsOf = (bytes: Uint8Array): WireField[] => {
  const reader = createWireReader(bytes, { subject: 'variant', messagesMax: 1 })
  const fields: WireField[] = []
  while (reader.position < bytes.length) {
    const tag = readTag(reader)
    const start = reader.position
    skipField(reader, tag, bytes.length, 10)
    const end = reader.position
    const lengthBytes = (tag & 7) === 2 ? bytes.subarray(start).findIndex((byte) => byte < 0x80) + 1 : 0
    fields.push({ tag, content: bytes.subarray(start + lengthBytes, end) })
  }
  return fields
}

const varint = (value: number, extraBytes = 0): number[] => {
  const septets: number[] = []
  for (let rest = value; rest > 0 || septets.length === 0; rest = Math.floor(rest / 128))
    septets.push(rest % 128)
  for (let count = 0; count < extraBytes; count++) septets.push(0)
  return septets.map((septet, index) => (index < septets.length - 1 ? septet | 0x80 : septet))
}

const written = (tag: number, content: Uint8Array, extra: { tag?: number; length?: number } = {}): Buffer =>
  Buffer.from([
    ...varint(tag, extra.tag),
    ...((tag & 7) === 2 ? varint(content.length, extra.length) : []),
    ...content,
  ])

type OddForm = (of: WireField & { field: Field | undefined; below: Below }) => Buffer[]

const oddForms: readonly OddForm[] = [
  ({ tag, content, below }) => [written(tag, content, { tag: 1 + below(9) })],
  ({ tag, content, below }) => [written(tag, content, { length: 1 + below(10) })],
  ({ tag, content }) => [written(tag, content), written(tag, content)],
  ({ tag, content }) => [written(tag, content), written(tag, new Uint8Array(content.length))],
  () => [],
  // Of no bytes, or of half of them: an id of another length, a time that is cut.
  ({ tag }) => [written(tag, new Uint8Array(0))],
  ({ tag, content }) => [written(tag, content.subarray(0, content.length >>> 1))],
  ({ tag, content, below }) => [written((tag & ~7) | below(8), content)],
  ({ tag, content }) => ((tag & 7) === 0 ? [written(tag, longVarint(content))] : [written(tag, content)]),
  ({ tag, content, field }) =>
    field === undefined ? [] : unpacked({ tag, content }, field, scalarSizeOf(field)),
  ({ tag, content, below }) => [written(tag, content), unknownFields[below(unknownFields.length)]!],
]

/** In as many bytes as a varint may have. */
const longVarint = (content: Uint8Array): Uint8Array => {
  if (content.length >= 10) return content
  return Uint8Array.from({ length: 10 }, (_, index) =>
    index < content.length ? content[index]! | 0x80 : index < 9 ? 0x80 : 0,
  )
}

const scalarSizeOf = (field: Field): number => {
  if (field.kind === 'message') return 0
  return { 1: 8, 5: 4 }[scalarCodecs[field.kind].wireType] ?? 0
}

const unpacked = ({ tag, content }: WireField, field: Field, size: number): Buffer[] => {
  if (field.presence !== 'repeated' || (tag & 7) !== 2 || size === 0) return [written(tag, content)]
  const one = (tag & ~7) | (size === 8 ? 1 : 5)
  return Array.from({ length: content.length / size }, (_, index) =>
    written(one, content.subarray(index * size, (index + 1) * size)),
  )
}

const group = (number: number, ...content: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(varint((number << 3) | 3)), ...content, Buffer.from(varint((number << 3) | 4))])
const nested = (depth: number): Buffer => (depth === 0 ? Buffer.alloc(0) : group(19, nested(depth - 1)))

const unknownFields: readonly Buffer[] = [
  written((30 << 3) | 0, Buffer.from([0xff, 0x01])),
  written((90 << 3) | 1, Buffer.alloc(8)),
  written((536_870_911 << 3) >>> 0, Buffer.from([7])),
  written((31 << 3) | 2, Buffer.from('unknown')),
  written((99 << 3) | 5, Buffer.alloc(4)),
  group(18, written((1 << 3) | 2, Buffer.from('in a group')), group(2)),
  nested(90),
  nested(97),
  nested(120),
  Buffer.from([0x00]),
  Buffer.from([0x0e, 0x01]),
  Buffer.from([0x0c]),
  Buffer.from([0x0b]),
]
