/* oxlint-disable typescript/no-unsafe-type-assertion -- the descriptors know the types that a loop over them cannot */
/** OTLP export requests as protobuf bytes. */
import { UnreadableValue } from './decode-error.ts'
import { type Descriptor, exportRequestDescriptors, type Field } from './descriptors.ts'
import type { ExportRequestBySignal, Signal } from './messages.ts'
import { leaveOutContainer, leaveOutItem, noteUnreadable, type UnreadableItems } from './unreadable-items.ts'
import {
  createWireReader,
  failAt,
  readLength,
  readTag,
  skipField,
  type WireReader,
  wireTypes,
} from './wire-reader.ts'
import { type ScalarCodec, scalarCodecs } from './wire-scalars.ts'
import {
  createWireWriter,
  type WireWriter,
  writeLengthSince,
  writeVarint32,
  writtenBytes,
  writtenLength,
} from './wire-writer.ts'

/** As protobuf's own parsers have it. */
export const messageDepthMax = 100
/** Two bytes on the wire can make an object of a hundred in memory; a full-size request of real telemetry stays below. */
export const messagesPerRequestMax = 6_000_000

/**
 * Every field comes back set, to its default where the wire says nothing. Bytes are views of `bytes`. Unknown fields
 * and fields of another wire type are skipped, repeated occurrences of a singular message are merged, the last scalar
 * and the last oneof member win, and invalid UTF-8 becomes U+FFFD. With `unreadable`, items with messages nested too deep are
 * left out and counted there.
 *
 * @throws OtlpDecodeError for truncated or malformed bytes, messages nested deeper than `messageDepthMax`, and more
 * than `messagesPerRequestMax` messages
 */
export const decodeExportRequest = <S extends Signal>(
  signal: S,
  bytes: Uint8Array,
  unreadable?: UnreadableItems,
): ExportRequestBySignal[S] => decodeMessage(exportRequestDescriptors[signal], bytes, signal, unreadable)

/** Fields at their default are left out, fields are written in order of their numbers. */
export const encodeExportRequest = <S extends Signal>(
  signal: S,
  request: ExportRequestBySignal[S],
): Uint8Array => encodeMessage(exportRequestDescriptors[signal], request)

/** @throws OtlpDecodeError naming `subject` */
export const decodeMessage = <T extends object>(
  descriptor: Descriptor<T>,
  bytes: Uint8Array,
  subject: string,
  unreadable?: UnreadableItems,
): T => {
  const reader = createWireReader(bytes, { subject, messagesMax: messagesPerRequestMax })
  const message = descriptor.create()
  const plan = planOf(descriptor)
  readMessage(reader, { message, plan, end: bytes.length, depth: 1, isFresh: true, unreadable })
  return message
}

export const encodeMessage = <T extends object>(descriptor: Descriptor<T>, message: T): Uint8Array => {
  const writer = createWireWriter()
  writeMessage(writer, planOf(descriptor), message as Message)
  return writtenBytes(writer)
}

type Message = Record<string, unknown>

/** A descriptor made ready for the two loops: fields found by number, codecs by reference. */
interface Plan {
  descriptor: Descriptor
  isContainer: boolean
  create: () => object
  fieldsByNumber: readonly (FieldPlan | undefined)[]
  fields: readonly FieldPlan[]
  oneofNames: readonly string[]
}

interface FieldPlan {
  name: string
  tag: number
  wireType: number
  isRepeated: boolean
  isOneof: boolean
  isImplicit: boolean
  scalar: ScalarCodec | undefined
  nested: Plan | undefined
}

const plans = new Map<Descriptor, Plan>()

const planOf = (descriptor: Descriptor): Plan => {
  const known = plans.get(descriptor)
  if (known !== undefined) return known
  const fields: FieldPlan[] = []
  const fieldsByNumber: (FieldPlan | undefined)[] = []
  const { create, oneofNames, role } = descriptor
  const isContainer = role === 'container'
  const plan: Plan = { descriptor, isContainer, create, fieldsByNumber, fields, oneofNames }
  // Known before its fields are planned, because messages contain each other.
  plans.set(descriptor, plan)
  for (const field of descriptor.fields) {
    const fieldPlan = planField(field)
    fields.push(fieldPlan)
    while (fieldsByNumber.length < field.number) fieldsByNumber.push(undefined)
    fieldsByNumber.push(fieldPlan)
  }
  return plan
}

const planField = (field: Field): FieldPlan => {
  const scalar = field.kind === 'message' ? undefined : scalarCodecs[field.kind]
  const wireType = scalar?.wireType ?? wireTypes.lengthDelimited
  const isPacked = field.presence === 'repeated' && wireType !== wireTypes.lengthDelimited
  return {
    name: field.name,
    tag: (field.number << 3) | (isPacked ? wireTypes.lengthDelimited : wireType),
    wireType,
    isRepeated: field.presence === 'repeated',
    isOneof: field.presence === 'oneof',
    isImplicit: field.presence === 'implicit',
    scalar,
    nested: field.message === undefined ? undefined : planOf(field.message),
  }
}

interface Scope {
  message: object
  plan: Plan
  end: number
  depth: number
  /** False where a further occurrence is merged into a message that may hold a oneof member already. */
  isFresh: boolean
  unreadable: UnreadableItems | undefined
}

const readMessage = (reader: WireReader, scope: Scope): void => {
  const { plan, end, depth } = scope
  const message = scope.message as Message
  const { fieldsByNumber } = plan
  let memberName = ''
  if (depth > messageDepthMax) failTooDeep(reader)
  if (--reader.messagesLeft < 0) failAt(reader, `more than ${messagesPerRequestMax} messages`)
  while (reader.position < end) {
    const tag = readTag(reader)
    const number = tag >>> 3
    const field = number < fieldsByNumber.length ? fieldsByNumber[number] : undefined
    if (field === undefined) skipField(reader, tag, end, messageDepthMax - depth)
    else if ((tag & 7) === field.wireType) {
      if (field.isOneof && field.name !== memberName) {
        if (memberName !== '' || !scope.isFresh) clearOtherMembers(message, plan, field.name)
        memberName = field.name
      }
      readField(reader, scope, field)
    } else if (field.isRepeated && (tag & 7) === wireTypes.lengthDelimited)
      readPacked(reader, message, field, end)
    else skipField(reader, tag, end, messageDepthMax - depth)
  }
  if (reader.position > end) failAt(reader, 'field beyond the end of its message', end)
}

const readField = (reader: WireReader, scope: Scope, field: FieldPlan): void => {
  const message = scope.message as Message
  if (field.scalar !== undefined) {
    const value = field.scalar.read(reader, scope.end)
    if (field.isRepeated) (message[field.name] as unknown[]).push(value)
    else message[field.name] = value
    return
  }
  const plan = field.nested as Plan
  const length = readLength(reader, scope.end)
  const end = reader.position + length
  const depth = scope.depth + 1
  const merged = field.isRepeated ? undefined : (message[field.name] as object | undefined)
  const child = merged ?? plan.create()
  if (field.isRepeated) (message[field.name] as unknown[]).push(child)
  else message[field.name] = child
  const { unreadable } = scope
  const childScope = { message: child, plan, end, depth, isFresh: merged === undefined, unreadable }
  if (unreadable !== undefined && scope.plan.isContainer)
    readOrLeaveOut(reader, { unreadable, scope, childScope, field })
  else readMessage(reader, childScope)
}

/** What cannot be read of a container's own fields costs the container. */
const readOrLeaveOut = (
  reader: WireReader,
  of: { unreadable: UnreadableItems; scope: Scope; childScope: Scope; field: FieldPlan },
): void => {
  const { unreadable, scope, childScope, field } = of
  const { descriptor } = childScope.plan
  const child = childScope.message
  const siblings = (scope.message as Message)[field.name] as unknown[]
  try {
    readMessage(reader, childScope)
    if (!unreadable.containers.delete(child)) return
    if (field.isRepeated) {
      leaveOutContainer(unreadable, descriptor, child)
      siblings.pop()
    } else unreadable.containers.add(scope.message)
  } catch (error) {
    if (descriptor.role === 'item') {
      leaveOutItem(unreadable, error)
      siblings.pop()
    } else {
      noteUnreadable(unreadable, error)
      unreadable.containers.add(scope.message)
    }
    reader.position = childScope.end
  }
}

const failTooDeep = (reader: WireReader): never => {
  const fault = `messages nested deeper than ${messageDepthMax}`
  throw new UnreadableValue(
    `cannot decode ${reader.subject} from ${reader.bytes.length} bytes: ${fault} at byte ${reader.position}`,
    fault,
  )
}

const readPacked = (reader: WireReader, message: Message, field: FieldPlan, end: number): void => {
  const length = readLength(reader, end)
  const packedEnd = reader.position + length
  const values = message[field.name] as unknown[]
  const scalar = field.scalar as ScalarCodec
  while (reader.position < packedEnd) values.push(scalar.read(reader, packedEnd))
  if (reader.position > packedEnd) failAt(reader, 'value beyond the end of its packed list', packedEnd)
}

const clearOtherMembers = (message: Message, plan: Plan, name: string): void => {
  for (const other of plan.oneofNames) {
    if (other !== name && message[other] !== undefined) delete message[other]
  }
}

/** From the last field to the first, because the writer works from the end. */
const writeMessage = (writer: WireWriter, plan: Plan, message: Message): void => {
  for (let index = plan.fields.length - 1; index >= 0; index--) {
    const field = plan.fields[index] as FieldPlan
    const value = message[field.name]
    if (value === undefined) continue
    if (field.isRepeated) writeRepeated(writer, field, value as unknown[])
    else if (!(field.isImplicit && field.scalar?.isDefault(value))) writeValue(writer, field, value)
  }
}

const writeValue = (writer: WireWriter, field: FieldPlan, value: unknown): void => {
  if (field.scalar !== undefined) field.scalar.write(writer, value)
  else {
    const end = writtenLength(writer)
    writeMessage(writer, field.nested as Plan, value as Message)
    writeLengthSince(writer, end)
  }
  writeVarint32(writer, field.tag)
}

const writeRepeated = (writer: WireWriter, field: FieldPlan, values: readonly unknown[]): void => {
  if (values.length === 0) return
  if (field.wireType === wireTypes.lengthDelimited) {
    for (let index = values.length - 1; index >= 0; index--) writeValue(writer, field, values[index])
    return
  }
  const end = writtenLength(writer)
  for (let index = values.length - 1; index >= 0; index--) field.scalar?.write(writer, values[index])
  writeLengthSince(writer, end)
  writeVarint32(writer, field.tag)
}
