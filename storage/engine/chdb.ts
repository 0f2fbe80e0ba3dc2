import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type ClickHouseClient, type ClickHouseClientConfigOptions, createClient } from '@clickhouse/client'
import { createChdbConnection } from 'chdb/connection'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import { sql } from '../sql.ts'
import { blockFolders, chdbPath, emptyFolders, existing, ownerOf, removeFolders } from './data-folder.ts'
import { createNameSync } from './durable-names.ts'
import { type Engine, type Session, statementBytesMax } from './engine.ts'

/** The embedded engine on a folder, which only one process can have open. */
export const openChdb = async (settings: { dataDir: string; database: string }): Promise<Engine> => {
  const { dataDir, database } = settings
  await mkdir(chdbPath(dataDir), { recursive: true, mode: 0o700 })
  const folders = blockFolders(dataDir)
  const blocks: BlockFiles = { folders: existing(folders), count: 0 }
  const open = (): Promise<Session> => openSession(dataDir, database, blocks)
  // The first session has the folder locked: until then, block files may be another process's.
  let first: Session | undefined = await open()
  try {
    await emptyFolders(folders)
  } catch (error) {
    await first.close()
    throw error
  }
  const makeDurable = createNameSync(chdbPath(dataDir))
  return {
    kind: 'chdb',
    openSession: async () => {
      const session = first ?? (await open())
      first = undefined
      return session
    },
    makeDurable,
    close: async () => {
      await first?.close()
      await removeFolders(folders)
    },
  }
}

const openSession = async (dataDir: string, database: string, blocks: BlockFiles): Promise<Session> => {
  const client = connect(dataDir)
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

const connect = (dataDir: string): ClickHouseClient => {
  try {
    // The client's types know only its own HTTP connection; chDB's implements the same contract.
    const connection = createChdbConnection({ path: chdbPath(dataDir) }) as unknown as NonNullable<
      ClickHouseClientConfigOptions['connection']
    >
    return createClient({ connection })
  } catch (error) {
    // The engine writes to stderr what is wrong, and throws without it.
    const owner = ownerOf(dataDir)
    const reason =
      owner === undefined
        ? `cannot open the store in ${dataDir}`
        : `the data folder ${dataDir} is in use by process ${owner}: one process can have its store open`
    throw new Unavailable(reason, { cause: error })
  }
}

interface BlockFiles {
  folders: readonly string[]
  count: number
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
