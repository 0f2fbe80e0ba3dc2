import type { Command } from 'commander'
import { openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrate.ts'
import type { CommandContext } from './command-context.ts'
import { storeSettings } from './settings.ts'

export const addMigrate = (program: Command, context: CommandContext): void => {
  program
    .command('migrate')
    .description('bring the schema of the store up to date, then exit (every start does this by itself)')
    .action(async () => {
      const store = await openStore(storeSettings(context.readSettings()))
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
