/** How each scalar kind looks in OTLP/JSON, which is protobuf's JSON with hex ids and enums as integers. */
import type { ScalarKind } from './descriptors.ts'

/** Thrown by `parse`; whoever knows the field's path makes an OtlpDecodeError of it. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault'
}

export interface JsonScalar {
  /** @throws JsonFault when the value is not of the kind */
  parse(value: unknown): unknown
  format(value: never): string | number | boolean
}

const jsonScalar = <T>(
  parse: (value: unknown) => T,
  format: (value: T) => string | number | boolean,
): JsonScalar => ({ parse, format })

const fault = (expected: string, value: unknown): never => {
  const text =
    typeof value === 'object' ? (Array.isArray(value) ? 'an array' : 'an object') : JSON.stringify(value)
  throw new JsonFault(`expected ${expected}, got ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`)
}

const decimal = /^-?\d{1,40}$/
const numeric = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

const parseInteger = (value: unknown, kind: string): bigint => {
  if (typeof value === 'number' && Number.isInteger(value)) return BigInt(value)
  if (typeof value === 'string') {
    if (decimal.test(value)) return BigInt(value)
    // Protobuf's JSON allows 1e3 where the value is integral.
    if (numeric.test(value) && Number.isSafeInteger(Number(value))) return BigInt(Number(value))
  }
  return fault(kind, value)
}

const integer64 = (kind: string, min: bigint, max: bigint): JsonScalar =>
  jsonScalar<bigint>(
    (value) => {
      const parsed = parseInteger(value, `a 64-bit ${kind}`)
      return parsed >= min && parsed <= max ? parsed : fault(`a 64-bit ${kind}`, value)
    },
    (value) => value.toString(),
  )

const integer32 = (kind: string, min: number, max: number): JsonScalar =>
  jsonScalar<number>(
    (value) => {
      const parsed = typeof value === 'number' ? value : Number(parseInteger(value, `a 32-bit ${kind}`))
      return Number.isInteger(parsed) && parsed >= min && parsed <= max
        ? parsed
        : fault(`a 32-bit ${kind}`, value)
    },
    (value) => value,
  )

const enumInteger = jsonScalar<number>(
  (value) =>
    typeof value === 'number' && (value | 0) === value ? value : fault('an enum as an integer', value),
  (value) => value,
)

const parseDouble = (value: unknown): number => {
  if (typeof value === 'number') return value
  if (value === 'NaN') return Number.NaN
  if (value === 'Infinity') return Number.POSITIVE_INFINITY
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY
  return typeof value === 'string' && numeric.test(value) ? Number(value) : fault('a number', value)
}

const hexText = /^(?:[\da-f]{2})*$/i
const base64Text = /^[\w+/-]*={0,2}$/

/** Copied out of Buffer's shared pool, which small ids would otherwise keep alive. */
const plainBytes = (text: string, encoding: 'hex' | 'base64'): Uint8Array =>
  text === '' ? new Uint8Array(0) : new Uint8Array(Buffer.from(text, encoding))

const bufferOver = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const signed32 = integer32('integer', -(2 ** 31), 2 ** 31 - 1)
const unsigned32 = integer32('unsigned integer', 0, 2 ** 32 - 1)
const signed64 = integer64('integer', -(2n ** 63n), 2n ** 63n - 1n)
const unsigned64 = integer64('unsigned integer', 0n, 2n ** 64n - 1n)

export const jsonScalars: Record<ScalarKind, JsonScalar> = {
  string: jsonScalar<string>(
    (value) => (typeof value === 'string' ? value.toWellFormed() : fault('a string', value)),
    (value) => value,
  ),
  bool: jsonScalar<boolean>(
    (value) => (typeof value === 'boolean' ? value : fault('true or false', value)),
    (value) => value,
  ),
  bytes: jsonScalar<Uint8Array>(
    (value) =>
      typeof value === 'string' && base64Text.test(value)
        ? plainBytes(value, 'base64')
        : fault('base64', value),
    (value) => bufferOver(value).toString('base64'),
  ),
  hexId: jsonScalar<Uint8Array>(
    (value) =>
      typeof value === 'string' && hexText.test(value) ? plainBytes(value, 'hex') : fault('hex', value),
    (value) => bufferOver(value).toString('hex'),
  ),
  double: jsonScalar<number>(parseDouble, (value) => (Number.isFinite(value) ? value : String(value))),
  enum: enumInteger,
  int32: signed32,
  sint32: signed32,
  uint32: unsigned32,
  fixed32: unsigned32,
  int64: signed64,
  sfixed64: signed64,
  uint64: unsigned64,
  fixed64: unsigned64,
}
