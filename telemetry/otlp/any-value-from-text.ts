/** Undoes any-value.ts: an attribute's value from its text, the letter of its type and what the text does not tell. */
import { type AnyValueType, wholeValueMark } from './any-value.ts'
import { anyValue } from './descriptors.ts'
import type { AnyValue } from './messages.ts'
import { decodeMessage } from './protobuf.ts'

/**
 * The value up to what OTLP does not tell apart: the order of entries in maps inside it, and no value and an empty one.
 *
 * @throws Error when text, letter and inner types were not written for the same value
 */
export const anyValueFromText = (text: string, type: AnyValueType, innerTypes: string): AnyValue =>
  fromText[type](text, innerTypes)

const listFromText = (text: string, innerTypes: string): AnyValue =>
  innerTypes.startsWith(wholeValueMark)
    ? wholeValue(innerTypes.slice(wholeValueMark.length))
    : fromJson(JSON.parse(text, keepNumbers), lettersOf(innerTypes))

const fromText: Readonly<Record<AnyValueType, (text: string, innerTypes: string) => AnyValue>> = {
  s: (text) => ({ stringValue: text }),
  b: (text) => ({ boolValue: text === 'true' }),
  i: (text) => ({ intValue: BigInt(text) }),
  d: (text) => ({ doubleValue: Number(text) }),
  y: (text) => ({ bytesValue: new Uint8Array(Buffer.from(text, 'base64')) }),
  e: () => ({}),
  a: listFromText,
  m: listFromText,
}

const wholeValue = (base64: string): AnyValue =>
  decodeMessage(anyValue, new Uint8Array(Buffer.from(base64, 'base64')), 'an attribute')

/** A number as it is written, because JavaScript's would round 64-bit integers. */
class WrittenNumber {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const keepNumbers = (_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' ? new WrittenNumber(context?.source ?? String(value)) : value

/** Gives the letters one by one; nothing where the text tells the types. */
const lettersOf = (innerTypes: string): (() => string | undefined) => {
  let position = 0
  return () => innerTypes[position++]
}

const fromJson = (json: unknown, nextLetter: () => string | undefined): AnyValue => {
  if (Array.isArray(json)) return { arrayValue: { values: json.map((item) => fromJson(item, nextLetter)) } }
  if (typeof json === 'object' && json !== null && !(json instanceof WrittenNumber)) {
    // Letters go by the order of the text, which is that of the keys; an object has keys that look like numbers first.
    const entries = Object.entries(json).toSorted(([a], [b]) => (a < b ? -1 : 1))
    return {
      kvlistValue: { values: entries.map(([key, item]) => ({ key, value: fromJson(item, nextLetter) })) },
    }
  }
  const letter = nextLetter()
  if (json instanceof WrittenNumber) {
    const isDouble = letter === undefined ? /[.e]/.test(json.text) : letter === 'd'
    return isDouble ? { doubleValue: Number(json.text) } : { intValue: BigInt(json.text) }
  }
  if (typeof json === 'boolean') return { boolValue: json }
  // What else JSON writes as text: bytes, NaN and the infinities.
  const type = letter === 'y' || letter === 'd' ? letter : 's'
  return typeof json === 'string' ? fromText[type](json, '') : {}
}
