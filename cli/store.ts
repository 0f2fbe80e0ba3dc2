import type { Command } from 'commander'
import { createLifecycle } from '#runtime/lifecycle.ts'
import { openStore } from '#storage/connection.ts'
import { startHttpInterface } from '#storage/http-interface/http-interface.ts'
import type { CommandContext } from './command-context.ts'
import { storeInterfaceSettings } from './settings.ts'
import { untilStopped } from './signals.ts'

export const addStore = (program: Command, context: CommandContext): void => {
  program
    .command('store')
    .description(
      "run the embedded store behind ClickHouse's HTTP interface, in the place of a ClickHouse server: for development, tests and benchmarks",
    )
    .addHelpText(
      'after',
      `
It listens on CLICKHOUSE_HTTP_PORT (8123) of LISTEN_HOST (127.0.0.1). Whoever is let in has full access, to files of this
machine, too (file(), INTO OUTFILE by way of INSERT INTO FUNCTION): set CLICKHOUSE_PASSWORD where others can reach it.
`,
    )
    .action(async () => {
      const values = context.readSettings()
      const settings = storeInterfaceSettings(values)
      const logger = context.createLogger(values.LOG_LEVEL)
      // Before the start, so that a signal which comes while it runs is heard.
      const stopped = untilStopped()
      const lifecycle = createLifecycle(logger)
      try {
        const store = await openStore({ dataDir: values.DATA_DIR, database: values.CLICKHOUSE_DATABASE })
        lifecycle.onStop('store', () => store.close())
        const httpInterface = await startHttpInterface({ ...settings, logger })
        lifecycle.onStop('ClickHouse HTTP interface', () => httpInterface.stop())
        logger.info({ signal: await stopped }, 'stopping')
      } finally {
        await lifecycle.stop()
      }
      logger.info('stopped')
    })
}
