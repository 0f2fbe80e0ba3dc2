import type { Logger } from '#runtime/logger.ts'
import type { Store } from '../connection.ts'
import { type Sql, sql } from '../sql.ts'

/**
 * One numbered change of the schema: a file of schema/, a list of SQL statements or a module whose steps move rows. Forward
 * only; a database that has number N has had all below it.
 */
export interface Migration {
  version: number
  /** The file's name, such as `002-exporter-views.sql`. */
  name: string
  steps: readonly MigrationStep[]
}

/**
 * What a migration does next. A process can be killed at any instant, also after the last statement of a step and before the
 * step is recorded: the step is then run again from its start and has to come to the same end.
 */
export interface MigrationStep {
  /** Unique within its migration. A step that is recorded as done is not run again. */
  name: string
  run(context: MigrationContext): Promise<void>
  /** The rows that it would move as the database is now. Asked before any step of the migration runs, and by `--plan`. */
  size?(context: Pick<MigrationContext, 'store' | 'version'>): Promise<MoveSize>
}

export interface MigrationContext {
  version: number
  /** Makes each statement only while this process holds the schema lock, and throws `SchemaLockLost` when it does not. */
  store: Store
  /** No other migrator has this number, now or ever: part of the names of tables that only this one may fill. */
  term: number
  /** What the step remembers for the case that it is run again. */
  journal: Journal
  logger: Logger
  /** May be called after every piece of work; a line is logged every few seconds. */
  report: (this: void, progress: Progress) => void
}

export interface Journal {
  read(): Promise<ReadonlySet<string>>
  /** Resolves once the mark is durable. */
  write(mark: string, rowCount?: number): Promise<void>
}

export interface Progress {
  table: string
  partitionsDone: number
  partitionsTotal: number
  rowsDone: number
  rowsTotal: number
}

export interface MoveSize {
  table: string
  partitionCount: number
  rowCount: number
  byteCount: number
  /** Disk space that the move takes while it runs. */
  bytesForCopy: number
  /** Disk space by which the rows take more once moved. */
  bytesForGrowth: number
  /** Free on the disks on which the rows lie. */
  bytesFree: number
}

/** A step of statements, each of which may run again. */
export const statements = (name: string, ...list: readonly Sql[]): MigrationStep => ({
  name,
  run: async ({ store }) => {
    for (const statement of list) await store.command(statement)
  },
})

export const hasTable = async (store: Store, table: string): Promise<boolean> => {
  const [row] = await store.query<{ found: string }>(
    sql`SELECT count() AS found FROM system.tables WHERE database = ${sql.string(store.database)} AND name = ${sql.string(table)}`,
  )
  return row?.found === '1'
}
