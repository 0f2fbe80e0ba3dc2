import type { Logger } from '#runtime/logger.ts'
import type { ProgramSettings } from './settings.ts'

/** What every command is given. */
export interface CommandContext {
  version: string
  /** @throws InvalidSettings naming everything that is wrong with the environment */
  readSettings(): ProgramSettings
  createLogger(level: string): Logger
}
