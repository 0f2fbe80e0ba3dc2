import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { messageOf } from '#runtime/errors.ts'
import { EngineError, engineCodes } from '../exceptions.ts'
import { cityHash128 } from './city-hash.ts'
import { compressLz4Block, decompressLz4Block } from './lz4-block.ts'

/**
 * ClickHouse's own framing (`compress=1`, `decompress=1`): blocks of a checksum (16 bytes), a method (1), the size of what
 * follows the checksum (4), the size when decompressed (4), and the compressed bytes.
 */
const checksumBytes = 16
const headerBytes = 9

export type BlockMethod = 'none' | 'lz4' | 'zstd'

const methodCodes: Readonly<Record<BlockMethod, number>> = { none: 0x02, lz4: 0x82, zstd: 0x90 }

/** As many bytes as the server puts into a block. */
const plainBytesMax = 1 << 20
/** Of one block, compressed and decompressed: clients write a whole batch as one. Their own bound is the same. */
const blockBytesMax = 128 << 20
const zstdLevel = 1

export const compressBlock = (plain: Uint8Array, method: BlockMethod): Buffer => {
  const compressed = compress(plain, method)
  const block = Buffer.allocUnsafe(checksumBytes + headerBytes + compressed.length)
  block[checksumBytes] = methodCodes[method]
  block.writeUInt32LE(headerBytes + compressed.length, checksumBytes + 1)
  block.writeUInt32LE(plain.length, checksumBytes + 5)
  block.set(compressed, checksumBytes + headerBytes)
  block.set(cityHash128(block.subarray(checksumBytes)), 0)
  return block
}

const compress = (plain: Uint8Array, method: BlockMethod): Uint8Array => {
  if (method === 'lz4') return compressLz4Block(plain)
  if (method === 'none') return plain
  return zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } })
}

/** What came before an error is given as a block before the error is. */
export async function* compressBlocks(
  source: AsyncIterable<Uint8Array>,
  method: BlockMethod,
): AsyncGenerator<Buffer> {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  const takePending = (): Buffer => {
    const plain = Buffer.concat(pending, pendingBytes)
    pending = []
    pendingBytes = 0
    return plain
  }
  let failure: { error: unknown } | undefined
  try {
    for await (const chunk of source) {
      for (let from = 0; from < chunk.length;) {
        const piece = chunk.subarray(from, from + plainBytesMax - pendingBytes)
        pending.push(piece)
        pendingBytes += piece.length
        from += piece.length
        if (pendingBytes === plainBytesMax) yield compressBlock(takePending(), method)
      }
    }
  } catch (error) {
    failure = { error }
  }
  if (pendingBytes > 0) yield compressBlock(takePending(), method)
  if (failure !== undefined) throw failure.error
}

/** The bytes that the blocks of a body hold, which may be cut anywhere. @throws EngineError for what are no such blocks */
export async function* decompressBlocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const block = createGrowingBlock()
  for await (const chunk of source)
    for (let rest = chunk; rest.length > 0;) {
      rest = block.append(rest)
      const whole = block.takeWhole()
      if (whole !== undefined) yield decompressBlock(whole)
    }
  if (!block.isEmpty())
    throw new EngineError(engineCodes.CANNOT_READ_ALL_DATA, 'the body ends inside of a compressed block')
}

/** A block as its bytes come, in pieces that may be of one byte. */
const createGrowingBlock = () => {
  let bytes = Buffer.alloc(0)
  let filled = 0
  /** What is known to belong to it: its header, until that says more. */
  let wanted = checksumBytes + headerBytes
  const hasHeader = (): boolean => filled >= checksumBytes + headerBytes

  return {
    isEmpty: () => filled === 0,
    /** Gives what does not belong to it. */
    append: (chunk: Uint8Array): Uint8Array => {
      const piece = chunk.subarray(0, wanted - filled)
      if (filled + piece.length > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.min(wanted, Math.max(2 * bytes.length, filled + piece.length)))
        larger.set(bytes.subarray(0, filled))
        bytes = larger
      }
      bytes.set(piece, filled)
      filled += piece.length
      if (hasHeader()) wanted = checksumBytes + sizesOf(bytes).compressed
      return chunk.subarray(piece.length)
    },
    takeWhole: (): Buffer | undefined => {
      if (!hasHeader() || filled < wanted) return undefined
      const whole = bytes.subarray(0, filled)
      bytes = Buffer.alloc(0)
      filled = 0
      wanted = checksumBytes + headerBytes
      return whole
    },
  }
}

const decompressBlock = (block: Buffer): Buffer => {
  const covered = block.subarray(checksumBytes)
  if (!cityHash128(covered).equals(block.subarray(0, checksumBytes)))
    throw new EngineError(
      engineCodes.CHECKSUM_DOESNT_MATCH,
      `the checksum of a compressed block of ${covered.length} bytes does not match`,
    )
  const { plain: plainBytes } = sizesOf(block)
  const method = covered[0]
  const compressed = covered.subarray(headerBytes)
  try {
    if (method === methodCodes.lz4) return decompressLz4Block(compressed, plainBytes)
    if (method === methodCodes.none) return ofLength(compressed, plainBytes)
    if (method === methodCodes.zstd) return zstdDecompressSync(compressed, { maxOutputLength: plainBytes })
  } catch (error) {
    throw new EngineError(
      engineCodes.CANNOT_DECOMPRESS,
      `cannot decompress a block of ${covered.length} bytes: ${messageOf(error)}`,
    )
  }
  throw new EngineError(
    engineCodes.UNKNOWN_COMPRESSION_METHOD,
    `a block is compressed with method ${method}, which is none of LZ4, ZSTD and NONE`,
  )
}

const ofLength = (bytes: Buffer, length: number): Buffer => {
  if (bytes.length !== length) throw new RangeError(`it has ${bytes.length} bytes instead of ${length}`)
  return bytes
}

const sizesOf = (block: Buffer): { compressed: number; plain: number } => {
  const compressed = block.readUInt32LE(checksumBytes + 1)
  const plain = block.readUInt32LE(checksumBytes + 5)
  if (compressed < headerBytes || Math.max(compressed, plain) > blockBytesMax)
    throw new EngineError(
      engineCodes.TOO_LARGE_SIZE_COMPRESSED,
      `a compressed block has ${compressed} bytes, decompressed ${plain}; at most ${blockBytesMax} can be`,
    )
  return { compressed, plain }
}
