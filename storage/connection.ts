import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { type ClickHouseClient, type ClickHouseClientConfigOptions, createClient } from '@clickhouse/client'
import { createChdbConnection } from 'chdb/connection'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import { type Sql, sql } from './sql.ts'

/**
 * The store: chDB in this process or a ClickHouse server, behind one small interface. Every SQL text comes from the
 * template of sql.ts. Reads and writes have sessions of their own, because one session runs one query at a time.
 */
export interface Store {
  readonly kind: 'chdb' | 'clickhouse'
  readonly database: string
  /**
   * Rows as objects, columns by name; 64-bit integers come as decimal strings. Runs at most `maxExecutionSeconds`
   * (default 30) and is killed in the engine when `signal` aborts; both throw `QueryStopped`.
   */
  query<Row>(statement: Sql, options?: QueryOptions): Promise<Row[]>
  /** A statement without a result: DDL, ALTER, INSERT ... SELECT. */
  command(statement: Sql): Promise<void>
  /**
   * Inserts one Native block as one part: all rows or none. The block's rows belong to one partition; a block over
   * several is refused by the engine. When this throws, whether the rows are in is not known.
   */
  insertNative(table: string, columns: readonly string[], block: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
}

export interface QueryOptions {
  maxExecutionSeconds?: number
  signal?: AbortSignal
}

export type StoreSettings = {
  database: string
} & ({ dataDir: string } | { clickhouseUrl: string })

/** The query ran into its time limit or was cancelled; nothing is wrong with the store. */
export class QueryStopped extends Error {
  override readonly name = 'QueryStopped'
}

/** How many statements may run side by side in the embedded engine. UV_THREADPOOL_SIZE has to exceed their sum. */
const readSessions = 4
const writeSessions = 3
const maxExecutionSecondsDefault = 30

/**
 * One block, one part: the engine may neither split nor merge what it is given, and more than one partition in a block
 * is an error, because an insert over several partitions is not atomic.
 */
const insertSettings = [
  'async_insert = 0',
  'max_partitions_per_insert_block = 1',
  'throw_on_max_partitions_per_insert_block = 1',
  'max_insert_block_size = 100000000',
  'min_insert_block_size_rows = 100000000',
  'min_insert_block_size_bytes = 4000000000',
  'max_threads = 1',
  'max_insert_threads = 1',
  'materialized_views_ignore_errors = 0',
].join(', ')

export const openStore = (settings: StoreSettings): Promise<Store> =>
  'dataDir' in settings ? openEmbedded(settings) : openServer(settings)

const openEmbedded = async (settings: StoreSettings & { dataDir: string }): Promise<Store> => {
  const dataDir = resolve(settings.dataDir)
  const path = join(dataDir, 'chdb')
  await mkdir(path, { recursive: true, mode: 0o700 })
  const database = sql.identifier(settings.database)
  const openSession = async (): Promise<ClickHouseClient> => {
    const client = createClient({
      // The client's types know only its own HTTP connection; chDB's implements the same contract.
      connection: createChdbConnection({ path }) as unknown as NonNullable<
        ClickHouseClientConfigOptions['connection']
      >,
    })
    await client.command({ query: `CREATE DATABASE IF NOT EXISTS ${database.text}` })
    await client.command({ query: `USE ${database.text}` })
    return client
  }
  const reads = createPool(readSessions, openSession)
  const writes = createPool(writeSessions, openSession)
  const control = createPool(1, openSession)
  const folders = await prepareBlockFolders(dataDir)
  let blockCount = 0

  return {
    kind: 'chdb',
    database: settings.database,
    query: (statement, options) => runQuery(reads, control, statement, options),
    command: (statement) =>
      writes.use(async (client) => void (await client.command({ query: statement.text }))),
    insertNative: async (table, columns, block) => {
      const file = await writeBlockFile(folders, `${table}-${blockCount++}.native`, block)
      try {
        const list = columnList(columns)
        const query = `INSERT INTO ${qualified(settings.database, table)} (${list}) SELECT ${list} FROM file(${sql.string(file).text}, 'Native') SETTINGS ${insertSettings}, max_block_size = 100000000`
        await writes.use(async (client) => void (await client.command({ query })))
      } finally {
        await rm(file, { force: true })
      }
    },
    close: async () => {
      await Promise.all([reads.close(), writes.close(), control.close()])
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })))
    },
  }
}

/**
 * Where blocks wait for the engine to read them: in memory where the system has it as a folder, else (or when that is
 * full) in the data folder. Named after the data folder, which only one process can open, so that what a killed process
 * left in memory is cleared by the next.
 */
const prepareBlockFolders = async (dataDir: string): Promise<string[]> => {
  const name = `aftertrace-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`
  const folders = [...(existsSync('/dev/shm') ? [join('/dev/shm', name)] : []), join(dataDir, 'blocks')]
  for (const folder of folders) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
  }
  return folders
}

const writeBlockFile = async (
  folders: readonly string[],
  name: string,
  block: readonly Uint8Array[],
): Promise<string> => {
  let failure: unknown
  for (const folder of folders) {
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

const openServer = async (settings: StoreSettings & { clickhouseUrl: string }): Promise<Store> => {
  const options = {
    url: settings.clickhouseUrl,
    application: 'aftertrace',
    request_timeout: 120_000,
    max_open_connections: readSessions + writeSessions,
  }
  const bootstrap = createClient(options)
  try {
    await bootstrap.command({
      query: `CREATE DATABASE IF NOT EXISTS ${sql.identifier(settings.database).text}`,
    })
  } finally {
    await bootstrap.close()
  }
  const client = createClient({ ...options, database: settings.database })
  const pool: Pool = { use: (act) => act(client), close: () => client.close() }
  return {
    kind: 'clickhouse',
    database: settings.database,
    query: (statement, queryOptions) => runQuery(pool, pool, statement, queryOptions),
    command: async (statement) => void (await client.command({ query: statement.text })),
    insertNative: async (table, columns, block) => {
      const query = `INSERT INTO ${qualified(settings.database, table)} (${columnList(columns)}) SETTINGS ${insertSettings} FORMAT Native`
      const { stream } = await client.exec({ query, values: Readable.from(block, { objectMode: false }) })
      stream.resume()
      await finished(stream)
    },
    close: () => pool.close(),
  }
}

const qualified = (database: string, table: string): string =>
  `${sql.identifier(database).text}.${sql.identifier(table).text}`
const columnList = (columns: readonly string[]): string =>
  columns.map((column) => sql.identifier(column).text).join(', ')

const runQuery = async <Row>(
  pool: Pool,
  control: Pool,
  statement: Sql,
  options: QueryOptions = {},
): Promise<Row[]> => {
  const { maxExecutionSeconds = maxExecutionSecondsDefault, signal } = options
  // The mark finds the running query again: the embedded engine has no query id of ours.
  const mark = `/* ${crypto.randomUUID()} */`
  const limits = `max_execution_time = ${maxExecutionSeconds}, output_format_json_quote_64bit_integers = 1, output_format_json_quote_denormals = 1`
  const query = `${mark} ${statement.text}\nSETTINGS ${limits} FORMAT JSONEachRow`
  const kill = (): void => {
    const query = `KILL QUERY WHERE position(query, ${sql.string(mark).text}) = 1 ASYNC`
    void control.use((client) => client.command({ query })).catch(() => undefined)
  }
  signal?.addEventListener('abort', kill, { once: true })
  try {
    return await pool.use(async (client) => {
      // Cancelled while it waited for a session.
      if (signal?.aborted) throw new QueryStopped('the query was cancelled before it began')
      const { stream } = await client.exec({ query })
      return parseRows<Row>(stream)
    })
  } catch (error) {
    if (stoppedCodes.has(codeOf(error)))
      throw new QueryStopped(
        `the query was stopped: ${signal?.aborted ? 'cancelled' : `over ${maxExecutionSeconds} s`}`,
        { cause: error },
      )
    throw error
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}

/** The engine's error code. Asked of the field, not the class: chDB's errors are of another copy of the class. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''

/** TIMEOUT_EXCEEDED, QUERY_WAS_CANCELLED, and the client's own form of the latter. */
const stoppedCodes = new Set(['159', '394', '734'])

const parseRows = async <Row>(stream: NodeJS.ReadableStream): Promise<Row[]> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array))
  const text = Buffer.concat(chunks).toString('utf8')
  const rows: Row[] = []
  for (const line of text.split('\n')) if (line !== '') rows.push(JSON.parse(line) as Row)
  return rows
}

interface Pool {
  use<T>(act: (client: ClickHouseClient) => Promise<T>): Promise<T>
  close(): Promise<void>
}

/** A fixed number of sessions, opened when first needed; who finds none free waits in line. */
const createPool = (size: number, open: () => Promise<ClickHouseClient>): Pool => {
  const all: ClickHouseClient[] = []
  let openedCount = 0
  const free: ClickHouseClient[] = []
  const waiting: ((client: ClickHouseClient) => void)[] = []
  let isClosed = false

  const acquire = async (): Promise<ClickHouseClient> => {
    if (isClosed) throw new Unavailable('the store is closed')
    const idle = free.pop()
    if (idle !== undefined) return idle
    if (openedCount < size) {
      openedCount += 1
      try {
        const opened = await open()
        all.push(opened)
        return opened
      } catch (error) {
        openedCount -= 1
        throw error
      }
    }
    const { promise, resolve } = Promise.withResolvers<ClickHouseClient>()
    waiting.push(resolve)
    return promise
  }

  const release = (client: ClickHouseClient): void => {
    const next = waiting.shift()
    if (next === undefined) free.push(client)
    else next(client)
  }

  const busy = new Set<Promise<unknown>>()

  return {
    use: async (act) => {
      const client = await acquire()
      const run = act(client)
      busy.add(run)
      try {
        return await run
      } finally {
        busy.delete(run)
        release(client)
      }
    },
    close: async () => {
      isClosed = true
      await Promise.allSettled(busy)
      await Promise.all(all.map((client) => client.close()))
    },
  }
}
