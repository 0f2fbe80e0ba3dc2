/** A length-delimited field of protobuf. */
export const lengthDelimited = (number: number, bytes: Uint8Array): Buffer => {
  const head = [(number << 3) | 2]
  let length = bytes.length
  for (; length >= 0x80; length = Math.floor(length / 128)) head.push((length & 0x7f) | 0x80)
  return Buffer.concat([Buffer.from([...head, length]), bytes])
}
