import type { TextMap } from '#storage/native-block.ts'
import { anyValueInnerTypes, anyValueToText, anyValueType } from '#telemetry/otlp/any-value.ts'
import type { KeyValue } from '#telemetry/otlp/messages.ts'

/**
 * Attributes as two columns hold them: texts by key, and one letter per entry for its type ('' when all are strings).
 * Where the JSON text of an array or map does not tell what is inside it, the letters of the entries are followed by ':'
 * and the inner types (telemetry/otlp/any-value.ts) of each array and map in turn: `sam:dd:` is a string, an array of two
 * doubles, a map that tells. Read back by storage/export-requests/stored-attributes.ts.
 */
export interface AttributeColumns {
  map: TextMap
  types: string
}

const none: AttributeColumns = { map: [], types: '' }

export const attributeColumns = (attributes: readonly KeyValue[]): AttributeColumns => {
  if (attributes.length === 0) return none
  const map: [string, string][] = []
  let types = ''
  let innerTypes = ''
  let isAllStrings = true
  let isTold = true
  for (const { key, value } of attributes) {
    map.push([key, anyValueToText(value)])
    const type = anyValueType(value)
    if (type !== 's') isAllStrings = false
    types += type
    if (type !== 'a' && type !== 'm') continue
    const inner = anyValueInnerTypes(value)
    if (inner !== '') isTold = false
    innerTypes += `:${inner}`
  }
  if (isAllStrings) types = ''
  return { map, types: isTold ? types : types + innerTypes }
}

/** Attributes of a list of things (events, links, exemplars), as array columns. */
export const attributeColumnLists = (
  lists: readonly (readonly KeyValue[])[],
): { maps: TextMap[]; types: string[] } => {
  const each = lists.map((list) => attributeColumns(list))
  return { maps: each.map(({ map }) => map), types: each.map(({ types }) => types) }
}
