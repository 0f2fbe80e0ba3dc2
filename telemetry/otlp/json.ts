/* oxlint-disable typescript/no-unsafe-type-assertion -- the descriptors know the types that a loop over them cannot */
/** OTLP export requests as JSON text. */
import { OtlpDecodeError, UnreadableValue } from './decode-error.ts'
import { type Descriptor, exportRequestDescriptors, type Field } from './descriptors.ts'
import { quoteLongIntegers } from './json-integers.ts'
import { JsonFault, jsonScalars } from './json-scalars.ts'
import type { ExportRequestBySignal, Signal } from './messages.ts'
import { messageDepthMax, messagesPerRequestMax } from './protobuf.ts'
import { leaveOutContainer, leaveOutItem, noteUnreadable, type UnreadableItems } from './unreadable-items.ts'
import { scalarCodecs } from './wire-scalars.ts'

/**
 * Keys are lowerCamelCase, unknown keys are ignored, null means the default, 64-bit integers are exact in either form.
 * With `unreadable`, items with values of the wrong type, or beyond its range, are left out and counted there.
 *
 * @throws OtlpDecodeError for text that is no JSON, and for values of the wrong type, naming their path
 */
export const decodeExportRequestJson = <S extends Signal>(
  signal: S,
  json: string | Uint8Array,
  unreadable?: UnreadableItems,
): ExportRequestBySignal[S] => {
  const subject = `${signal} from ${json.length} ${unitOf(json)} of JSON`
  const reader: JsonReader = { subject, path: [], unreadable }
  const text = typeof json === 'string' ? json : textOf(json)
  if (countMessages(text) > messagesPerRequestMax) {
    throw new OtlpDecodeError(
      `cannot decode ${reader.subject}: more than ${messagesPerRequestMax} objects and arrays`,
    )
  }
  const message = readMessage(reader, exportRequestDescriptors[signal], parseText(reader, text), 1)
  return message as ExportRequestBySignal[S]
}

/** Fields at their default are left out, as protobuf's JSON does. */
export const encodeExportRequestJson = <S extends Signal>(
  signal: S,
  request: ExportRequestBySignal[S],
): string => encodeMessageJson(exportRequestDescriptors[signal], request)

export const encodeMessageJson = <T extends object>(descriptor: Descriptor<T>, message: T): string =>
  JSON.stringify(toJson(descriptor, message as Message))

type Message = Record<string, unknown>

interface JsonReader {
  subject: string
  /** Where in the request the value being read lies; told when it is wrong. */
  path: (string | number)[]
  unreadable: UnreadableItems | undefined
}

const unitOf = (json: string | Uint8Array): string => (typeof json === 'string' ? 'characters' : 'bytes')

const textOf = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.startsWith('\uFEFF') ? text.slice(1) : text
}

/** Every object and array begins with a bracket; those inside strings make the count too high, which a short text forgives. */
const countMessages = (text: string): number => {
  if (text.length <= messagesPerRequestMax) return 0
  let count = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x7b || code === 0x5b) count++
  }
  return count
}

const parseText = (reader: JsonReader, text: string): unknown => {
  try {
    return JSON.parse(quoteLongIntegers(text))
  } catch (error) {
    // The parser quotes the text around the fault, which is the client's own and may be secret.
    const reason = (error as Error).message.replace(/, (?:\.\.\.)?".*$/s, '')
    throw new OtlpDecodeError(`cannot decode ${reader.subject}: ${reason}`, { cause: error })
  }
}

const fail = (reader: JsonReader, fault: string): never => {
  throw new UnreadableValue(placed(reader, fault), fault)
}

const placed = (reader: JsonReader, fault: string): string => {
  const path = reader.path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
  return `cannot decode ${reader.subject}: ${path === '' ? 'the request' : path}: ${fault}`
}

const fieldsByName = new Map<Descriptor, Map<string, Field>>()

const fieldsOf = (descriptor: Descriptor): Map<string, Field> => {
  let fields = fieldsByName.get(descriptor)
  if (fields === undefined) {
    fields = new Map(descriptor.fields.map((field) => [field.name, field]))
    fieldsByName.set(descriptor, fields)
  }
  return fields
}

const readMessage = (reader: JsonReader, descriptor: Descriptor, json: unknown, depth: number): object => {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return fail(reader, 'expected an object')
  if (depth > messageDepthMax) return fail(reader, `messages nested deeper than ${messageDepthMax}`)
  const message = descriptor.create() as Message
  const fields = fieldsOf(descriptor)
  let memberName = ''
  for (const key of Object.keys(json)) {
    const field = fields.get(key)
    const value = (json as Message)[key]
    if (field === undefined || value === null) continue
    if (field.presence === 'oneof') {
      if (memberName !== '') delete message[memberName]
      memberName = key
    }
    reader.path.push(key)
    if (reader.unreadable !== undefined && descriptor.role === 'container')
      readFieldOrGiveUp(reader, { unreadable: reader.unreadable, container: message, field, value, depth })
    else message[key] = readField(reader, field, value, depth)
    reader.path.pop()
  }
  return message
}

const readField = (reader: JsonReader, field: Field, json: unknown, depth: number): unknown =>
  field.presence === 'repeated' ? readList(reader, field, json, depth) : readValue(reader, field, json, depth)

const readList = (reader: JsonReader, field: Field, json: unknown, depth: number): unknown[] => {
  if (!Array.isArray(json)) return fail(reader, 'expected an array')
  return json.map((value: unknown, index) => {
    reader.path.push(index)
    const item = readValue(reader, field, value, depth)
    reader.path.pop()
    return item
  })
}

/** What cannot be read of a container's own fields costs the container. Without the list itself nothing can be counted. */
const readFieldOrGiveUp = (
  reader: JsonReader,
  of: { unreadable: UnreadableItems; container: Message; field: Field; value: unknown; depth: number },
): void => {
  const { unreadable, container, field, value, depth } = of
  const { message } = field
  if (message !== undefined && message.role !== 'part' && field.presence === 'repeated') {
    if (!Array.isArray(value)) throw new OtlpDecodeError(placed(reader, 'expected an array'))
    container[field.name] = readItems(reader, { unreadable, descriptor: message, values: value, depth })
    return
  }
  const { length } = reader.path
  try {
    const member = readField(reader, field, value, depth)
    container[field.name] = member
    if (unreadable.containers.delete(member as object)) unreadable.containers.add(container)
  } catch (error) {
    noteUnreadable(unreadable, error)
    unreadable.containers.add(container)
    reader.path.length = length
  }
}

/** The elements of a list of items or containers, without those that cannot be read. */
const readItems = (
  reader: JsonReader,
  of: { unreadable: UnreadableItems; descriptor: Descriptor; values: unknown[]; depth: number },
): object[] => {
  const { unreadable, descriptor, values, depth } = of
  const kept: object[] = []
  for (const [index, value] of values.entries()) {
    reader.path.push(index)
    const { length } = reader.path
    try {
      const element = readMessage(reader, descriptor, value, depth + 1)
      if (unreadable.containers.delete(element)) leaveOutContainer(unreadable, descriptor, element)
      else kept.push(element)
    } catch (error) {
      if (descriptor.role === 'container') throw error
      leaveOutItem(unreadable, error)
      reader.path.length = length
    }
    reader.path.pop()
  }
  return kept
}

const readValue = (reader: JsonReader, field: Field, json: unknown, depth: number): unknown => {
  if (field.message !== undefined) return readMessage(reader, field.message, json, depth + 1)
  try {
    return jsonScalars[field.kind as Exclude<Field['kind'], 'message'>].parse(json)
  } catch (error) {
    if (error instanceof JsonFault) return fail(reader, error.message)
    throw error
  }
}

const toJson = (descriptor: Descriptor, message: Message): Message => {
  const json: Message = {}
  for (const field of descriptor.fields) {
    const value = message[field.name]
    if (value === undefined || isLeftOut(field, value)) continue
    json[field.name] = Array.isArray(value)
      ? value.map((item) => valueToJson(field, item))
      : valueToJson(field, value)
  }
  return json
}

const valueToJson = (field: Field, value: unknown): unknown =>
  field.kind === 'message'
    ? toJson(field.message as Descriptor, value as Message)
    : jsonScalars[field.kind].format(value as never)

const isLeftOut = (field: Field, value: unknown): boolean => {
  if (field.presence === 'repeated') return (value as unknown[]).length === 0
  return (
    field.presence === 'implicit' && field.kind !== 'message' && scalarCodecs[field.kind].isDefault(value)
  )
}
