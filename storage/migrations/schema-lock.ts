import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import { type Store, codeOf } from '../connection.ts'
import { sql } from '../sql.ts'

/**
 * The one right to change the schema. ClickHouse has no locks, but a table of a name can be created only once: who creates
 * `schema_lock_<term>` holds that term, and a higher term ends all lower ones. The holder writes heartbeats into its
 * table, by the server's clock; once these are stale the next term may be taken. The highest table always stays, so
 * that no term is ever held twice and a holder that slept through its term finds a higher one.
 *
 * This holds for one server (or the embedded engine). On a cluster CREATE TABLE is atomic on each replica by itself only:
 * there the lock has to lie in Keeper.
 */
export interface SchemaLock {
  /** Names what only this holder may use, such as a table that it fills. */
  readonly term: number
  /**
   * The store as the holder may change it: each statement that changes something is made only if the lock is still held.
   * Whatever fails after it was lost fails as `SchemaLockLost`.
   */
  readonly store: Store
  release(): Promise<void>
}

/** Another process holds the lock now; whatever this one was doing is the other's to do. */
export class SchemaLockLost extends Error {
  override readonly name = 'SchemaLockLost'
}

export interface SchemaLockTimes {
  heartbeatMillis: number
  /** A holder that was silent for so long is taken for dead. Many heartbeats, so that a busy server does not look like that. */
  staleMillis: number
  /** How often one who waits looks again. */
  pollMillis: number
  /** How long the statements of a holder that was taken for dead may run on before the next one gives up. */
  leftoverMillisMax: number
}

const timesDefault: SchemaLockTimes = {
  heartbeatMillis: 3000,
  staleMillis: 30_000,
  pollMillis: 500,
  leftoverMillisMax: 600_000,
}

/** Between the end of another's term and the first statement of ours: longer than a statement is on its way. */
const settleMillis = 500
const waitingLogMillis = 30_000
const loggedCharactersMax = 200

/** Holds until it is released. Undefined when what it was wanted for was done by another while this one waited. */
export const acquireSchemaLock = async (
  store: Store,
  options: { logger: Logger; isWanted: () => Promise<boolean>; times?: Partial<SchemaLockTimes> },
): Promise<SchemaLock | undefined> => {
  const times = { ...timesDefault, ...options.times }
  const logWaiting = createWaitingLog(options.logger)
  while (await options.isWanted()) {
    const latest = await readLatestTerm(store)
    const state = latest === undefined ? 'free' : stateOf(store, latest, times)
    if (state === 'held') {
      logWaiting(latest)
      await delay(times.pollMillis)
      continue
    }
    const term = (latest?.term ?? 0) + 1
    if (!(await createTerm(store, term))) continue
    const lock = hold(store, term, times, options.logger)
    try {
      if (state === 'stale') {
        options.logger.warn(
          { term, previous: latest?.holder },
          'took over the schema lock of a silent process',
        )
        await untilLeftoversEnd(store, term, times)
      }
      await dropTermsBelow(lock.store, term)
      return lock
    } catch (error) {
      await lock.release()
      throw error
    }
  }
  return undefined
}

interface Holder {
  /** Differs for every process, also where a number or a name of a machine comes again. */
  process: string
  pid: number
  host: string
}

interface Term {
  term: number
  holder: Holder
  isReleased: boolean
  /** Since the last heartbeat. */
  silentMillis: number
}

const thisProcess: Holder = { process: randomUUID(), pid: process.pid, host: hostname() }

const stateOf = (store: Store, term: Term, times: SchemaLockTimes): 'free' | 'held' | 'stale' => {
  if (term.isReleased) return 'free'
  // Only one process can have an embedded store open, so every other holder is dead.
  if (store.kind === 'chdb' && term.holder.process !== thisProcess.process) return 'free'
  return term.silentMillis > times.staleMillis ? 'stale' : 'held'
}

const prefix = 'schema_lock_'
const tableOf = (term: number) => sql.identifier(`${prefix}${term}`)
const markOf = (term: number) => sql`/* ${tableOf(term)} */`

const lockTables = (store: Store) =>
  sql`FROM system.tables WHERE database = ${sql.string(store.database)} AND match(name, ${sql.string(`^${prefix}[0-9]+$`)})`
const termOfName = sql`toUInt32OrZero(substring(name, ${sql.uint64(prefix.length + 1)}))`

const readHighestTerm = async (store: Store): Promise<number> => {
  const [row] = await store.query<{ term: number }>(
    sql`SELECT max(${termOfName}) AS term ${lockTables(store)}`,
  )
  return row?.term ?? 0
}

const readLatestTerm = async (store: Store): Promise<Term | undefined> => {
  for (;;) {
    const [table] = await store.query<{ term: number; comment: string; created: string }>(
      sql`SELECT ${termOfName} AS term, comment, toString(toUnixTimestamp(metadata_modification_time)) AS created ${lockTables(store)} ORDER BY term DESC LIMIT 1`,
    )
    if (table === undefined) return undefined
    try {
      // Before the first heartbeat, the table's own time stands in for one.
      const [row] = await store.query<{ is_released: number; silent_millis: string }>(sql`
        SELECT countIf(state = 'released') > 0 AS is_released,
          dateDiff('millisecond', greatest(max(at), toDateTime64(${sql.int64(Number(table.created))}, 3)), now64(3)) AS silent_millis
        FROM ${tableOf(table.term)}`)
      return {
        term: table.term,
        holder: JSON.parse(table.comment) as Holder,
        isReleased: row?.is_released === 1,
        silentMillis: Number(row?.silent_millis ?? 0),
      }
    } catch (error) {
      // A later term has been taken meanwhile, and this one's table dropped.
      if (codeOf(error) !== unknownTable) throw error
    }
  }
}

const unknownTable = '60'
const tableAlreadyExists = '57'

/** Whether this process has the term. Terms end where a higher one begins, also one that began before this one. */
const createTerm = async (store: Store, term: number): Promise<boolean> => {
  try {
    await store.command(sql`
      CREATE TABLE ${tableOf(term)} (at DateTime64(3) DEFAULT now64(3), state LowCardinality(String))
      ENGINE = MergeTree ORDER BY at COMMENT ${sql.string(JSON.stringify(thisProcess))}`)
  } catch (error) {
    if (codeOf(error) === tableAlreadyExists) return false
    throw error
  }
  if ((await readHighestTerm(store)) === term) return true
  await store.command(sql`DROP TABLE IF EXISTS ${tableOf(term)}`)
  return false
}

const dropTermsBelow = async (store: Store, term: number): Promise<void> => {
  const rows = await store.query<{ term: number }>(
    sql`SELECT ${termOfName} AS term ${lockTables(store)} AND term < ${sql.uint64(term)}`,
  )
  for (const { term: ended } of rows) await store.command(sql`DROP TABLE IF EXISTS ${tableOf(ended)}`)
}

const hold = (store: Store, term: number, times: SchemaLockTimes, logger: Logger): SchemaLock => {
  const stopping = new AbortController()
  const beat = (state: 'held' | 'released'): Promise<void> =>
    store.command(sql`INSERT INTO ${tableOf(term)} (state) VALUES (${sql.string(state)})`)

  const beatUntilStopped = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      // A table that is gone is told by the check before the next statement.
      await beat('held').catch((error: unknown) =>
        logger.warn({ term }, `cannot renew the schema lock: ${messageOf(error)}`),
      )
      await delay(times.heartbeatMillis, undefined, { signal: stopping.signal }).catch(() => undefined)
    }
  }
  const beating = beatUntilStopped()

  const check = async (): Promise<void> => {
    const highest = await readHighestTerm(store)
    if (highest !== term)
      throw new SchemaLockLost(`the schema lock of term ${term} ended; term ${highest} holds now`)
  }

  /**
   * Once the term has ended the next holder takes tables away, and a server may have closed the connections of one who slept:
   * what fails then says that the lock is lost.
   */
  const whileHeld = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act()
    } catch (error) {
      await check().catch((checked: unknown) => {
        if (checked instanceof SchemaLockLost) throw checked
      })
      throw error
    }
  }

  return {
    term,
    store: {
      ...store,
      query: (statement, options) => whileHeld(() => store.query(statement, options)),
      command: (statement) =>
        whileHeld(async () => {
          await check()
          logger.debug({ term, statement: statement.text.slice(0, loggedCharactersMax) }, 'schema statement')
          // The mark tells the next holder what of this one is still running.
          await store.command(sql`${markOf(term)} ${statement}`)
        }),
      insertNative: (table, columns, block) =>
        whileHeld(async () => {
          await check()
          await store.insertNative(table, columns, block)
        }),
    },
    release: async () => {
      stopping.abort()
      await beating
      await beat('released').catch(() => undefined)
    },
  }
}

/**
 * A holder that is taken for dead may have left a statement that the server is still at, or one on its way there; nothing is
 * begun before those have ended.
 */
const untilLeftoversEnd = async (store: Store, term: number, times: SchemaLockTimes): Promise<void> => {
  await delay(settleMillis)
  const deadline = performance.now() + times.leftoverMillisMax
  for (;;) {
    const running = await store.query<{ query: string }>(sql`
      SELECT query FROM system.processes
      WHERE current_database = ${sql.string(store.database)} AND startsWith(query, ${sql.string(`/* \`${prefix}`)})
        AND NOT startsWith(query, ${sql.string(markOf(term).text)})`)
    if (running.length === 0) return
    if (performance.now() > deadline)
      throw new Unavailable(
        `a statement of a migration that was given up is still running: ${running[0]?.query.slice(0, 200)}`,
      )
    await delay(times.pollMillis)
  }
}

/** One line when waiting begins or the holder changes, and one now and then. */
const createWaitingLog = (logger: Logger) => {
  let loggedTerm = 0
  let loggedAt = 0
  return (latest: Term | undefined): void => {
    if (latest === undefined) return
    if (latest.term === loggedTerm && performance.now() - loggedAt < waitingLogMillis) return
    loggedTerm = latest.term
    loggedAt = performance.now()
    const { pid, host } = latest.holder
    logger.info(
      { term: latest.term, holder: latest.holder, silentMillis: latest.silentMillis },
      `waiting for process ${pid} on ${host}, which is changing the schema`,
    )
  }
}
