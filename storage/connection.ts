import { setTimeout as delay } from 'node:timers/promises'
import { openChdb } from './engine/chdb.ts'
import { openClickHouse } from './engine/clickhouse.ts'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import { type Engine, NoAnswer, codeOf, statementBytesMax } from './engine/engine.ts'
import { type SessionPool, createSessionPool } from './engine/session-pool.ts'
import { type Sql, sql } from './sql.ts'

export { codeOf, statementBytesMax }

/**
 * The store: chDB in this process or a ClickHouse server (26.2 or newer), behind one small interface. Every SQL text comes
 * from the template of sql.ts. What follows holds for both, and conformance/ holds both to it.
 *
 * **Side by side.** Reads, writes (`command`, `insertNative`) and cancelling have sessions of their own (`sessionCounts`),
 * because one session runs one statement at a time: a long read does not hold up a write, nor another read while a session
 * is free. Who finds none free waits in line, first come, first served, and its time limit begins when its turn comes.
 * A statement sees what every statement that was awaited before it has done, whatever sessions the two ran in.
 * Nothing sticks to a session: settings hold for the statement that has them, `SET` and `USE` have no place here, and after
 * an error a session is as good as before.
 *
 * **Power.** What a statement changed outlives a loss of power once it resolved, the names of tables and parts included, where
 * the table syncs what it writes (storage/schema says so of ours). A server's disks are its own to see to.
 *
 * **Errors.** What the engine refuses is thrown as its own error, with its message and a code that `codeOf` tells, also when it
 * fails after its first rows. `QueryStopped` says that nothing is wrong but the time, `QueryTooLarge` nothing but the size.
 * `Unavailable` is thrown by a store that is closed, where a server cannot be reached or does not answer, and where it has
 * no memory left for anybody; a statement that changes something may have been done then.
 *
 * **Sizes.** A query has so much memory (`readMemoryBytesMax`; what sorts and groups goes to disk before that) and so many
 * bytes of rows (`resultBytesMax`). A statement may be `statementBytesMax` long.
 */
export interface Store {
  readonly kind: 'chdb' | 'clickhouse'
  readonly database: string
  /**
   * The rows of a statement that has rows, all in memory, in the order of its ORDER BY (without one, in any order); an
   * object per row, columns by name in the order of the SELECT. Values come as JSON can hold them without loss:
   * - integers of 64 bits and more, and decimals, as strings of digits, also inside of arrays, maps and tuples; smaller
   *   integers as numbers;
   * - floats as numbers, to the last bit, minus zero and denormals included; those that are none as 'nan', 'inf', '-inf';
   * - Bool as a boolean, Nullable as null or the value, LowCardinality as what it holds;
   * - Date, DateTime, DateTime64 as 'YYYY-MM-DD hh:mm:ss.fff' with all digits, in the column's time zone, else in UTC,
   *   whatever the zones of machine and server; UUID and Enum as their text;
   * - Array and Tuple as an array, a tuple with names as an object, Map as an object: of entries with the same key the last
   *   one, and keys that look like numbers first. Who needs all entries in order asks for `mapEntries` of attribute-list.ts;
   * - String and FixedString (with its zero bytes) as text. Bytes that are not UTF-8 come as U+FFFD: who needs them asks
   *   for `hex`.
   *
   * @throws QueryTooLarge when its rows, or what they are made of, exceed their bounds. @throws QueryStopped when it runs into its time limit, and when `signal` aborts, whenever that is: before, in line (at
   * once), while it runs, and while its last rows are on their way. A query that began is stopped in the engine first. A
   * signal that aborts once the rows were given does nothing.
   */
  query<Row>(this: void, statement: Sql, options?: QueryOptions): Promise<Row[]>
  /**
   * A statement without a result: DDL, ALTER, INSERT ... SELECT. Takes as long as it takes; only a server that has not answered
   * after hours is given up (`commandSecondsMax`). One statement: a server refuses several, chDB would run them.
   */
  command(this: void, statement: Sql): Promise<void>
  /**
   * Inserts one Native block as one part: all rows or none, to readers too, however large it is and however many callers
   * insert at once. A block of no rows makes no part. `columns` names the columns of the block; those that the table has
   * beside them get their defaults. The block may come in pieces, cut anywhere.
   *
   * Nothing is in, and the engine's error thrown, where rows belong to more than one partition, where the table lacks a column,
   * where a type is not the column's (nothing is converted, but LowCardinality), and where the block is torn. The engine's
   * own deduplication is off: a block that is given twice is there twice.
   *
   * Whatever else is thrown, whether the rows are in is not known, nor whether all that the engine derives from them is. But
   * it is settled: as far as the server can still be reached, the insert has been stopped there before this throws, and
   * nothing arrives later.
   */
  insertNative(
    this: void,
    table: string,
    columns: readonly string[],
    block: readonly Uint8Array[],
  ): Promise<void>
  /**
   * Waits for every statement that has a session; those in line, and whatever comes later, are refused as `Unavailable`.
   * Queries can be cancelled until the end. May be called again, and resolves with the first call.
   */
  close(this: void): Promise<void>
}

export interface QueryOptions {
  /** At most so long in the engine, default 30. Fractions count; where nothing is left, the query is not begun. */
  maxExecutionSeconds?: number
  /** Bytes of all rows as columns hold them, before they become JSON; default `resultBytesMax`. */
  resultBytesMax?: number
  signal?: AbortSignal
}

export type StoreSettings = {
  database: string
} & ({ dataDir: string } | { clickhouseUrl: string })

/** The query ran into its time limit or was cancelled; nothing is wrong with the store. */
export class QueryStopped extends Error {
  override readonly name = 'QueryStopped'
}

/** The query needs more memory, or has more bytes of rows, than one may have: asked in smaller parts, it will do. */
export class QueryTooLarge extends Error {
  override readonly name = 'QueryTooLarge'
}

/** Of one query; as many run side by side as there are sessions of reads. */
export const readMemoryBytesMax = 1 << 30
/** From here on sorting and grouping go on in files. */
const spillBytesMin = readMemoryBytesMax / 2
/** As text in this process they may be several times as many. */
export const resultBytesMax = 256 << 20

/** How many statements may run side by side. UV_THREADPOOL_SIZE has to exceed their sum, as chDB runs on libuv's threads. */
export const sessionCounts = { reads: 4, writes: 3, control: 1 } as const

const maxExecutionSecondsDefault = 30
/** The engine's own limit; an insert that takes longer is stopped by it. */
const insertSecondsMax = 300
const commandSecondsMax = 6 * 3600
/** How long after its time limit a statement's answer is waited for before a server is taken for gone. */
const answerSecondsMax = 15
const killSecondsMax = 10
const killAgainMillis = 50

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
  // It takes a block for one that it knows when only its record came to disk before a crash, not its rows.
  `deduplicate_insert = 'disable'`,
  'input_format_native_allow_types_conversion = 0',
  'input_format_skip_unknown_fields = 0',
  `max_execution_time = ${insertSecondsMax}`,
].join(', ')

/** What the values of rows rest on, whatever the profile of the server's user says. */
const rowSettings = [
  'output_format_json_quote_64bit_integers = 1',
  'output_format_json_quote_64bit_floats = 0',
  'output_format_json_quote_denormals = 1',
  'output_format_json_quote_decimals = 1',
  'output_format_json_named_tuples_as_objects = 1',
  'output_format_json_map_as_array_of_tuples = 0',
  `date_time_output_format = 'simple'`,
].join(', ')

const sizeSettings = [
  `max_memory_usage = ${readMemoryBytesMax}`,
  `max_bytes_before_external_group_by = ${spillBytesMin}`,
  `max_bytes_before_external_sort = ${spillBytesMin}`,
  `result_overflow_mode = 'throw'`,
].join(', ')

/** The store is there and answers when this resolves. @throws Unavailable when it cannot be had now. */
export const openStore = async (settings: StoreSettings): Promise<Store> => {
  const { database } = settings
  const engine = await ('dataDir' in settings
    ? openChdb({ dataDir: settings.dataDir, database })
    : openClickHouse({ url: settings.clickhouseUrl, database }))
  return createStore(engine, database)
}

const createStore = (engine: Engine, database: string): Store => {
  const createPool = (sessionsMax: number): SessionPool =>
    createSessionPool(sessionsMax, () => engine.openSession())
  const reads = createPool(sessionCounts.reads)
  const writes = createPool(sessionCounts.writes)
  const control = createPool(sessionCounts.control)
  const closeAll = async (): Promise<void> => {
    await Promise.all([reads.close(), writes.close()])
    await control.close()
    await engine.close()
  }
  let closing: Promise<void> | undefined

  return {
    kind: engine.kind,
    database,
    query: (statement, options) => runQuery(reads, control, statement, options),
    command: (statement) =>
      writes.use(async (session) => {
        await session.run(statement.text, commandSecondsMax)
        await engine.makeDurable()
      }),
    insertNative: async (table, columns, block) => {
      const mark = newMark()
      const list = columns.map((column) => sql.identifier(column).text).join(', ')
      const into = `${mark} INSERT INTO ${sql.identifier(database).text}.${sql.identifier(table).text} (${list})`
      try {
        await writes.use(async (session) => {
          await session.insert({ into, settings: insertSettings }, block, insertSecondsMax + answerSecondsMax)
          await engine.makeDurable()
        })
      } catch (error) {
        if (error instanceof NoAnswer) await kill(control, mark, 'SYNC')
        throw error
      }
    },
    close: () => (closing ??= closeAll()),
  }
}

const runQuery = async <Row>(
  pool: SessionPool,
  control: SessionPool,
  statement: Sql,
  {
    maxExecutionSeconds = maxExecutionSecondsDefault,
    resultBytesMax: bytesMax = resultBytesMax,
    signal,
  }: QueryOptions = {},
): Promise<Row[]> => {
  if (signal?.aborted) throw cancelled()
  // To the engine, no limit is 0.
  if (!(maxExecutionSeconds > 0)) throw new QueryStopped('the query was not begun: no time was left for it')
  const seconds = Math.ceil(maxExecutionSeconds * 1000) / 1000
  const mark = newMark()
  const limits = `${sizeSettings}, max_result_bytes = ${bytesMax}, max_execution_time = ${seconds}`
  const text = `${mark} ${statement.text}\nFORMAT JSONEachRow SETTINGS ${rowSettings}, ${limits}`
  try {
    const rows = await pool.use((session) => {
      // Cancelled at the moment in which its turn came.
      signal?.throwIfAborted()
      return killedOnAbort(session.run(text, seconds + answerSecondsMax), { control, mark, signal })
    }, signal)
    signal?.throwIfAborted()
    return parseRows<Row>(rows)
  } catch (error) {
    if (signal?.aborted) throw cancelled(error)
    if (stoppedCodes.has(codeOf(error)))
      throw new QueryStopped(`the query was stopped: over ${seconds} s, or by an operator`, { cause: error })
    throw tooLarge(error) ?? error
  }
}

const cancelled = (cause?: unknown): QueryStopped =>
  new QueryStopped('the query was stopped: cancelled', { cause })

/** TIMEOUT_EXCEEDED, QUERY_WAS_CANCELLED, and the client's own form of the latter. */
const stoppedCodes = new Set(['159', '394', '734'])

const memoryCode = '241'
const resultCode = '396'

/** What the engine says where a bound on sizes was met, in our words; undefined where it says something else. */
const tooLarge = (error: unknown): Error | undefined => {
  const code = codeOf(error)
  if (code === resultCode)
    return new QueryTooLarge('the query was stopped: its rows have too many bytes', { cause: error })
  if (code !== memoryCode) return undefined
  // What all statements of the server or of the user have together is not this one's to mend.
  return /^\((?:total|for user)\)/i.test(messageOf(error))
    ? new Unavailable('the store has no memory left for the query', { cause: error })
    : new QueryTooLarge(`the query was stopped: over ${readMemoryBytesMax >> 20} MiB of memory`, {
        cause: error,
      })
}

/** Finds a running statement again: the embedded engine has no query id of ours. */
const newMark = (): string => `/* ${crypto.randomUUID()} */`

const kill = async (control: SessionPool, mark: string, mode: 'SYNC' | 'ASYNC'): Promise<void> => {
  const statement = `KILL QUERY WHERE position(query, ${sql.string(mark).text}) = 1 ${mode}`
  await control.use((session) => session.run(statement, killSecondsMax)).catch(() => undefined)
}

const killedOnAbort = async <T>(
  running: Promise<T>,
  { control, mark, signal }: { control: SessionPool; mark: string; signal: AbortSignal | undefined },
): Promise<T> => {
  const ended = new AbortController()
  const killUntilEnded = async (): Promise<void> => {
    // More than once, because the engine may not know of the statement yet.
    while (!ended.signal.aborted) {
      await kill(control, mark, 'ASYNC')
      await delay(killAgainMillis, undefined, { signal: ended.signal }).catch(() => undefined)
    }
  }
  const onAbort = (): void => void killUntilEnded()
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    return await running
  } finally {
    signal?.removeEventListener('abort', onAbort)
    ended.abort()
  }
}

/** Taken as text so much at a time: one text of all rows may be longer than a string can be. */
const textBytesMax = 8 << 20
const newline = 0x0a

const parseRows = <Row>(bytes: Buffer): Row[] => {
  const rows: Row[] = []
  for (let start = 0; start < bytes.length;) {
    const end = endOfLines(bytes, start)
    for (const line of bytes.toString('utf8', start, end).split('\n'))
      if (line !== '') rows.push(JSON.parse(line) as Row)
    start = end
  }
  return rows
}

/** Behind the last line that ends within a piece, or behind the first where that is longer. */
const endOfLines = (bytes: Buffer, start: number): number => {
  if (bytes.length - start <= textBytesMax) return bytes.length
  const last = bytes.lastIndexOf(newline, start + textBytesMax)
  if (last >= start) return last + 1
  const first = bytes.indexOf(newline, start + textBytesMax)
  return first === -1 ? bytes.length : first + 1
}
