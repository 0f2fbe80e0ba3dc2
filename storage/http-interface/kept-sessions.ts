import { sql } from '../sql.ts'
import {
  type Circumstances,
  type EngineSession,
  arrange,
  openEngineSession,
  quotedName,
  settingsText,
} from './engine-session.ts'
import { EngineError, engineCodes } from './exceptions.ts'
import type { NamedValue, SessionOptions } from './request-options.ts'

/**
 * Sessions that a client names (`session_id`) and comes back to: temporary tables, `SET` and `USE` last from one request to
 * the next. What a request says in its address holds for its own statement only.
 */
export interface KeptSessions {
  /** @throws EngineError where the session is in use, is not there though it should be, or no more can be kept */
  use<Result>(
    options: SessionOptions,
    circumstances: Circumstances,
    act: (session: EngineSession) => Promise<Result>,
  ): Promise<Result>
  close(): void
}

const keptSessionsMax = 64

interface KeptSession {
  session: EngineSession
  isInUse: boolean
  expiry: NodeJS.Timeout | undefined
}

export const createKeptSessions = (path: string, defaultSettings: readonly NamedValue[]): KeptSessions => {
  const kept = new Map<string, KeptSession>()

  const drop = (id: string): void => {
    const entry = kept.get(id)
    if (entry === undefined) return
    clearTimeout(entry.expiry)
    kept.delete(id)
    entry.session.close()
  }
  const take = async ({ id, mustExist }: SessionOptions): Promise<KeptSession> => {
    const found = kept.get(id)
    if (found?.isInUse)
      throw new EngineError(engineCodes.SESSION_IS_LOCKED, `Session ${id} is locked by a concurrent client`)
    if (found !== undefined) {
      found.isInUse = true
      return found
    }
    if (mustExist) throw new EngineError(engineCodes.SESSION_NOT_FOUND, `Session ${id} not found`)
    if (kept.size >= keptSessionsMax)
      throw new EngineError(
        engineCodes.TOO_MANY_SIMULTANEOUS_QUERIES,
        `${keptSessionsMax} sessions are kept, which is as many as can be; close one with close_session=1`,
      )
    const entry: KeptSession = { session: openEngineSession(path), isInUse: true, expiry: undefined }
    kept.set(id, entry)
    try {
      if (defaultSettings.length > 0) await entry.session.run(settingsText(defaultSettings))
    } catch (error) {
      drop(id)
      throw error
    }
    return entry
  }

  return {
    use: async (options, circumstances, act) => {
      refuseReadonly(circumstances)
      const entry = await take(options)
      clearTimeout(entry.expiry)
      let isIntact = false
      try {
        const restore = await prepareToRestore(entry.session, circumstances)
        try {
          await arrange(entry.session, circumstances)
          return await act(entry.session)
        } finally {
          await restore()
          isIntact = true
        }
      } finally {
        entry.isInUse = false
        if (!isIntact || options.isClosedAfter) drop(options.id)
        else entry.expiry = setTimeout(() => drop(options.id), options.timeoutMillis).unref()
      }
    },
    close: () => {
      for (const id of kept.keys()) drop(id)
    },
  }
}

/** Once a session is read-only, nothing can be set in it any more, not even that it is no longer. */
const refuseReadonly = ({ settings, isReadonly }: Circumstances): void => {
  if (isReadonly || settings.some(([name]) => name === 'readonly'))
    throw new EngineError(
      engineCodes.NOT_IMPLEMENTED,
      'a session (session_id) cannot be read-only for one request: use POST, and no setting readonly',
    )
}

/** Gives what takes back what a request says, other than the values of its parameters, which the engine never forgets. */
const prepareToRestore = async (
  session: EngineSession,
  { settings, tables }: Circumstances,
): Promise<() => Promise<void>> => {
  const names = settings.map(([name]) => sql.string(name).text).join(', ')
  const before = names === '' ? [] : await changedSettings(session, names)
  return async () => {
    const wasChanged = new Set(before.map(([name]) => name))
    for (const { name } of tables) await session.run(`DROP TEMPORARY TABLE IF EXISTS ${quotedName(name)}`)
    for (const [name] of settings)
      // A setting that does not exist was refused, and need not be reset.
      if (!wasChanged.has(name)) await session.run(`SET ${name} = DEFAULT`).catch(() => undefined)
    if (before.length > 0) await session.run(settingsText(before))
  }
}

const changedSettings = async (session: EngineSession, names: string): Promise<NamedValue[]> => {
  const answer = await session.run(
    `SELECT name, value FROM system.settings WHERE changed AND name IN (${names})`,
    'JSONCompactEachRow',
  )
  const lines = answer.text().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as [string, string])
}
