import { EngineError, engineCodes } from '../exceptions.ts'

/** How the values of a type lie in a column of the Native format, as far as it takes to pass over them. */
export type Layout =
  | { kind: 'fixed'; bytes: number }
  | { kind: 'string' }
  | { kind: 'nullable'; of: Layout }
  /** Also a Map, which is an array of keys and one of values. */
  | { kind: 'array'; of: Layout }
  | { kind: 'tuple'; of: readonly Layout[] }
  | { kind: 'dictionary'; of: Layout }
  | { kind: 'variant'; of: readonly Layout[] }

const bytesByType: Readonly<Record<string, number>> = {
  Nothing: 1,
  Bool: 1,
  Int8: 1,
  UInt8: 1,
  Enum8: 1,
  Int16: 2,
  UInt16: 2,
  Enum16: 2,
  BFloat16: 2,
  Date: 2,
  Int32: 4,
  UInt32: 4,
  Float32: 4,
  Date32: 4,
  DateTime: 4,
  Time: 4,
  IPv4: 4,
  Decimal32: 4,
  Int64: 8,
  UInt64: 8,
  Float64: 8,
  DateTime64: 8,
  Time64: 8,
  Decimal64: 8,
  Int128: 16,
  UInt128: 16,
  UUID: 16,
  IPv6: 16,
  Decimal128: 16,
  Int256: 32,
  UInt256: 32,
  Decimal256: 32,
}

const aliases: Readonly<Record<string, string>> = {
  Point: 'Tuple(Float64, Float64)',
  Ring: 'Array(Point)',
  LineString: 'Array(Point)',
  Polygon: 'Array(Ring)',
  MultiLineString: 'Array(LineString)',
  MultiPolygon: 'Array(Polygon)',
}

/** @throws EngineError for a type whose values say nothing of their length, such as the state of an aggregate function */
export const layoutOf = (type: string): Layout => {
  const [, name = '', , inside = ''] = /^(\w+)(\(([^]*)\))?$/.exec(type.trim()) ?? []
  const of = (): Layout[] => splitTypes(inside).map((part) => layoutOf(part))
  const only = (): Layout => of()[0] ?? layoutOf('')
  const bytes = bytesByType[name]
  if (bytes !== undefined) return { kind: 'fixed', bytes }
  if (name.startsWith('Interval')) return { kind: 'fixed', bytes: 8 }
  const alias = aliases[name]
  if (alias !== undefined) return layoutOf(alias)
  switch (name) {
    case 'String':
      return { kind: 'string' }
    case 'FixedString':
      return { kind: 'fixed', bytes: Number(inside) }
    case 'Decimal':
      return { kind: 'fixed', bytes: decimalBytes(Number(splitTypes(inside)[0])) }
    case 'Nullable':
      return { kind: 'nullable', of: only() }
    case 'Array':
      return { kind: 'array', of: only() }
    case 'Map':
      return { kind: 'array', of: { kind: 'tuple', of: of() } }
    case 'Tuple':
      return { kind: 'tuple', of: splitTypes(inside).map((part) => layoutOf(withoutName(part))) }
    case 'Nested':
      return {
        kind: 'array',
        of: { kind: 'tuple', of: splitTypes(inside).map((part) => layoutOf(withoutName(part))) },
      }
    case 'LowCardinality':
      return { kind: 'dictionary', of: layoutOf(inside.replace(/^\s*Nullable\(([^]*)\)\s*$/, '$1')) }
    case 'Variant':
      return { kind: 'variant', of: of() }
    case 'SimpleAggregateFunction':
      return layoutOf(splitTypes(inside).at(-1) ?? '')
    default:
      throw new EngineError(
        engineCodes.NOT_IMPLEMENTED,
        `a column of type ${type} cannot be given in the Native format of client_protocol_version; cast it, or ask for another format`,
      )
  }
}

const decimalBytes = (precision: number): number => {
  if (precision <= 9) return 4
  if (precision <= 18) return 8
  return precision <= 38 ? 16 : 32
}

/** At the commas that are in no bracket and no quotes. */
const splitTypes = (text: string): string[] => {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    if (character === "'" || character === '`') at = endOfQuoted(text, at, character)
    else if (character === '(') depth += 1
    else if (character === ')') depth -= 1
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, at))
      start = at + 1
    }
  }
  if (text.trim() !== '') parts.push(text.slice(start))
  return parts
}

const endOfQuoted = (text: string, start: number, quote: string): number => {
  for (let at = start + 1; at < text.length; at++) {
    if (text.charAt(at) === '\\') at += 1
    else if (text.charAt(at) === quote) return at
  }
  return text.length
}

/** An element of a tuple may have a name before its type. */
const withoutName = (part: string): string => {
  const text = part.trim()
  if (text.startsWith('`')) return text.slice(endOfQuoted(text, 0, '`') + 1)
  const named = /^\w+\s+(?=\w)/.exec(text)
  return named === null ? text : text.slice(named[0].length)
}
