import type { Command } from 'commander'
import { openStore } from '#storage/connection.ts'
import { type PlannedMigration, migrate, planMigrations, refusalOf } from '#storage/migrations/migrate.ts'
import type { CommandContext } from './command-context.ts'
import { storeSettings } from './settings.ts'

export const addMigrate = (program: Command, context: CommandContext): void => {
  program
    .command('migrate')
    .description('bring the schema of the store up to date, then exit (every start does this by itself)')
    .option(
      '--plan',
      'only say what would be applied, how many rows would be moved and what room they need',
      false,
    )
    .action(async ({ plan: isPlanOnly }: { plan: boolean }) => {
      const values = context.readSettings()
      const logger = context.createLogger(values.LOG_LEVEL)
      const store = await openStore(storeSettings(values))
      try {
        if (isPlanOnly) printPlan(await planMigrations(store))
        else printApplied(await migrate(store, { logger }))
      } finally {
        await store.close()
      }
    })
}

const printLine = (line: string): void => void process.stdout.write(`${line}\n`)

const upToDate = 'The schema is up to date.'

const printApplied = ({ applied }: { applied: string[] }): void =>
  printLine(applied.length === 0 ? upToDate : `Applied ${applied.join(', ')}.`)

/** Ends with an exit code when `migrate` would refuse. */
const printPlan = (planned: readonly PlannedMigration[]): void => {
  if (planned.length === 0) printLine(upToDate)
  for (const migration of planned) {
    const { name, moves, bytesNeeded, bytesFree } = migration
    const moved = moves.filter(({ rowCount }) => rowCount > 0)
    printLine(`Would apply ${name}${moved.length === 0 ? '.' : ' and move:'}`)
    for (const { table, rowCount, byteCount, partitionCount } of moved)
      printLine(`  ${table}: ${rowCount} rows, ${megabytes(byteCount)}, in ${partitionCount} partitions`)
    if (moved.length > 0)
      printLine(`  It needs ${megabytes(bytesNeeded)} of free disk space; ${megabytes(bytesFree)} are free.`)
    const refusal = refusalOf(migration)
    if (refusal === undefined) continue
    printLine(`  It would be refused: ${refusal}.`)
    process.exitCode = 1
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
