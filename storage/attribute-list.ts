/** Attributes as readers get them: in the order in which they were sent, values as text, with their type. */
export type Attribute = { key: string; value: string; type: AttributeType }

export type AttributeType = 'string' | 'bool' | 'int' | 'double' | 'bytes' | 'array' | 'map' | 'empty'

const typeByLetter: Readonly<Record<string, AttributeType>> = {
  s: 'string',
  b: 'bool',
  i: 'int',
  d: 'double',
  y: 'bytes',
  a: 'array',
  m: 'map',
  e: 'empty',
}

/**
 * Takes keys and values as two arrays, because a map of the engine would become a JSON object, which loses the order
 * of keys that look like numbers and keeps only one of two equal keys. No letters: all are strings.
 */
export const attributeList = (
  keys: readonly string[],
  values: readonly string[],
  letters: string,
): Attribute[] =>
  keys.map((key, index) => ({
    key,
    value: values[index] ?? '',
    type: typeByLetter[letters[index] ?? 's'] ?? 'string',
  }))
