import { Unavailable } from '#runtime/errors.ts'
import { type Logger, silentLogger } from '#runtime/logger.ts'
import type { Store } from '../connection.ts'
import { createJournal } from './journal.ts'
import { createProgressLog } from './progress.ts'
import { type Migration, type MigrationStep, type MoveSize, hasTable } from './migration.ts'
import { readMigrations } from './known-migrations.ts'
import { type SchemaLock, SchemaLockLost, type SchemaLockTimes, acquireSchemaLock } from './schema-lock.ts'
import { sql } from '../sql.ts'

export interface MigrateOptions {
  /** Long moves say how far they are; one who waits for another process says for whom. */
  logger?: Logger
  /** What to apply instead of the program's own migrations. */
  migrations?: readonly Migration[]
  lockTimes?: Partial<SchemaLockTimes>
}

/**
 * Applies the migrations that this database has not had yet, in order, forward only, under one lock: of several processes
 * that start at once one migrates, and the others wait until it is done. A start that was killed half-way is taken up by
 * the next, at the step that it was in.
 *
 * @throws Error when the database has a newer schema than this program knows.
 * @throws Unavailable when the disk has no room for the rows that have to move; nothing of that migration is done then.
 */
export const migrate = async (store: Store, options: MigrateOptions = {}): Promise<{ applied: string[] }> => {
  const { logger = silentLogger, migrations = await readMigrations(), lockTimes: times = {} } = options
  const readPending = () => pendingOf(store, migrations)
  const isWanted = async (): Promise<boolean> => (await readPending()).length > 0
  await store.command(sql`
    CREATE TABLE IF NOT EXISTS schema_version (version UInt32, name String, applied_at DateTime('UTC') DEFAULT now())
    ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`)
  const applied: string[] = []
  for (;;) {
    const lock = await acquireSchemaLock(store, { logger, isWanted, times })
    if (lock === undefined) return { applied }
    try {
      // Asked again: another process may have been here before the lock was taken.
      for (const migration of await readPending()) {
        await applyMigration(lock, migration, logger)
        applied.push(migration.name)
      }
    } catch (error) {
      if (!(error instanceof SchemaLockLost)) throw error
      logger.warn(`${error.message}; its holder goes on with the migration`)
    } finally {
      await lock.release()
    }
  }
}

export interface PlannedMigration {
  version: number
  name: string
  moves: MoveSize[]
  /** Disk space that the moves take, beside what the rows take now, and what is free where they lie. */
  bytesNeeded: number
  bytesFree: number
}

/** What `migrate` would do now, without changing anything. @throws Error as `migrate` when the schema is newer. */
export const planMigrations = async (
  store: Store,
  options: Pick<MigrateOptions, 'migrations'> = {},
): Promise<PlannedMigration[]> => {
  const { migrations = await readMigrations() } = options
  const planned: PlannedMigration[] = []
  for (const migration of await pendingOf(store, migrations))
    planned.push(await planMigration(store, migration))
  return planned
}

/** Says why a planned migration cannot be applied; undefined when it can. */
export const refusalOf = ({ name, bytesNeeded, bytesFree }: PlannedMigration): string | undefined =>
  bytesNeeded <= bytesFree
    ? undefined
    : `${name} needs ${bytesNeeded} bytes of free disk space to move rows, and ${bytesFree} are free: make room and start again; nothing has been changed`

const pendingOf = async (store: Store, migrations: readonly Migration[]): Promise<Migration[]> => {
  const newest = Math.max(0, ...migrations.map(({ version }) => version))
  const current = await currentVersion(store)
  if (current > newest)
    throw new Error(
      `the database ${store.database} has schema ${current}, but this program knows only ${newest}: use the program that wrote it or a newer one`,
    )
  return migrations.filter(({ version }) => version > current).toSorted((a, b) => a.version - b.version)
}

const currentVersion = async (store: Store): Promise<number> => {
  if (!(await hasTable(store, 'schema_version'))) return 0
  const [row] = await store.query<{ version: number }>(
    sql`SELECT max(version) AS version FROM schema_version`,
  )
  return row?.version ?? 0
}

const applyMigration = async (lock: SchemaLock, migration: Migration, logger: Logger): Promise<void> => {
  const { version, name, steps } = migration
  const refusal = refusalOf(await planMigration(lock.store, migration))
  if (refusal !== undefined) throw new Unavailable(refusal)
  for (const step of steps)
    if (!(await isDone(lock.store, migration, step))) await runStep(lock, migration, step, logger)
  await lock.store.command(
    sql`INSERT INTO schema_version (version, name) VALUES (${sql.uint64(version)}, ${sql.string(name)})`,
  )
}

const runStep = async (
  lock: SchemaLock,
  migration: Migration,
  step: MigrationStep,
  logger: Logger,
): Promise<void> => {
  const { version, name, steps } = migration
  const journal = createJournal(lock.store, version, step.name)
  const progress = createProgressLog(logger, { migration: name, step: step.name })
  await step.run({ version, store: lock.store, term: lock.term, journal, logger, report: progress.report })
  progress.end()
  // The only step of a migration is recorded by its number.
  if (steps.length > 1) await journal.write(doneMark)
}

const doneMark = 'done'

const isDone = async (store: Store, { version, steps }: Migration, step: MigrationStep): Promise<boolean> =>
  steps.length > 1 && (await createJournal(store, version, step.name).read()).has(doneMark)

/** Kept free for everything else that writes to the disk. */
const bytesReserve = 64 << 20

const planMigration = async (store: Store, migration: Migration): Promise<PlannedMigration> => {
  const { version, name } = migration
  const moves: MoveSize[] = []
  for (const step of migration.steps)
    if (step.size !== undefined && !(await isDone(store, migration, step)))
      moves.push(await step.size({ store, version }))
  const rowMoves = moves.filter(({ rowCount }) => rowCount > 0)
  if (rowMoves.length === 0) return { version, name, moves, bytesNeeded: 0, bytesFree: 0 }
  // Tables move one after another, so room for a copy is needed once.
  const bytesForCopy = Math.max(...rowMoves.map((move) => move.bytesForCopy))
  const bytesForGrowth = rowMoves.reduce((sum, move) => sum + move.bytesForGrowth, 0)
  return {
    version,
    name,
    moves,
    bytesNeeded: bytesForCopy + bytesForGrowth + bytesReserve,
    bytesFree: Math.min(...rowMoves.map((move) => move.bytesFree)),
  }
}
