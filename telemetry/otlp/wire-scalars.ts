/** How each scalar kind is read, written and left out when it is the default. */
import type { ScalarKind } from './descriptors.ts'
import { readLength, readVarint, takeFixed, type WireReader, wireTypes } from './wire-reader.ts'
import { prepend, writeVarint32, writeVarint64, type WireWriter } from './wire-writer.ts'

export interface ScalarCodec {
  wireType: number
  read(reader: WireReader, end: number): unknown
  write(writer: WireWriter, value: unknown): void
  isDefault(value: unknown): boolean
}

/** The table is looked up by kind, so the value's type is known to be the kind's. */
const scalar = <T>(
  wireType: number,
  read: (reader: WireReader, end: number) => T,
  write: (writer: WireWriter, value: T) => void,
  isDefault: (value: T) => boolean,
): ScalarCodec => ({ wireType, read, write, isDefault })

const readText = (reader: WireReader, end: number): string => {
  const length = readLength(reader, end)
  const start = reader.position
  reader.position = start + length
  return length === 0 ? '' : reader.buffer.toString('utf8', start, start + length)
}

const writeText = (writer: WireWriter, text: string): void => {
  const size = Buffer.byteLength(text)
  const at = prepend(writer, size)
  writer.bytes.write(text, at)
  writeVarint32(writer, size)
}

/** A view, not a copy: it lives as long as the request's bytes. */
const readBytes = (reader: WireReader, end: number): Uint8Array => {
  const length = readLength(reader, end)
  const start = reader.position
  reader.position = start + length
  return reader.bytes.subarray(start, start + length)
}

const writeBytes = (writer: WireWriter, value: Uint8Array): void => {
  const at = prepend(writer, value.length)
  writer.bytes.set(value, at)
  writeVarint32(writer, value.length)
}

const readSigned32 = (reader: WireReader): number => {
  readVarint(reader)
  return reader.low | 0
}

/** Negative int32 travel as ten bytes, sign-extended. */
const writeSigned32 = (writer: WireWriter, value: number): void =>
  value < 0 ? writeVarint64(writer, BigInt(value)) : writeVarint32(writer, value)

const readUnsigned64 = (reader: WireReader): bigint => {
  readVarint(reader)
  return reader.high === 0 ? BigInt(reader.low) : (BigInt(reader.high) << 32n) | BigInt(reader.low)
}

const isZero = (value: number): boolean => value === 0
const isZero64 = (value: bigint): boolean => value === 0n
const { varint, fixed32, fixed64, lengthDelimited } = wireTypes

const bytes = scalar<Uint8Array>(lengthDelimited, readBytes, writeBytes, (value) => value.length === 0)
const int32 = scalar<number>(varint, readSigned32, writeSigned32, isZero)

export const scalarCodecs: Record<ScalarKind, ScalarCodec> = {
  string: scalar<string>(lengthDelimited, readText, writeText, (value) => value === ''),
  bytes,
  hexId: bytes,
  bool: scalar<boolean>(
    varint,
    (reader) => {
      readVarint(reader)
      return reader.low !== 0 || reader.high !== 0
    },
    (writer, value) => writeVarint32(writer, value ? 1 : 0),
    (value) => !value,
  ),
  enum: int32,
  int32,
  uint32: scalar<number>(
    varint,
    (reader) => {
      readVarint(reader)
      return reader.low
    },
    writeVarint32,
    isZero,
  ),
  sint32: scalar<number>(
    varint,
    (reader) => {
      readVarint(reader)
      return (reader.low >>> 1) ^ -(reader.low & 1)
    },
    (writer, value) => writeVarint32(writer, ((value << 1) ^ (value >> 31)) >>> 0),
    isZero,
  ),
  fixed32: scalar<number>(
    fixed32,
    (reader) => reader.view.getUint32(takeFixed(reader, 4), true),
    (writer, value) => {
      const at = prepend(writer, 4)
      writer.view.setUint32(at, value, true)
    },
    isZero,
  ),
  int64: scalar<bigint>(
    varint,
    (reader) => BigInt.asIntN(64, readUnsigned64(reader)),
    writeVarint64,
    isZero64,
  ),
  uint64: scalar<bigint>(varint, readUnsigned64, writeVarint64, isZero64),
  fixed64: scalar<bigint>(
    fixed64,
    (reader) => reader.view.getBigUint64(takeFixed(reader, 8), true),
    (writer, value) => {
      const at = prepend(writer, 8)
      writer.view.setBigUint64(at, value, true)
    },
    isZero64,
  ),
  sfixed64: scalar<bigint>(
    fixed64,
    (reader) => reader.view.getBigInt64(takeFixed(reader, 8), true),
    (writer, value) => {
      const at = prepend(writer, 8)
      writer.view.setBigInt64(at, value, true)
    },
    isZero64,
  ),
  double: scalar<number>(
    fixed64,
    (reader) => reader.view.getFloat64(takeFixed(reader, 8), true),
    (writer, value) => {
      const at = prepend(writer, 8)
      writer.view.setFloat64(at, value, true)
    },
    (value) => Object.is(value, 0),
  ),
}
