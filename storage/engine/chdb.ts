import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type ClickHouseClient, type ClickHouseClientConfigOptions, createClient } from '@clickhouse/client'
import { createChdbConnection } from 'chdb/connection'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import { sql } from '../sql.ts'
import { createNameSync } from './durable-names.ts'
import { type Engine, type Session, statementBytesMax } from './engine.ts'

/** The embedded engine on a folder, which only one process can have open. */
export const openChdb = async (settings: { dataDir: string; database: string }): Promise<Engine> => {
  const dataDir = resolve(settings.dataDir)
  const path = join(dataDir, 'chdb')
  await mkdir(path, { recursive: true, mode: 0o700 })
  const blocks: BlockFiles = { folders: blockFolders(dataDir), count: 0 }
  const open = (): Promise<Session> => openSession(path, settings.database, blocks)
  // The first session has the folder locked: until then, block files may be another process's.
  let first: Session | undefined = await open()
  try {
    await emptyFolders(blocks.folders)
  } catch (error) {
    await first.close()
    throw error
  }
  return {
    kind: 'chdb',
    openSession: async () => {
      const session = first ?? (await open())
      first = undefined
      return session
    },
    makeDurable: createNameSync(path),
    close: async () => {
      await first?.close()
      for (const folder of blocks.folders) await rm(folder, { recursive: true, force: true })
    },
  }
}

const openSession = async (path: string, database: string, blocks: BlockFiles): Promise<Session> => {
  const client = connect(path)
  try {
    const name = sql.identifier(database).text
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${name}` })
    await client.command({ query: `USE ${name}` })
    await client.command({ query: `SET session_timezone = 'UTC', max_query_size = ${statementBytesMax}` })
  } catch (error) {
    await client.close()
    throw error
  }
  /** A statement that fails stays in the engine, with all that it holds, until its session runs another. */
  const run = async (query: string): Promise<Buffer> => {
    try {
      const { stream } = await client.exec({ query })
      return await buffer(stream)
    } catch (error) {
      await client.command({ query: 'SELECT 1' }).catch(() => undefined)
      throw error
    }
  }
  return {
    run,
    insert: async ({ into, settings }, block) => {
      const file = await writeBlockFile(blocks, block)
      try {
        await run(`${into} FROM INFILE ${sql.string(file).text} SETTINGS ${settings} FORMAT Native`)
      } finally {
        await rm(file, { force: true })
      }
    },
    close: () => client.close(),
  }
}

const connect = (path: string): ClickHouseClient => {
  try {
    // The client's types know only its own HTTP connection; chDB's implements the same contract.
    const connection = createChdbConnection({ path }) as unknown as NonNullable<
      ClickHouseClientConfigOptions['connection']
    >
    return createClient({ connection })
  } catch (error) {
    // The engine writes to stderr what is wrong, and throws without it.
    throw new Unavailable(`cannot open the store in ${path}; most likely another process has it open`, {
      cause: error,
    })
  }
}

/** Where blocks wait for the engine to read them, as it takes no bytes beside a statement. */
interface BlockFiles {
  folders: readonly string[]
  count: number
}

/**
 * In memory where the system has it as a folder, else (or when that is full) in the data folder. Named after the data folder,
 * so that what a killed process left in memory is cleared by the next.
 */
const blockFolders = (dataDir: string): string[] => {
  const name = `aftertrace-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`
  return [...(existsSync('/dev/shm') ? [join('/dev/shm', name)] : []), join(dataDir, 'blocks')]
}

const emptyFolders = async (folders: readonly string[]): Promise<void> => {
  for (const folder of folders) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
}

const writeBlockFile = async (files: BlockFiles, block: readonly Uint8Array[]): Promise<string> => {
  const name = `${files.count++}.native`
  let failure: unknown
  for (const folder of files.folders) {
    const file = join(folder, name)
    try {
      await writeFile(file, block)
      return file
    } catch (error) {
      failure = error
      await rm(file, { force: true })
    }
  }
  throw new Unavailable(`cannot write a block of rows: ${messageOf(failure)}`, { cause: failure })
}
