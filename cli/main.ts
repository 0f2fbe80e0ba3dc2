import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { InvalidSettings } from '#runtime/environment.ts'
import { messageOf } from '#runtime/errors.ts'
import { createLogger } from '#runtime/logger.ts'
import { addAll } from './all.ts'
import { addDemo } from './demo.ts'
import type { CommandContext } from './command-context.ts'
import { addMigrate } from './migrate.ts'
import { addReplay } from './replay.ts'
import { readSettings, settings } from './settings.ts'
import { addStore } from './store.ts'

const settingsHelp = (): string => {
  const lines = Object.entries(settings).map(([name, { purpose, fallback }]) => {
    const shown = fallback === '' ? '' : ` (default ${fallback})`
    return `  ${name.padEnd(24)}${purpose}${shown}`
  })
  return `\nSettings are environment variables; a file .env in the working folder is read too:\n${lines.join('\n')}\n`
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** `.env` first, without overriding what the environment says. */
const loadDotEnv = (): void => {
  try {
    process.loadEnvFile('.env')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const run = async (): Promise<void> => {
  loadDotEnv()
  const program = new Command('aftertrace')
    .description(
      'The flight recorder for pods that are already gone: an OpenTelemetry backend for short-lived containers.',
    )
    .version(version)
    .addHelpText('after', settingsHelp)
    .showHelpAfterError()
  const context: CommandContext = {
    version,
    readSettings: () => readSettings(process.env),
    createLogger: (level: string) => createLogger({ name: 'aftertrace', level }),
  }
  addAll(program, context)
  addMigrate(program, context)
  addReplay(program, context)
  addStore(program, context)
  addDemo(program, context)
  await program.parseAsync()
}

try {
  await run()
} catch (error) {
  if (error instanceof InvalidSettings) process.stderr.write(`These settings are wrong:\n${error.message}\n`)
  else process.stderr.write(`aftertrace: ${messageOf(error)}\n`)
  process.exitCode = 1
}
