import { setTimeout as delay } from 'node:timers/promises'
import { sql } from '../sql.ts'
import { type EngineSession, openEngineSession } from './engine-session.ts'
import { EngineError, engineCodes } from './exceptions.ts'

/**
 * The statements that were asked for and have not ended, by their query ids. The engine gives ids of its own, so a statement
 * carries its id in a comment, by which it is found among `system.processes`.
 */
export interface RunningStatements {
  /** @throws EngineError where a statement with this id is running */
  add(queryId: string): RunningStatement
  /** The text of a KILL QUERY with the engine's ids in the place of ours. Ends those that still wait for their turn. */
  translateKill(statement: string): Promise<string>
  killAll(): Promise<void>
  close(): Promise<void>
}

export interface RunningStatement {
  readonly queryId: string
  /** The comment. */
  readonly mark: string
  /** Aborts when it is killed before it has begun. */
  readonly killed: AbortSignal
  hasBegun: boolean
  /** Undefined while the engine does not know it. */
  progress(): Promise<Progress | undefined>
  /** Until it has ended, because the engine may not know it yet. */
  kill(ended: Promise<unknown>): void
  remove(): void
}

/** As the engine counts it. */
export interface Progress {
  readRows: string
  readBytes: string
  writtenRows: string
  writtenBytes: string
  totalRowsToRead: string
  memoryUsage: string
}

const killAgainMillis = 50
/** For how long a statement that has begun is looked for before a KILL QUERY is passed on without its id. */
const lookUpMillisMax = 1000
const markStart = '/* query_id '

export const createRunningStatements = (path: string): RunningStatements => {
  const running = new Map<string, RunningStatement & { abort: AbortController }>()
  const control = createControl(path)

  return {
    add: (queryId) => {
      if (running.has(queryId))
        throw new EngineError(
          engineCodes.QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
          `Query with id = ${queryId} is already running`,
        )
      const shown = `${encodeURIComponent(queryId).replaceAll('*', '%2A')} */`
      const isIt = `position(query, concat(${sql.string(markStart).text}, ${sql.string(shown).text})) > 0`
      const abort = new AbortController()
      const statement = {
        queryId,
        mark: `${markStart}${shown}`,
        abort,
        killed: abort.signal,
        hasBegun: false,
        progress: () => readProgress(control, isIt),
        kill: (ended: Promise<unknown>) =>
          void killUntil(ended, () => control.run(`KILL QUERY WHERE ${isIt} ASYNC`)),
        remove: () => void running.delete(queryId),
      }
      running.set(queryId, statement)
      return statement
    },
    translateKill: async (text) => {
      let translated = text
      for (const { queryId, mark, abort, hasBegun } of running.values()) {
        const literal = `'${queryId}'`
        if (!text.includes(literal)) continue
        if (!hasBegun) abort.abort(cancelled())
        const id = hasBegun ? await engineIdOf(control, mark) : undefined
        if (id !== undefined) translated = translated.replaceAll(literal, sql.string(id).text)
      }
      return translated
    },
    killAll: async () => {
      for (const { abort } of running.values()) abort.abort(cancelled())
      await control.run(`KILL QUERY WHERE position(query, concat('/* ', 'query_id ')) > 0 ASYNC`)
    },
    close: () => control.close(),
  }
}

const cancelled = (): EngineError =>
  new EngineError(engineCodes.QUERY_WAS_CANCELLED, 'Query was cancelled before it began')

/** A connection of its own, so that no statement of a client has to end before another can be looked at. */
const createControl = (path: string): Pick<EngineSession, 'run'> & { close(): Promise<void> } => {
  let session: EngineSession | undefined
  let last: Promise<unknown> = Promise.resolve()
  return {
    run: (statement, format) => {
      const next = last.then(() => (session ??= openEngineSession(path)).run(statement, format))
      last = next.catch(() => undefined)
      return next
    },
    close: async () => {
      await last
      session?.close()
    },
  }
}

const readProgress = async (
  control: Pick<EngineSession, 'run'>,
  isIt: string,
): Promise<Progress | undefined> => {
  const answer = await control.run(
    `SELECT toString(read_rows) AS readRows, toString(read_bytes) AS readBytes, toString(written_rows) AS writtenRows,
      toString(written_bytes) AS writtenBytes, toString(total_rows_approx) AS totalRowsToRead,
      toString(memory_usage) AS memoryUsage
    FROM system.processes WHERE ${isIt} LIMIT 1`,
    'JSONEachRow',
  )
  const text = answer.text()
  return text === '' ? undefined : (JSON.parse(text) as Progress)
}

const engineIdOf = async (control: Pick<EngineSession, 'run'>, mark: string): Promise<string | undefined> => {
  const [start, rest] = [mark.slice(0, markStart.length), mark.slice(markStart.length)]
  const lookUp = `SELECT query_id FROM system.processes WHERE position(query, concat(${sql.string(start).text}, ${sql.string(rest).text})) > 0 LIMIT 1`
  for (
    const until = performance.now() + lookUpMillisMax;
    performance.now() < until;
    await delay(killAgainMillis)
  ) {
    const id = (await control.run(lookUp, 'TSVRaw')).text().trim()
    if (id !== '') return id
  }
  return undefined
}

const killUntil = async (ended: Promise<unknown>, kill: () => Promise<unknown>): Promise<void> => {
  const end = new AbortController()
  void ended.finally(() => end.abort()).catch(() => undefined)
  while (!end.signal.aborted) {
    await kill().catch(() => undefined)
    await delay(killAgainMillis, undefined, { signal: end.signal }).catch(() => undefined)
  }
}
