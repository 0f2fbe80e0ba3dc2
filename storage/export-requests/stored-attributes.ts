import { anyValueFromText } from '#telemetry/otlp/any-value-from-text.ts'
import type { AnyValueType } from '#telemetry/otlp/any-value.ts'
import type { AnyValue, KeyValue } from '#telemetry/otlp/messages.ts'

/**
 * Attributes from the keys and texts of a map column and the column of types beside it: one letter per entry, none at all
 * where all are strings; then, where any of their texts does not tell, ':' and the inner types of each array and map.
 */
export const storedAttributes = (
  keys: readonly string[],
  texts: readonly string[],
  types: string,
): KeyValue[] => {
  const innerTypes = types.slice(keys.length).split(':')
  let listCount = 0
  return keys.map((key, index) => {
    const letter = types[index] ?? 's'
    if (isList(letter)) listCount += 1
    const inner = isList(letter) ? innerTypes[listCount] : undefined
    return { key, value: storedValue(texts[index] ?? '', letter, inner ?? '') }
  })
}

/** A letter that this program does not know (a later one wrote it) leaves the text as a string. */
export const storedValue = (text: string, letter: string, innerTypes: string): AnyValue =>
  anyValueFromText(text, isAnyValueType(letter) ? letter : 's', innerTypes)

const isList = (letter: string): boolean => letter === 'a' || letter === 'm'

const isAnyValueType = (letter: string): letter is AnyValueType =>
  letter.length === 1 && 'sbidyame'.includes(letter)
