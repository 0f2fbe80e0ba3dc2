/**
 * The one door by which values enter SQL: a template whose values are typed literals. There is no second wall behind it
 * (an embedded engine runs stacked statements, reads files and takes nested SETTINGS), so statements are only made
 * here, and the connection takes nothing else. Fuzzed against the engine in sql.test.ts.
 */
declare const made: unique symbol

/** A piece of SQL made by the template. */
export interface Sql {
  readonly text: string
  readonly [made]: true
}

const piece = (text: string): Sql => Object.freeze({ text }) as Sql

const template = (strings: TemplateStringsArray, ...values: Sql[]): Sql => {
  // A value that was not made by the template (a plain string cast by mistake) must fail, not pass.
  for (const value of values)
    if (!pieces.has(value)) throw new TypeError('only SQL made by the template may enter SQL')
  return register(piece(strings.reduce((text, next, index) => text + (values[index - 1]?.text ?? '') + next)))
}

const pieces = new WeakSet<Sql>()
const register = (value: Sql): Sql => {
  pieces.add(value)
  return value
}
const make = (text: string): Sql => register(piece(text))

const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')

const int64Min = -(2n ** 63n)
const int64Max = 2n ** 63n - 1n
const uint64Max = 2n ** 64n - 1n

const integer = (value: bigint | number, min: bigint, max: bigint, type: string): Sql => {
  const exact = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value) : undefined
  if (exact === undefined || exact < min || exact > max) throw new RangeError(`${value} does not fit ${type}`)
  return make(`to${type}('${exact}')`)
}

/**
 * Text as a literal of printable ASCII: every other byte, quotes and backslashes included, is written as \xHH, so that
 * no parser state but "inside a string" can follow. Lone surrogates become U+FFFD, as in any UTF-8 encoding.
 */
const string = (value: string): Sql => {
  let text = ''
  for (const byte of Buffer.from(value, 'utf8')) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x27 && byte !== 0x5c
    text += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return make(`'${text}'`)
}

const identifier = (name: string): Sql => {
  // One dot: columns of a Nested are named with it.
  if (!/^[a-z_][a-z0-9_]{0,127}(\.[a-z_][a-z0-9_]{0,127})?$/i.test(name))
    throw new RangeError(`'${name}' is not an identifier`)
  return make(`\`${name}\``)
}

const join = (parts: readonly Sql[], separator: Sql): Sql => {
  for (const part of parts)
    if (!pieces.has(part)) throw new TypeError('only SQL made by the template may enter SQL')
  return make(parts.map((part) => part.text).join(separator.text))
}

const float64 = (value: number): Sql => {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a finite number`)
  return make(`toFloat64('${value}')`)
}

export const sql = Object.assign(template, {
  string,
  /** Raw bytes as a String; compares with FixedString columns of the same length. */
  bytes: (value: Uint8Array): Sql => make(`unhex('${hexOf(value)}')`),
  int64: (value: bigint | number): Sql => integer(value, int64Min, int64Max, 'Int64'),
  uint64: (value: bigint | number): Sql => integer(value, 0n, uint64Max, 'UInt64'),
  float64,
  bool: (value: boolean): Sql => make(value ? 'true' : 'false'),
  /** Nanoseconds since the epoch as DateTime64(9, 'UTC'). */
  dateTime64: (unixNano: bigint): Sql => {
    if (unixNano < int64Min || unixNano > int64Max)
      throw new RangeError(`${unixNano} ns is outside of DateTime64(9)`)
    return make(`fromUnixTimestamp64Nano(toInt64('${unixNano}'), 'UTC')`)
  },
  /** Array(String). */
  strings: (values: readonly string[]): Sql =>
    values.length === 0
      ? make('CAST([] AS Array(String))')
      : make(`[${values.map((value) => string(value).text).join(', ')}]`),
  identifier,
  join,
  empty: make(''),
  /** A statement of this project's own files (migrations), and nothing else. */
  ownFile: (text: string): Sql => make(text),
})
