import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, open, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError, engineCodes } from './exceptions.ts'

/** Of one body, decompressed. */
const bodyBytesMax = 4 * 2 ** 30
/** Of all bodies that are waiting or being read by the engine. */
const allBodiesBytesMax = 16 * 2 ** 30
/** Beyond, a body goes from memory to the disk. */
const bodyInMemoryBytesMax = 64 << 20
const allInMemoryBytesMax = 256 << 20

/**
 * Rows that came with a request, in files: the engine takes no bytes beside a statement, and rows that came only in part must
 * not reach it. What fits is in memory, where the system has that as a folder.
 */
export interface BodyFiles {
  /** @throws EngineError when it is larger than a body, or all bodies, may be */
  write(source: AsyncIterable<Uint8Array>): Promise<BodyFile>
}

export interface BodyFile {
  path: string
  byteCount: number
  remove(): Promise<void>
}

interface Usage {
  bytes: number
  bytesInMemory: number
}

interface Folders {
  /** Undefined where the system has none. */
  memory: string | undefined
  disk: string
}

export const createBodyFiles = async (folders: Folders): Promise<BodyFiles> => {
  const usage: Usage = { bytes: 0, bytesInMemory: 0 }
  for (const folder of [folders.memory, folders.disk])
    if (folder !== undefined) await mkdir(folder, { recursive: true, mode: 0o700 })
  return {
    write: async (source) => {
      const body = await createBody(folders, usage)
      try {
        for await (const piece of gathered(source)) await body.append(piece)
        await body.close()
      } catch (error) {
        await body.remove()
        throw error
      }
      return body
    },
  }
}

/** Clients that send row by row send many small pieces. */
const pieceBytesMin = 256 << 10

async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let chunks: Uint8Array[] = []
  let byteCount = 0
  for await (const chunk of source) {
    chunks.push(chunk)
    byteCount += chunk.length
    if (byteCount < pieceBytesMin) continue
    yield Buffer.concat(chunks, byteCount)
    chunks = []
    byteCount = 0
  }
  if (byteCount > 0) yield Buffer.concat(chunks, byteCount)
}

interface GrowingBody extends BodyFile {
  append(chunk: Uint8Array): Promise<void>
  close(): Promise<void>
}

const createBody = async (folders: Folders, usage: Usage): Promise<GrowingBody> => {
  const name = `body-${randomUUID()}`
  let isInMemory = folders.memory !== undefined && usage.bytesInMemory < allInMemoryBytesMax
  let path = join(isInMemory ? (folders.memory ?? '') : folders.disk, name)
  let file = await open(path, 'w', 0o600)
  let byteCount = 0

  const moveToDisk = async (): Promise<void> => {
    await file.close()
    const inMemory = path
    path = join(folders.disk, name)
    isInMemory = false
    usage.bytesInMemory -= byteCount
    await copyFile(inMemory, path)
    await rm(inMemory, { force: true })
    // Of a write that failed, a part may be there.
    await truncate(path, byteCount)
    file = await open(path, 'a')
  }
  const write = async (chunk: Uint8Array): Promise<void> => {
    try {
      await file.writeFile(chunk)
    } catch (error) {
      if (!isDiskFull(error)) throw error
      if (!isInMemory)
        throw new EngineError(engineCodes.NOT_ENOUGH_SPACE, 'no space left for the body', { cause: error })
      await moveToDisk()
      await write(chunk)
    }
  }

  return {
    get path() {
      return path
    },
    get byteCount() {
      return byteCount
    },
    append: async (chunk) => {
      const { length } = chunk
      if (byteCount + length > bodyBytesMax)
        throw new EngineError(engineCodes.QUERY_IS_TOO_LARGE, `a body can have at most ${bodyBytesMax} bytes`)
      if (usage.bytes + length > allBodiesBytesMax)
        throw new EngineError(
          engineCodes.TOO_MANY_SIMULTANEOUS_QUERIES,
          `the bodies of all requests together can have at most ${allBodiesBytesMax} bytes; try again later`,
        )
      if (
        isInMemory &&
        (byteCount + length > bodyInMemoryBytesMax || usage.bytesInMemory + length > allInMemoryBytesMax)
      )
        await moveToDisk()
      await write(chunk)
      byteCount += length
      usage.bytes += length
      if (isInMemory) usage.bytesInMemory += length
    },
    close: () => file.close(),
    remove: async () => {
      usage.bytes -= byteCount
      if (isInMemory) usage.bytesInMemory -= byteCount
      byteCount = 0
      await file.close().catch(() => undefined)
      await rm(path, { force: true })
    },
  }
}

const isDiskFull = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
