/** The HTTP interface on a store of its own, in the test's process. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '#runtime/logger.ts'
import { type Store, openStore } from '#storage/connection.ts'
import { type HttpInterfaceOptions, startHttpInterface } from '#storage/http-interface/http-interface.ts'

export interface OpenInterface {
  url: string
  dataDir: string
  /** The same engine, without the interface. */
  store: Store
  /** What the answer says, of a statement that is sent as a body. */
  ask(statement: string, parameters?: Readonly<Record<string, string>>): Promise<Asked>
  stop(): Promise<void>
}

export interface Asked {
  status: number
  headers: Headers
  text: string
}

export const openInterface = async (options: Partial<HttpInterfaceOptions> = {}): Promise<OpenInterface> => {
  const dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-interface-'))
  const store = await openStore({ dataDir, database: 'otel' })
  const httpInterface = await startHttpInterface({
    dataDir,
    host: '127.0.0.1',
    port: 0,
    credentials: { user: 'default', password: '' },
    statementsMax: 4,
    defaultSettings: [],
    drainMillisMax: 1000,
    logger: silentLogger,
    ...options,
  })
  const { url } = httpInterface
  return {
    url,
    dataDir,
    store,
    ask: async (statement, parameters = {}) => {
      const response = await fetch(`${url}/?${new URLSearchParams(parameters).toString()}`, {
        method: 'POST',
        body: statement,
      })
      return { status: response.status, headers: response.headers, text: await response.text() }
    },
    stop: async () => {
      await httpInterface.stop()
      await store.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
