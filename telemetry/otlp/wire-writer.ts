/**
 * Protobuf's wire format, written from the end to the start: when a message's fields are there, its length is known,
 * and goes in front of them without a first pass over the sizes.
 */
export interface WireWriter {
  bytes: Buffer
  view: DataView
  /** What is written lies between here and the end. */
  position: number
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const createWireWriter = (): WireWriter => {
  const bytes = Buffer.alloc(16 * 1024)
  return { bytes, view: viewOf(bytes), position: bytes.length }
}

export const writtenBytes = (writer: WireWriter): Uint8Array =>
  new Uint8Array(writer.bytes.subarray(writer.position))

/** Makes room for `size` bytes before what is written and returns where they start. May replace `bytes` and `view`. */
export const prepend = (writer: WireWriter, size: number): number => {
  if (writer.position < size) {
    const written = writer.bytes.length - writer.position
    const bytes = Buffer.alloc(Math.max(writer.bytes.length * 2, written + size))
    writer.bytes.copy(bytes, bytes.length - written, writer.position)
    writer.bytes = bytes
    writer.view = viewOf(bytes)
    writer.position = bytes.length - written
  }
  writer.position -= size
  return writer.position
}

/** An unsigned number below 2^32. */
export const writeVarint32 = (writer: WireWriter, value: number): void => {
  let size = 1
  for (let rest = value >>> 7; rest !== 0; rest >>>= 7) size++
  let at = prepend(writer, size)
  for (let rest = value >>> 0; size > 0; size--, rest >>>= 7)
    writer.bytes[at++] = (rest & 0x7f) | (size > 1 ? 0x80 : 0)
}

/** The 64 bits of a signed or unsigned integer. */
export const writeVarint64 = (writer: WireWriter, value: bigint): void => {
  let rest = BigInt.asUintN(64, value)
  if (rest <= 0xffff_ffffn) return writeVarint32(writer, Number(rest))
  const septets: number[] = []
  for (; rest > 0n; rest >>= 7n) septets.push(Number(rest & 0x7fn))
  let at = prepend(writer, septets.length)
  septets.forEach((septet, index) => {
    writer.bytes[at++] = septet | (index < septets.length - 1 ? 0x80 : 0)
  })
}

/** The length goes in front of what was written since `end` was the position. */
export const writeLengthSince = (writer: WireWriter, end: number): void => {
  writeVarint32(writer, writer.bytes.length - writer.position - end)
}

/** How much is written so far; give it to `writeLengthSince` afterwards. Offsets from the end survive growth. */
export const writtenLength = (writer: WireWriter): number => writer.bytes.length - writer.position
