import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrate.ts'

let template: Promise<string> | undefined

/** Fills a data folder with an embedded store that has the schema and no rows: migrated once a process, then copied. */
export const fillWithMigratedStore = async (dataDir: string): Promise<void> => {
  template ??= makeTemplate()
  await cp(join(await template, 'chdb'), join(dataDir, 'chdb'), { recursive: true, verbatimSymlinks: true })
}

export const removeMigratedTemplate = async (): Promise<void> => {
  if (template !== undefined) await rm(await template, { recursive: true, force: true })
}

const makeTemplate = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'aftertrace-migrated-'))
  const store = await openStore({ dataDir: folder, database: 'otel' })
  await migrate(store)
  await store.close()
  return folder
}
