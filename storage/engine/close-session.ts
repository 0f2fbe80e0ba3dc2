import { createRequire } from 'node:module'
import type { Session } from 'chdb'

/**
 * Closes a session on which nothing runs. Its own `close` keeps the connection, a quarter of a megabyte and more, until all has
 * ended that runs on any session of the process; while one statement is long, connections pile up.
 */
export const closeSession = (session: Session): void => {
  const { connection } = session
  if (native === undefined) return session.close()
  session.connection = null
  session.close()
  native.CloseConnection(connection)
}

interface Binding {
  CloseConnection(connection: unknown): void
}

const isBinding = (loaded: unknown): loaded is Binding =>
  typeof loaded === 'object' && loaded !== null && 'CloseConnection' in loaded

/** Undefined where the package has changed inside. */
const findBinding = (): Binding | undefined => {
  try {
    const fromPackage = createRequire(createRequire(import.meta.url).resolve('chdb'))
    const { loadNative } = fromPackage('./dist/loader.js') as { loadNative: () => unknown }
    const loaded = loadNative()
    return isBinding(loaded) ? loaded : undefined
  } catch {
    return undefined
  }
}

const native = findBinding()
