import { setImmediate as nextTurn } from 'node:timers/promises'

/** What is larger is gone over in pieces of this size. To hash one takes about half a millisecond. */
export const pieceBytesMax = 1 << 20

/** The event loop goes on between two pieces. A digest on another thread would have to copy all bytes first, which takes as long. */
export const piecesOf = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += pieceBytesMax) {
    yield bytes.subarray(start, start + pieceBytesMax)
    await nextTurn()
  }
}
