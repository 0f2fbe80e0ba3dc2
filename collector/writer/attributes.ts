import type { TextMap } from '#storage/native-block.ts'
import { anyValueToText, anyValueType } from '#telemetry/otlp/any-value.ts'
import type { KeyValue } from '#telemetry/otlp/messages.ts'

/** Attributes as two columns hold them: texts by key, and one letter per entry for its type ('' when all are strings). */
export interface AttributeColumns {
  map: TextMap
  types: string
}

const none: AttributeColumns = { map: [], types: '' }

export const attributeColumns = (attributes: readonly KeyValue[]): AttributeColumns => {
  if (attributes.length === 0) return none
  const map: [string, string][] = []
  let types = ''
  let isAllStrings = true
  for (const { key, value } of attributes) {
    map.push([key, anyValueToText(value)])
    const type = anyValueType(value)
    if (type !== 's') isAllStrings = false
    types += type
  }
  return { map, types: isAllStrings ? '' : types }
}

/** Attributes of a list of things (events, links, exemplars), as array columns. */
export const attributeColumnLists = (
  lists: readonly (readonly KeyValue[])[],
): { maps: TextMap[]; types: string[] } => {
  const each = lists.map((list) => attributeColumns(list))
  return { maps: each.map(({ map }) => map), types: each.map(({ types }) => types) }
}
