const marker = '__exception__'
const newline = '\n'
/** Of the whole block: clients look back no further. */
const blockBytesMax = 16 << 10
/** Of what stands around the message. */
const frameBytesMax = 128

/**
 * An exception behind rows, by which clients recognise that they are not all: a marker, the tag that a header of the answer has,
 * the message, its length, and both again.
 */
export const exceptionBlock = (text: string, tag: string): Buffer => {
  const message = Buffer.from(text).subarray(0, blockBytesMax - frameBytesMax - tag.length)
  return Buffer.concat([
    Buffer.from(`\r\n${marker}\r\n${tag}\r\n`),
    message,
    Buffer.from(`${newline}${message.length + newline.length} ${tag}\r\n${marker}\r\n`),
  ])
}
