import type { Command } from 'commander'
import { startBackend } from './backend.ts'
import type { CommandContext } from './command-context.ts'
import { untilStopped } from './signals.ts'

export const addAll = (program: Command, context: CommandContext): void => {
  program
    .command('all', { isDefault: true })
    .description('run everything in one process: OTLP receiver, writer, API and UI (the default)')
    .action(async () => {
      const values = context.readSettings()
      const logger = context.createLogger(values.LOG_LEVEL)
      // Before the start, so that a signal which comes while it runs is heard.
      const stopped = untilStopped()
      const backend = await startBackend(values, logger, context.version)
      const signal = await stopped
      logger.info({ signal }, 'stopping')
      await backend.stop()
      logger.info('stopped')
    })
}
