import { Readable, addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { messageOf } from '#runtime/errors.ts'
import { sql } from '../sql.ts'
import { type Engine, NoAnswer, type Session, codeOf, statementBytesMax } from './engine.ts'

/** How long a server may take to create the database when it is opened. */
const openSecondsMax = 30
/** Longer than any statement: each is given up at its own time. */
const requestMillisMax = 2 ** 31 - 1

/** A ClickHouse server over HTTP. A session is a connection of its own, so that no request waits for another's. */
export const openClickHouse = async (settings: { url: string; database: string }): Promise<Engine> => {
  const bootstrap = openSession(settings.url, 'default')
  try {
    const name = sql.identifier(settings.database).text
    await bootstrap.run(`CREATE DATABASE IF NOT EXISTS ${name}`, openSecondsMax)
  } finally {
    await bootstrap.close()
  }
  return {
    kind: 'clickhouse',
    openSession: () => Promise.resolve(openSession(settings.url, settings.database)),
    // Its disks are the server's own to sync.
    makeDurable: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

const openSession = (url: string, database: string): Session => {
  const client = createClient({
    url,
    database,
    application: 'aftertrace',
    max_open_connections: 1,
    request_timeout: requestMillisMax,
    // Errors are thrown to who asked; the client would print them, too.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      session_timezone: 'UTC',
      max_query_size: String(statementBytesMax),
      // Without this an error after the first rows comes inside of an answer that began as a success.
      wait_end_of_query: 1,
    },
  })
  const exec = (
    request: Parameters<ClickHouseClient['exec']>[0] & { values?: Readable },
    secondsMax: number,
  ): Promise<Buffer> =>
    answerOf(secondsMax, async (signal) => {
      const { stream } = await client.exec({ ...request, abort_signal: signal })
      return buffer(addAbortSignal(signal, stream))
    })
  return {
    run: (statement, secondsMax) => exec({ query: statement }, secondsMax),
    insert: async ({ into, settings }, block, secondsMax) => {
      const values = Readable.from(block, { objectMode: false })
      await exec({ query: `${into} SETTINGS ${settings} FORMAT Native`, values }, secondsMax)
    },
    close: () => client.close(),
  }
}

/** @throws NoAnswer for everything that the engine did not say. */
const answerOf = async (
  secondsMax: number,
  ask: (signal: AbortSignal) => Promise<Buffer>,
): Promise<Buffer> => {
  const deadline = AbortSignal.timeout(secondsMax * 1000)
  try {
    return await ask(deadline)
  } catch (error) {
    if (codeOf(error) !== '') throw error
    const what = deadline.aborted ? `no answer within ${secondsMax} s` : reasonOf(error)
    throw new NoAnswer(`no answer from ClickHouse: ${what}`, { cause: error })
  }
}

/** Of a name with several addresses, none of which can be reached, the error has a code and no message. */
const reasonOf = (error: unknown): string => {
  const message = messageOf(error)
  if (message !== '') return message
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
