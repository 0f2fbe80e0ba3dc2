/** A length-delimited field of protobuf: bytes, a text, or a message that is encoded already. */
export const lengthDelimited = (fieldNumber: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([
    Buffer.from([...varint(fieldNumber * 8 + lengthDelimitedType), ...varint(bytes.length)]),
    bytes,
  ])

const lengthDelimitedType = 2

const varint = (value: number): number[] => {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return [...bytes, rest]
}
