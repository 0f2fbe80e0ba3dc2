import type { IncomingMessage } from 'node:http'
import { pipeline, type Transform } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'
import { messageOf } from '#runtime/errors.ts'
import { decompressBlocks } from './compressed-blocks/blocks.ts'
import { EngineError, engineCodes } from './exceptions.ts'
import type { BodyOptions } from './request-options.ts'

/** The client went away before its request was complete: nobody is left to answer. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone'
}

/** How long a client may be silent while its body is awaited. */
const bodySilenceMillisMax = 60_000
const chunkSize = 64 << 10
/** A frame may ask for a window of gigabytes; the usual levels need at most 8 MiB. */
const zstdWindowLogMax = 27

const decompressors = new Map<string, () => Transform>([
  ['gzip', () => createGunzip({ chunkSize })],
  ['x-gzip', () => createGunzip({ chunkSize })],
  ['deflate', () => createInflate({ chunkSize })],
  ['br', () => createBrotliDecompress({ chunkSize })],
  [
    'zstd',
    () => createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLogMax } }),
  ],
])

/** Encodings that only the engine reads, from the file that rows are put into. */
const fileEncodings = new Set(['lz4', 'xz', 'bz2', 'snappy'])

/** The name of what the engine has to undo by itself where rows come in this encoding, else undefined. */
export const fileEncodingOf = (encoding: string): string | undefined =>
  fileEncodings.has(encoding) ? encoding : undefined

/**
 * The bytes of the body as the client had them before it compressed them. Bytes that only the engine can decompress come as
 * they are.
 *
 * @throws EngineError for what cannot be decompressed, and where the client falls silent. @throws ClientGone
 */
export const readBody = (
  request: IncomingMessage,
  { encoding, hasBlocks }: BodyOptions,
): AsyncIterable<Uint8Array> => {
  const wire = readWire(request)
  const plain = decompress(wire, encoding)
  return hasBlocks ? decompressBlocks(plain) : plain
}

async function* readWire(request: IncomingMessage): AsyncGenerator<Buffer> {
  const late = setTimeout(() => request.destroy(new BodyIsLate()), bodySilenceMillisMax)
  try {
    // Whoever stops reading still wants to answer, on the same socket.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      yield chunk as Buffer
      late.refresh()
    }
  } catch (error) {
    const what =
      error instanceof BodyIsLate ? `nothing came for ${bodySilenceMillisMax / 1000} s` : 'it went away'
    throw new ClientGone(`the client did not send all of its request: ${what}`, { cause: error })
  } finally {
    clearTimeout(late)
  }
}

class BodyIsLate extends Error {}

const decompress = (source: AsyncIterable<Buffer>, encoding: string): AsyncIterable<Buffer> => {
  if (encoding === '' || encoding === 'identity' || fileEncodings.has(encoding)) return source
  const create = decompressors.get(encoding)
  if (create === undefined)
    throw new EngineError(
      engineCodes.UNKNOWN_COMPRESSION_METHOD,
      `Content-Encoding is none of ${[...decompressors.keys(), ...fileEncodings].join(', ')}`,
    )
  return decompressThrough(source, create(), encoding)
}

async function* decompressThrough(
  source: AsyncIterable<Buffer>,
  decompressor: Transform,
  encoding: string,
): AsyncGenerator<Buffer> {
  let failure: unknown
  pipeline(source, decompressor, (error) => (failure = error))
  try {
    yield* decompressor as AsyncIterable<Buffer>
  } catch (error) {
    const cause = failure ?? error
    if (cause instanceof EngineError || cause instanceof ClientGone) throw cause
    throw new EngineError(
      engineCodes.CANNOT_DECOMPRESS,
      `cannot decompress the body as ${encoding}: ${messageOf(cause)}`,
      { cause },
    )
  }
}
