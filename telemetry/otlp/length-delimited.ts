/** A length-delimited field of protobuf: bytes, a text, or a message that is encoded already. */
export const lengthDelimited = (fieldNumber: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([lengthPrefix(fieldNumber, bytes.length), bytes])

/** What stands in front of the bytes of such a field. */
export const lengthPrefix = (fieldNumber: number, byteCount: number): Buffer =>
  Buffer.from([...varint(tagOf(fieldNumber)), ...varint(byteCount)])

export const lengthPrefixBytes = (fieldNumber: number, byteCount: number): number =>
  varintBytes(tagOf(fieldNumber)) + varintBytes(byteCount)

const lengthDelimitedType = 2

const tagOf = (fieldNumber: number): number => fieldNumber * 8 + lengthDelimitedType

const varint = (value: number): number[] => {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return [...bytes, rest]
}

const varintBytes = (value: number): number => {
  let count = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++
  return count
}
