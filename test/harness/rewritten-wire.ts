/**
 * The same request in other bytes that protobuf allows (fields in any order, unknown fields and groups, over-long varints,
 * repeated numbers unpacked or in several packs, a message in pieces), and bytes that are broken.
 */
import type { Descriptor, Field } from '#telemetry/otlp/descriptors.ts'

/** Below a bound, as a seeded source gives them. */
export type Below = (bound: number) => number

/** Bytes of a message that the codec wrote, so every field of them is known. */
export const rewriteWire = (descriptor: Descriptor, bytes: Buffer, below: Below): Buffer => {
  const parts = readFields(descriptor, bytes).flatMap((part) => varyField(part, below))
  for (let count = below(3) === 0 ? below(3) : 0; count > 0; count--)
    parts.splice(below(parts.length + 1), 0, unknownField(below))
  // A few neighbours change places: what is repeated, and the last of what is not, may then be another.
  for (let turn = below(2) === 0 ? below(parts.length + 1) : 0; turn > 0; turn--) {
    const at = below(parts.length - 1 || 1)
    const [left, right] = [parts[at], parts[at + 1]]
    if (left !== undefined && right !== undefined) [parts[at], parts[at + 1]] = [right, left]
  }
  return Buffer.concat(parts)
}

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

interface Part {
  field: Field
  tag: number
  /** The value; without its length where it is length-delimited. */
  value: Buffer
}

const varyField = ({ field, tag, value }: Part, below: Below): Buffer[] => {
  if (field.message !== undefined) {
    const varied = rewriteWire(field.message, value, below)
    const fields = readFields(field.message, value)
    if (field.presence === 'repeated' || fields.length < 2 || below(4) > 0)
      return [delimited(tag, varied, below)]
    // In two pieces, which are merged.
    const cut = fields.slice(0, 1 + below(fields.length - 1)).reduce((sum, part) => sum + part.size, 0)
    return [value.subarray(0, cut), value.subarray(cut)].map((piece) => delimited(tag, piece, below))
  }
  if ((tag & 7) !== 2) return [Buffer.concat([varint(tag, below), varyVarint(tag, value, below)])]
  if (field.presence !== 'repeated' || field.kind === 'string') return [delimited(tag, value, below)]
  return below(2) === 0 ? [delimited(tag, value, below)] : unpacked(field, value, below)
}

const unpacked = (field: Field, pack: Buffer, below: Below): Buffer[] => {
  const wireType = field.kind === 'uint64' ? 0 : 1
  const values: Buffer[] = []
  for (let at = 0; at < pack.length;) {
    let end = at + 8
    if (wireType === 0) for (end = at + 1; (pack[end - 1] ?? 0) >= 0x80;) end += 1
    values.push(pack.subarray(at, end))
    at = end
  }
  return values.map((value) =>
    below(5) === 0
      ? delimited((field.number << 3) | 2, value, below)
      : Buffer.concat([varint((field.number << 3) | wireType, below), value]),
  )
}

const varyVarint = (tag: number, value: Buffer, below: Below): Buffer => {
  const spare = 10 - value.length
  if ((tag & 7) !== 0 || spare === 0 || below(6) > 0) return value
  const longer = Buffer.concat([value, Buffer.alloc(1 + below(spare), 0x80)])
  longer[value.length - 1] = (value.at(-1) ?? 0) | 0x80
  longer[longer.length - 1] = 0
  return longer
}

const delimited = (tag: number, value: Buffer, below: Below): Buffer =>
  Buffer.concat([varint(tag, below), varint(value.length, below), value])

const varint = (value: number, below: Below): Buffer => {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  return varyVarint(0, Buffer.from([...bytes, rest]), below)
}

/** Of a number that no message has, or of a known number in another wire type. */
const unknownField = (below: Below): Buffer => {
  const number = below(3) === 0 ? 1 + below(16) : ([19, 1000, 2 ** 29 - 1][below(3)] ?? 19)
  const tag = (type: number): Buffer => varint(number * 8 + type, below)
  const group = (): Buffer =>
    Buffer.concat([tag(3), ...(below(2) === 0 ? [unknownField(below)] : []), tag(4)])
  const acts = [
    () => Buffer.concat([tag(0), varint(below(300), below)]),
    () => Buffer.concat([tag(1), Buffer.alloc(8, below(256))]),
    () => Buffer.concat([tag(2), Buffer.from([2, below(256), below(256)])]),
    group,
    () => Buffer.concat([tag(5), Buffer.alloc(4, below(256))]),
  ]
  return acts[below(acts.length)]?.() ?? Buffer.alloc(0)
}

const readFields = (descriptor: Descriptor, bytes: Buffer): (Part & { size: number })[] => {
  const parts: (Part & { size: number })[] = []
  const varintAt = (at: number): { value: number; end: number } => {
    let value = 0
    let end = at
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[end++] ?? 0
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return { value, end }
    }
  }
  for (let at = 0; at < bytes.length;) {
    const { value: tag, end } = varintAt(at)
    const field = descriptor.fields.find(({ number }) => number === tag >>> 3)
    if (field === undefined) throw new Error(`no field ${tag >>> 3}`)
    const length = (tag & 7) === 2 ? varintAt(end) : undefined
    const start = length?.end ?? end
    const sizes: Record<number, number> = { 0: varintAt(end).end - end, 1: 8, 2: length?.value ?? 0, 5: 4 }
    const next = start + (sizes[tag & 7] ?? 0)
    parts.push({ field, tag, value: bytes.subarray(start, next), size: next - at })
    at = next
  }
  return parts
}
