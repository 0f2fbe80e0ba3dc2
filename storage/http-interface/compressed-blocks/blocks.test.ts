import { readFileSync } from 'node:fs'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { checksumsFile } from '../../../test/harness/recorded-exchanges.ts'
import { seededIntegers } from '../../../test/harness/seeded-random.ts'
import { type BlockMethod, compressBlock, compressBlocks, decompressBlocks } from './blocks.ts'
import { cityHash128 } from './city-hash.ts'
import { compressLz4Block, decompressLz4Block } from './lz4-block.ts'

const below = seededIntegers(11)
const bytesOf = (length: number, byteAt: (index: number) => number): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index++) bytes[index] = byteAt(index)
  return bytes
}

/** From what cannot be compressed to what is one byte, over and over. */
const contents: Buffer[] = [
  ...[0, 1, 2, 4, 5, 11, 12, 13, 14, 20, 64, 255, 256, 270, 1000, 70_000].flatMap((length) => [
    bytesOf(length, () => below(256)),
    bytesOf(length, () => 7),
    bytesOf(length, (index) => index % 3),
    bytesOf(length, () => below(4)),
  ]),
  Buffer.from('an answer of rows, of rows, of rows '.repeat(5000)),
  bytesOf(300_000, (index) => (index < 150_000 ? below(256) : index % 251)),
]

const outcomeOf = (act: () => number): string => {
  try {
    return String(act())
  } catch (error) {
    return error instanceof Error ? error.name : 'thrown'
  }
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}
const gather = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(source))

describe('the checksum of a compressed block', () => {
  it('is the one that clickhouse-go computes', () => {
    const known = JSON.parse(readFileSync(checksumsFile, 'utf8')) as { length: number; checksum: string }[]
    expect(known.length).toBeGreaterThan(50)
    const computed = known.map(({ length }) => {
      const content = bytesOf(length, (index) => (index * 131 + Math.floor(index / 7) * 29 + length) % 256)
      return { length, checksum: cityHash128(content).toString('hex') }
    })
    expect(computed).toEqual(known)
  })
})

describe('LZ4 blocks', () => {
  it('hold what was compressed', () => {
    for (const content of contents)
      expect(decompressLz4Block(compressLz4Block(content), content.length).equals(content)).toBe(true)
  })

  it('are small where there is something to save', () => {
    expect(compressLz4Block(Buffer.alloc(1 << 20)).length).toBeLessThan(5000)
    expect(compressLz4Block(Buffer.from('an answer of rows '.repeat(5000))).length).toBeLessThan(500)
  })

  it('that are damaged are refused, and write nowhere', () => {
    const whole = compressLz4Block(Buffer.from('an answer of rows, of many rows '.repeat(50)))
    for (let round = 0; round < 20_000; round++) {
      const damaged = Buffer.from(whole)
      for (let change = below(3); change >= 0; change--) damaged[below(damaged.length)] = below(256)
      const cut = damaged.subarray(0, below(damaged.length + 1))
      expect(outcomeOf(() => decompressLz4Block(cut, 1600).length)).toMatch(/^(?:1600|RangeError)$/)
    }
  })
})

describe("ClickHouse's compressed blocks", () => {
  const methods: BlockMethod[] = ['none', 'lz4', 'zstd']

  it('hold what was compressed, however they are cut', async () => {
    for (const method of methods)
      for (const content of contents.slice(-6)) {
        const blocks = await gather(compressBlocks(inPieces(content, 7777), method))
        for (const size of [1, 1000, blocks.length + 1])
          expect((await gather(decompressBlocks(inPieces(blocks, size)))).equals(content)).toBe(true)
      }
  })

  it('are of a megabyte at most, and one after the other', async () => {
    const blocks = await Array.fromAsync(compressBlocks(inPieces(Buffer.alloc(2_500_000), 1_000_000), 'none'))
    expect(blocks.map(({ length }) => length - 25)).toEqual([1 << 20, 1 << 20, 2_500_000 - (2 << 20)])
  })

  it('come before the error that ended what they hold', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('rows')
      throw new Error('the statement failed')
    }
    const blocks = compressBlocks(failing(), 'lz4')
    const first = await blocks.next()
    expect((await gather(decompressBlocks([first.value as Buffer].values() as never))).toString()).toBe(
      'rows',
    )
    await expect(blocks.next()).rejects.toThrow('the statement failed')
  })

  it('are refused where a byte of them has changed', async () => {
    for (const method of methods) {
      const block = compressBlock(Buffer.from('rows of a table '.repeat(20)), method)
      for (let at = 0; at < block.length; at += 3) {
        const damaged = Buffer.from(block)
        damaged[at] = (block[at] as number) ^ 0x41
        await expect(gather(decompressBlocks(inPieces(damaged, 50)))).rejects.toMatchObject({
          name: 'EngineError',
        })
      }
    }
  })

  it('are refused where they are torn, too large, or of a method that nobody knows', async () => {
    const block = compressBlock(Buffer.from('rows'), 'lz4')
    const refused = (bytes: Buffer, code: number): Promise<void> =>
      expect(gather(decompressBlocks(inPieces(bytes, 1000)))).rejects.toMatchObject({ code })
    await refused(block.subarray(0, -1), 33)
    await refused(block.subarray(0, 10), 33)
    const large = Buffer.from(block)
    large.writeUInt32LE(2 ** 31, 16 + 5)
    await refused(large, 39)
    const unknown = Buffer.from(block.subarray(16))
    unknown[0] = 0x83
    await refused(Buffer.concat([cityHash128(unknown), unknown]), 89)
    const wrong = Buffer.concat([Buffer.from([0x90, 0, 0, 0, 0, 3, 0, 0, 0]), zstdCompressSync('rows')])
    wrong.writeUInt32LE(wrong.length, 1)
    await refused(Buffer.concat([cityHash128(wrong), wrong]), 271)
  })
})
