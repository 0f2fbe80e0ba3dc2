import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { inject } from 'vitest'
import { type Store, openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'

export interface MigratedStore {
  store: Store
  /** Of this store alone. */
  dataDir: string
  /** Closes the store and removes its folder. */
  close(this: void): Promise<void>
}

/** An embedded store that has the schema and no rows. */
export const openMigratedStore = async (): Promise<MigratedStore> => {
  const dataDir = await mkdtemp(join(inject('sharedFolder'), 'store-'))
  await fillWithMigratedStore(dataDir)
  const store = await openStore({ dataDir, database: 'otel' })
  return {
    store,
    dataDir,
    close: async () => {
      await store.close()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The data folder's store, closed, as `openMigratedStore` opens it: migrated once a run of tests, then copied. */
const fillWithMigratedStore = async (dataDir: string): Promise<void> => {
  const template = join(inject('sharedFolder'), 'migrated')
  if (!existsSync(template)) await makeTemplate(template)
  await cp(template, join(dataDir, 'chdb'), { recursive: true, verbatimSymlinks: true })
}

const makeTemplate = async (template: string): Promise<void> => {
  const folder = await mkdtemp(join(inject('sharedFolder'), 'making-'))
  const store = await openStore({ dataDir: folder, database: 'otel' })
  await migrate(store)
  await store.close()
  try {
    await rename(join(folder, 'chdb'), template)
  } catch (error) {
    // Another test file was as early and faster.
    if (!existsSync(template)) throw error
  }
  await rm(folder, { recursive: true, force: true })
}
