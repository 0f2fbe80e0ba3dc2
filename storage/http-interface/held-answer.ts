import { createReadStream } from 'node:fs'
import type { BodyFile, BodyFiles } from './body-files.ts'

/** The beginning of an answer, held back until it is known whether it will be one. */
export interface HeldAnswer {
  /** All of it is held, and the statement has ended well. */
  isWhole: boolean
  /** All of it, in pieces; throws where the statement fails after what is held. */
  bytes: AsyncIterable<Uint8Array>
  release(): Promise<void>
}

/** @throws what the source throws before so many bytes came, or, where all of it is held, before its end */
export const holdAnswer = async (
  source: AsyncGenerator<Uint8Array>,
  { bytesMax, isHeldWhole, files }: { bytesMax: number; isHeldWhole: boolean; files: BodyFiles },
): Promise<HeldAnswer> => {
  const pieces: Uint8Array[] = []
  let byteCount = 0
  while (byteCount < bytesMax) {
    const next = await source.next()
    if (next.done === true) return { isWhole: true, bytes: concatenated(pieces), release: nothing }
    pieces.push(next.value)
    byteCount += next.value.length
  }
  if (!isHeldWhole) return { isWhole: false, bytes: concatenated(pieces, source), release: nothing }
  const file: BodyFile = await files.write(source)
  return {
    isWhole: true,
    bytes: concatenated(pieces, createReadStream(file.path)),
    release: () => file.remove(),
  }
}

const nothing = (): Promise<void> => Promise.resolve()

async function* concatenated(
  pieces: readonly Uint8Array[],
  rest?: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* pieces
  if (rest !== undefined) yield* rest
}
