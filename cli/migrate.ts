import type { Command } from 'commander'
import { openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrate.ts'
import type { CommandContext } from './command-context.ts'

export const addMigrate = (program: Command, context: CommandContext): void => {
  program
    .command('migrate')
    .description('bring the schema of the store up to date, then exit (every start does this by itself)')
    .action(async () => {
      const values = context.readSettings()
      const database = values.CLICKHOUSE_DATABASE
      const store = await openStore(
        values.CLICKHOUSE_URL === undefined
          ? { dataDir: values.DATA_DIR, database }
          : { clickhouseUrl: values.CLICKHOUSE_URL, database },
      )
      try {
        const { applied } = await migrate(store)
        process.stdout.write(
          applied.length === 0 ? 'The schema is up to date.\n' : `Applied ${applied.join(', ')}.\n`,
        )
      } finally {
        await store.close()
      }
    })
}
