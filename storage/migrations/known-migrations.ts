import { readFile, readdir } from 'node:fs/promises'
import { type Migration, statements } from './migration.ts'
import { howRowsLie } from '../schema/003-how-rows-lie.ts'
import { sql } from '../sql.ts'

const schemaFolder = new URL('../schema/', import.meta.url)

/** Migrations that do more than run statements, such as moving rows; each in a file of schema/. */
const moduleMigrations: readonly Migration[] = [howRowsLie()]

/** Every migration that this program knows, in order. */
export const readMigrations = async (): Promise<Migration[]> => {
  const names = (await readdir(schemaFolder)).filter((name) => name.endsWith('.sql'))
  const all = [...(await Promise.all(names.map(readSqlFile))), ...moduleMigrations]
  return all.toSorted((a, b) => a.version - b.version)
}

/** A list of statements that end with a semicolon at the end of a line, each of which may run again. */
const readSqlFile = async (name: string): Promise<Migration> => {
  const text = await readFile(new URL(name, schemaFolder), 'utf8')
  const list = text
    .split(/;\s*$/m)
    .map((statement) => statement.replaceAll(/^\s*--.*$/gm, '').trim())
    .filter((statement) => statement !== '')
  return { version: Number(name.slice(0, 3)), name, steps: [statements(name, ...list.map(sql.ownFile))] }
}
