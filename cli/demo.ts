import { createServer } from 'node:net'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { runDemo } from '#lab/demo.ts'
import { startBackend } from './backend.ts'
import type { CommandContext } from './command-context.ts'
import type { ProgramSettings } from './settings.ts'
import { untilStopped } from './signals.ts'

interface DemoOptions {
  headless: boolean
  exit: boolean
  healthySeconds: number
}

export const addDemo = (program: Command, context: CommandContext): void => {
  program
    .command('demo')
    .description('start the backend and a small shop whose pods die, and show what became of their traces')
    .option('--headless', 'do not wait for anybody to look: no browser, no colours', false)
    .option('--exit', "end after the story; fails when a killed pod's trace cannot be read", false)
    .option(
      '--healthy-seconds <seconds>',
      'how long the shop runs well before the first failure',
      parseSeconds,
      60,
    )
    .action(async (options: DemoOptions) => {
      const values = await demoSettings(context.readSettings())
      const logger = context.createLogger(process.env['LOG_LEVEL'] === undefined ? 'warn' : values.LOG_LEVEL)
      const backend = await startBackend(values, logger, context.version)
      const abort = new AbortController()
      void untilStopped().then(() => abort.abort())
      try {
        const result = await runDemo({
          otlpUrl: backend.otlpHttpUrl,
          apiUrl: backend.apiUrl,
          uiUrl: backend.apiUrl,
          isHeadless: options.headless,
          exitAtEnd: options.exit,
          healthySeconds: options.healthySeconds,
          signal: abort.signal,
        })
        process.exitCode = result.exitCode
      } finally {
        await backend.stop()
      }
    })
}

const parseSeconds = (text: string): number => {
  const seconds = Number(text)
  if (!Number.isSafeInteger(seconds) || seconds < 1 || seconds > 3600)
    throw new InvalidArgumentError('expected a whole number of seconds from 1 to 3600')
  return seconds
}

/** The demo keeps out of the way: a data folder of its own, and free ports where the usual ones are taken. */
const demoSettings = async (values: ProgramSettings): Promise<ProgramSettings> => ({
  ...values,
  DATA_DIR: process.env['DATA_DIR'] === undefined ? join(values.DATA_DIR, 'demo') : values.DATA_DIR,
  OTLP_HTTP_PORT: await freePort(values.OTLP_HTTP_PORT),
  OTLP_GRPC_PORT: await freePort(values.OTLP_GRPC_PORT),
  HTTP_PORT: await freePort(values.HTTP_PORT),
})

/** The port itself, or 0 (any) when something listens on it. */
const freePort = (port: number): Promise<number> => {
  const { promise, resolve } = Promise.withResolvers<number>()
  const probe = createServer()
  probe.once('error', () => resolve(0))
  probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)))
  return promise
}
