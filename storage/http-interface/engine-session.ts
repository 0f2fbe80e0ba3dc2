import { type ChdbResult, Session } from 'chdb'
import { closeSession } from '../engine/close-session.ts'
import { sql } from '../sql.ts'
import type { FormTable } from './form.ts'
import { type NamedValue, statementBytesLimit } from './request-options.ts'

/** A connection to the engine, on which one statement runs at a time. Opening one takes half a millisecond, and nothing sticks. */
export interface EngineSession {
  /** What it answers with is in memory as a whole; `format` is for a statement that names none. */
  run(statement: string, format?: string): Promise<ChdbResult>
  close(): void
}

export const openEngineSession = (path: string): EngineSession => {
  const session = new Session(path)
  return {
    run: (statement, format = 'TabSeparated') => session.queryAsync(statement, { format }),
    close: () => closeSession(session),
  }
}

/** What holds for a request's statement. In a session that is not kept, it ends with the session. */
export interface Circumstances {
  database: string | undefined
  settings: readonly NamedValue[]
  parameters: readonly NamedValue[]
  tables: readonly FormTable[]
  isReadonly: boolean
}

/**
 * First: the embedded engine's own default differs from a server's in that it takes an expression for a query; and what is
 * added to a statement, whose own length was checked, or the values of its parameters do not make it too long.
 */
const settingsOfServer: readonly NamedValue[] = [
  ['implicit_select', '0'],
  ['max_query_size', String(2 * statementBytesLimit)],
]

export const arrange = async (
  session: EngineSession,
  { database, settings, parameters, tables, isReadonly }: Circumstances,
): Promise<void> => {
  await session.run(settingsText(settingsOfServer))
  if (database !== undefined) await session.run(`USE ${quotedName(database)}`)
  for (const table of tables) await createTable(session, table)
  const changes = [
    ...settings.filter(([name]) => name !== 'readonly'),
    ...parameters.map(([name, value]) => [`param_${name}`, value] as const),
  ]
  if (changes.length > 0) await session.run(settingsText(changes))
  // Last, because from then on nothing can be set that is stricter.
  const given = settings.find(([name]) => name === 'readonly')
  if (given !== undefined) await session.run(settingsText([given]))
  else if (isReadonly) await session.run(settingsText([['readonly', '2']]))
}

export const settingsText = (settings: readonly NamedValue[]): string =>
  `SET ${settings.map(([name, value]) => `${name} = ${sql.string(value).text}`).join(', ')}`

/** As in a string, and the backtick as its code, so that nothing but a name can follow. */
export const quotedName = (name: string): string =>
  `\`${sql
    .string(name)
    .text.slice(1, -1)
    .replaceAll('`', String.raw`\x60`)}\``

const createTable = async (session: EngineSession, table: FormTable): Promise<void> => {
  const { name, structure, format, rows } = table
  await session.run(`CREATE TEMPORARY TABLE ${quotedName(name)} (${structure})`)
  await session.run(
    `INSERT INTO ${quotedName(name)} FROM INFILE ${sql.string(rows.path).text} FORMAT ${quotedName(format)}`,
  )
}
