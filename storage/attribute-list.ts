import { type Sql, sql } from './sql.ts'

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
 * A map of the engine as `attributeList` takes it: as it is, it would become a JSON object, which loses the order of
 * keys that look like numbers and keeps only one of two equal keys.
 */
export const mapEntries = (map: Sql): Sql => sql`CAST(${map}, 'Array(Tuple(String, String))')`
/** The same of an array of maps. */
export const mapEntryLists = (maps: Sql): Sql => sql`arrayMap(map -> ${mapEntries(sql`map`)}, ${maps})`
export type MapEntries = readonly (readonly [key: string, value: string])[]

/** No letters: all are strings. */
export const attributeList = (entries: MapEntries, letters: string): Attribute[] =>
  entries.map(([key, value], index) => ({
    key,
    value,
    type: typeByLetter[letters[index] ?? 's'] ?? 'string',
  }))
