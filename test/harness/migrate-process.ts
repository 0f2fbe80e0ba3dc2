/** The trial migration in a process of its own against a server, with a lock that is soon taken for stale; see migrate.test.ts. */
import { createLogger } from '#runtime/logger.ts'
import { openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { trialMigrations } from './trial-migration.ts'

const [clickhouseUrl = ''] = process.argv.slice(2)
const store = await openStore({ clickhouseUrl, database: 'otel' })
const { applied } = await migrate(store, {
  logger: createLogger({ name: 'migrate-process', level: 'debug' }),
  migrations: await trialMigrations(),
  lockTimes: { heartbeatMillis: 300, staleMillis: 3000, pollMillis: 50 },
})
await store.close()
process.stdout.write(JSON.stringify(applied))
