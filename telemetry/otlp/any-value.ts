/** Attribute values as text, for stores that keep strings: the text the OpenTelemetry Collector would write. */
import type { AnyValue, KeyValue } from './messages.ts'

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

/** Keys in order and each once, the last wins: the Collector goes through a Go map. */
const mapToJson = (entries: readonly KeyValue[]): string => {
  const values = new Map(entries.map((entry) => [entry.key, entry.value]))
  const keys = [...values.keys()].toSorted((a, b) => (a < b ? -1 : 1))
  return `{${keys.map((key) => `${quote(key)}:${jsonOf(values.get(key))}`).join(',')}}`
}

const htmlCharacters = /[<>&\u2028\u2029]/g

/** Go escapes what could end a script in HTML, so values compare equal to those a Collector wrote only if we do too. */
const quote = (text: string): string =>
  JSON.stringify(text.toWellFormed()).replace(
    htmlCharacters,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
