/**
 * Other bytes for a protobuf message. Lawful forms say nothing else: fields in another order, unknown fields and groups among
 * them, varints longer than they need to be, lists unpacked or in several packs, a message in pieces. Odd ones come twice,
 * are left out or cut, or have a wire type that the field does not have: most remain messages, some do not. Broken bytes
 * seldom do.
 */
import type { Descriptor, Field } from '#telemetry/otlp/descriptors.ts'
import { createWireReader, readTag, skipField } from '#telemetry/otlp/wire-reader.ts'
import { scalarCodecs } from '#telemetry/otlp/wire-scalars.ts'

/** Below a bound, as a seeded source gives them. */
type Below = (bound: number) => number

interface Variation {
  below: Below
  /** One of so many fields is written in another form, and so many messages have others between their fields. */
  oddity: number
  forms: 'lawful' | 'any'
}

export const varyWire = (descriptor: Descriptor, bytes: Uint8Array, variation: Variation): Buffer =>
  Buffer.concat(varyFields(descriptor, bytes, variation))

/** One to four bytes changed, left out, put in or doubled. */
export const breakWire = (bytes: Buffer, below: Below): Buffer => {
  let broken = Buffer.from(bytes)
  for (let count = 1 + below(4); count > 0; count--) {
    const at = below(broken.length + 1)
    const rest = broken.subarray(at)
    const act = below(5)
    if (act === 0) broken = Buffer.concat([broken.subarray(0, at), rest.subarray(1 + below(3))])
    else if (act === 1) broken = Buffer.concat([broken.subarray(0, at), Buffer.from([below(256)]), rest])
    else if (act === 2) broken = Buffer.concat([broken.subarray(0, at), rest.subarray(0, below(40)), rest])
    else if (act === 3) broken = Buffer.from(broken.subarray(0, at === 0 ? broken.length : at))
    else if (at < broken.length)
      broken[at] = below(2) === 0 ? below(256) : (broken[at] ?? 0) ^ (1 << below(8))
  }
  return broken
}

/** The fields of the message, each in one piece or several. */
const varyFields = (descriptor: Descriptor, bytes: Uint8Array, variation: Variation): Buffer[] => {
  const { below, oddity, forms } = variation
  const isOdd = (): boolean => below(oddity) === 0
  const varied = fieldsOf(bytes).flatMap(({ tag, content }) => {
    const field = descriptor.fields.find(({ number }) => number === tag >>> 3)
    const message = isDelimited(tag) ? field?.message : undefined
    const parts = message === undefined ? [content] : varyFields(message, content, variation)
    const whole: VariedField = { tag, field, parts, content: Buffer.concat(parts) }
    if (!isOdd()) return [written(tag, whole.content)]
    const choice = forms === 'any' && below(2) === 0 ? oddForms : lawfulFormsOf(whole)
    return choice[below(choice.length)]!(whole, below)
  })
  if (isOdd()) varied.splice(below(varied.length + 1), 0, unknownField(below))
  if (forms === 'any' && isOdd()) varied.splice(below(varied.length + 1), 0, oddField(below))
  if (isOdd()) reorder(varied, below)
  return varied
}

/** A few neighbours change places, or all: of what comes twice, the last may then be another. */
const reorder = (fields: Buffer[], below: Below): void => {
  if (below(4) === 0) fields.reverse()
  for (let turn = below(fields.length + 1); turn > 0; turn--) {
    const at = below(fields.length - 1 || 1)
    const [left, right] = [fields[at], fields[at + 1]]
    if (left !== undefined && right !== undefined) [fields[at], fields[at + 1]] = [right, left]
  }
}

interface WireField {
  tag: number
  /** Without the length in front. */
  content: Buffer
}

interface VariedField extends WireField {
  /** Undefined for one that no descriptor has. */
  field: Field | undefined
  /** The fields of a message. */
  parts: readonly Uint8Array[]
}

const fieldsOf = (bytes: Uint8Array): WireField[] => {
  const reader = createWireReader(bytes, { subject: 'variant', messagesMax: 1 })
  const fields: WireField[] = []
  while (reader.position < bytes.length) {
    const tag = readTag(reader)
    const start = reader.position
    skipField(reader, tag, bytes.length, 10)
    const lengthBytes = isDelimited(tag) ? bytes.subarray(start).findIndex((byte) => byte < 0x80) + 1 : 0
    fields.push({ tag, content: Buffer.from(bytes.subarray(start + lengthBytes, reader.position)) })
  }
  return fields
}

const isDelimited = (tag: number): boolean => (tag & 7) === 2
const tagOf = (number: number, wireType: number): number => number * 8 + wireType

const varintBytesMax = 10

/** @param spareBytes that it is longer than it needs to be */
const varint = (value: number, spareBytes = 0): Buffer => {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return lengthen(Buffer.from([...bytes, rest]), spareBytes)
}

const lengthen = (value: Buffer, spareBytes: number): Buffer => {
  if (spareBytes <= 0) return value
  const longer = Buffer.concat([value, Buffer.alloc(spareBytes, 0x80)])
  longer[value.length - 1] = value[value.length - 1]! | 0x80
  longer[longer.length - 1] = 0
  return longer
}

const written = (tag: number, content: Uint8Array, spare: { tag?: number; length?: number } = {}): Buffer =>
  Buffer.concat([
    varint(tag, spare.tag),
    ...(isDelimited(tag) ? [varint(content.length, spare.length)] : []),
    content,
  ])

type Form = (field: VariedField, below: Below) => Buffer[]

/** Those that there are for a field. */
const lawfulFormsOf = ({ tag, field }: VariedField): readonly Form[] => {
  const isMessage = field?.message !== undefined
  const isPacked = isDelimited(tag) && field?.presence === 'repeated' && elementTypeOf(field) !== undefined
  return [
    ({ content }, below) => [written(tag, content, { tag: 1 + below(varintBytesMax - 5) })],
    ...(isDelimited(tag) ? [withLongLength] : []),
    ...((tag & 7) === 0 ? [withLongValue] : []),
    ...(isPacked ? [unpacked, inPacks] : []),
    ...(isMessage && isDelimited(tag) && field.presence !== 'repeated' ? [inPieces] : []),
  ]
}

const withLongLength: Form = ({ tag, content }, below) => [
  written(tag, content, { length: 1 + below(varintBytesMax - 5) }),
]

/** In up to as many bytes as a varint may have. */
const withLongValue: Form = ({ tag, content }, below) => {
  const spareBytes = varintBytesMax - content.length
  return [written(tag, lengthen(content, spareBytes === 0 ? 0 : 1 + below(spareBytes)))]
}

const unpacked: Form = ({ field, content }) => {
  const wireType = elementTypeOf(field) ?? 0
  return elementsOf(content, wireType).map((element) => written(tagOf(field!.number, wireType), element))
}

/** Each element in a pack of its own, or without one. */
const inPacks: Form = ({ tag, field, content }, below) => {
  const wireType = elementTypeOf(field) ?? 0
  return elementsOf(content, wireType).map((element) =>
    written(below(2) === 0 ? tag : tagOf(field!.number, wireType), element),
  )
}

/** Which are merged again. */
const inPieces: Form = ({ tag, parts }, below) => {
  const cut = below(parts.length + 1)
  return [parts.slice(0, cut), parts.slice(cut)].map((piece) => written(tag, Buffer.concat(piece)))
}

/** The wire type of what a list holds when it is not packed; undefined for what is never packed. */
const elementTypeOf = (field: Field | undefined): number | undefined => {
  if (field === undefined || field.kind === 'message') return undefined
  const { wireType } = scalarCodecs[field.kind]
  return wireType === 2 ? undefined : wireType
}

const elementsOf = (pack: Buffer, wireType: number): Buffer[] => {
  const elements: Buffer[] = []
  for (let at = 0; at < pack.length;) {
    let end = at + (wireType === 1 ? 8 : 4)
    if (wireType === 0) for (end = at + 1; (pack[end - 1] ?? 0) >= 0x80;) end += 1
    elements.push(pack.subarray(at, end))
    at = end
  }
  return elements
}

const oddForms: readonly Form[] = [
  // A tag or a length of too many bytes.
  ({ tag, content }, below) => [written(tag, content, { tag: varintBytesMax - below(2) })],
  ({ tag, content }, below) => [written(tag, content, { length: varintBytesMax - below(2) })],
  ({ tag, content }) => [written(tag, content), written(tag, content)],
  ({ tag, content }) => [written(tag, content), written(tag, Buffer.alloc(content.length))],
  () => [],
  // Of no bytes, or of half of them: an id of another length, a time that is cut.
  ({ tag }) => [written(tag, Buffer.alloc(0))],
  ({ tag, content }) => [written(tag, content.subarray(0, content.length >>> 1))],
  ({ tag, content }, below) => [written((tag & ~7) | below(8), content)],
]

const group = (number: number, ...content: Buffer[]): Buffer =>
  Buffer.concat([varint(tagOf(number, 3)), ...content, varint(tagOf(number, 4))])
const nested = (depth: number): Buffer => (depth === 0 ? Buffer.alloc(0) : group(19, nested(depth - 1)))

/** Of numbers that no message has. */
const unknownField = (below: Below): Buffer => {
  const number = [18, 30, 99, 1000, 2 ** 29 - 1][below(5)]!
  const forms = [
    () => written(tagOf(number, 0), varint(below(300), below(9))),
    () => written(tagOf(number, 1), Buffer.alloc(8, below(256))),
    () => written(tagOf(number, 2), Buffer.from('unknown'.slice(below(8)))),
    () => written(tagOf(number, 5), Buffer.alloc(4, below(256))),
    () => group(number, ...(below(2) === 0 ? [unknownField(below)] : []), group(2)),
  ]
  return forms[below(forms.length)]!()
}

/** Of a number that the message may have, in any wire type; groups up to the depth that is taken and beyond; broken tags. */
const oddField = (below: Below): Buffer => {
  const number = 1 + below(16)
  const fields = [
    written(tagOf(number, 0), varint(below(300))),
    written(tagOf(number, 1), Buffer.alloc(8, below(256))),
    written(tagOf(number, 2), Buffer.from([2, below(256), below(256)])),
    written(tagOf(number, 5), Buffer.alloc(4, below(256))),
    group(number),
    nested(90),
    nested(97),
    nested(120),
    Buffer.from([0x00]),
    Buffer.from([0x0e, 0x01]),
    Buffer.from([0x0c]),
    Buffer.from([0x0b]),
  ]
  return fields[below(fields.length)]!
}
