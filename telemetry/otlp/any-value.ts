/** Attribute values as text, for stores that keep strings: the text the OpenTelemetry Collector would write. */
import { anyValue } from './descriptors.ts'
import type { AnyValue, KeyValue } from './messages.ts'
import { encodeMessage } from './protobuf.ts'

/** s string, b bool, i int, d double, y bytes, a array, m map, e empty. */
export type AnyValueType = 's' | 'b' | 'i' | 'd' | 'y' | 'a' | 'm' | 'e'

export const anyValueType = (value: AnyValue | undefined): AnyValueType => {
  if (value === undefined) return 'e'
  if (value.stringValue !== undefined) return 's'
  if (value.intValue !== undefined) return 'i'
  if (value.boolValue !== undefined) return 'b'
  if (value.doubleValue !== undefined) return 'd'
  if (value.bytesValue !== undefined) return 'y'
  if (value.arrayValue !== undefined) return 'a'
  return value.kvlistValue === undefined ? 'e' : 'm'
}

/**
 * Strings as they are, bytes as base64, arrays and maps as JSON, an empty value as ''. Doubles are in the shortest form
 * that reads back the same; NaN and the infinities are named as OpenTelemetry's common specification names them.
 */
export const anyValueToText = (value: AnyValue | undefined): string => {
  if (value === undefined) return ''
  if (value.stringValue !== undefined) return value.stringValue
  if (value.intValue !== undefined) return value.intValue.toString()
  if (value.boolValue !== undefined) return value.boolValue ? 'true' : 'false'
  if (value.doubleValue !== undefined) return doubleToText(value.doubleValue)
  if (value.bytesValue !== undefined) return base64Of(value.bytesValue)
  return anyValueType(value) === 'e' ? '' : jsonOf(value)
}

/** What `anyValueInnerTypes` begins with where it holds the whole value. No type has this letter. */
export const wholeValueMark = '='

/**
 * What the text of an array or map does not tell; '' where it tells all, and for other values. One letter for each value
 * inside, in the order of the text, where that text reads back as other types: bytes, a double without a fraction, NaN,
 * the infinities. Where a map inside has a key more than once, the text has only the last: then `=` and the base64 of the
 * whole value in protobuf.
 */
export const anyValueInnerTypes = (value: AnyValue | undefined): string => {
  const type = anyValueType(value)
  if (value === undefined || (type !== 'a' && type !== 'm')) return ''
  let types = ''
  let isTold = true
  let hasLostEntries = false
  const visit = (inner: AnyValue | undefined): void => {
    const type = anyValueType(inner)
    if (type === 'a') for (const item of inner?.arrayValue?.values ?? []) visit(item)
    else if (type === 'm') {
      const entries = inner?.kvlistValue?.values ?? []
      const sorted = sortedEntries(entries)
      if (sorted.length < entries.length) hasLostEntries = true
      for (const [, item] of sorted) visit(item)
    } else {
      types += type
      // A number of JSON is taken for an integer unless it has a fraction or an exponent.
      if (type === 'y' || (type === 'd' && !/\d[.e]/.test(anyValueToText(inner)))) isTold = false
    }
  }
  visit(value)
  if (hasLostEntries) return wholeValueMark + base64Of(encodeMessage(anyValue, value))
  return isTold ? '' : types
}

/** JavaScript's form is Go's JSON form, but for the sign of zero. */
const doubleToText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

const jsonOf = (value: AnyValue | undefined): string => {
  switch (anyValueType(value)) {
    case 'e':
      return 'null'
    case 'a':
      return `[${(value?.arrayValue?.values ?? []).map(jsonOf).join(',')}]`
    case 'm':
      return mapToJson(value?.kvlistValue?.values ?? [])
    case 's':
    case 'y':
      return quote(anyValueToText(value))
    case 'd':
      return Number.isFinite(value?.doubleValue) ? anyValueToText(value) : quote(anyValueToText(value))
    default:
      return anyValueToText(value)
  }
}

const mapToJson = (entries: readonly KeyValue[]): string =>
  `{${sortedEntries(entries)
    .map(([key, value]) => `${quote(key)}:${jsonOf(value)}`)
    .join(',')}}`

/** Keys in order and each once, the last wins: the Collector goes through a Go map. */
const sortedEntries = (entries: readonly KeyValue[]): [key: string, value: AnyValue | undefined][] =>
  [...new Map(entries.map((entry) => [entry.key, entry.value]))].toSorted(([a], [b]) => (a < b ? -1 : 1))

const htmlCharacters = /[<>&\u2028\u2029]/g

/** Go escapes what could end a script in HTML, so values compare equal to those a Collector wrote only if we do too. */
const quote = (text: string): string =>
  JSON.stringify(text.toWellFormed()).replace(
    htmlCharacters,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
