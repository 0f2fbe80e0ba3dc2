import { Readable, type Transform } from 'node:stream'
import { constants, createBrotliCompress, createDeflate, createGzip, createZstdCompress } from 'node:zlib'
import { compressBlock, compressBlocks } from './compressed-blocks/blocks.ts'
import type { AnswerEncoding, AnswerOptions } from './request-options.ts'

const encoders: Readonly<Record<AnswerEncoding, (level: number) => Transform>> = {
  zstd: (level) => createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: level } }),
  br: (level) => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: level } }),
  gzip: (level) => createGzip({ level }),
  deflate: (level) => createDeflate({ level }),
}
/** The highest that every one of them has. */
const levelMax = 9

export interface EncodedAnswer {
  bytes: AsyncIterable<Uint8Array>
  /** Whether it ended with an exception instead of its last rows. */
  hasFailed(): boolean
}

/**
 * What the engine wrote in the form that the client asked for. Where it fails, `exceptionOf` makes the last bytes, which go the same
 * way.
 */
export const encodeAnswer = (
  source: AsyncIterable<Uint8Array>,
  { encoding, compressionLevel, blocks }: AnswerOptions,
  exceptionOf: (error: unknown) => Uint8Array,
): EncodedAnswer => {
  let hasFailed = false
  const framed = blocks === undefined ? source : compressBlocks(source, blocks)
  async function* withException(): AsyncGenerator<Uint8Array> {
    try {
      yield* framed
    } catch (error) {
      hasFailed = true
      const exception = exceptionOf(error)
      yield blocks === undefined ? exception : compressBlock(exception, blocks)
    }
  }
  const bytes =
    encoding === undefined
      ? withException()
      : (Readable.from(withException(), { objectMode: false }).compose(
          encoders[encoding](Math.min(compressionLevel, levelMax)),
        ) as AsyncIterable<Uint8Array>)
  return { bytes, hasFailed: () => hasFailed }
}
