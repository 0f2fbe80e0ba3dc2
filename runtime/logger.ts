import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

/** JSON lines on standard error, so that standard output stays free for what a command prints. */
export const createLogger = (options: {
  name: string
  level?: string
  destination?: DestinationStream
}): Logger =>
  pino(
    {
      // Not pino's own `name`: a listening line carries a `name` of its own.
      base: { program: options.name, pid: process.pid },
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: ['*.authorization', '*.password', '*.token', 'headers.authorization'],
        censor: '[redacted]',
      },
    },
    options.destination ?? pino.destination({ fd: 2, sync: false }),
  )

export const silentLogger: Logger = pino({ level: 'silent' })

/** Says where a server listens, in the one form that tools and tests read. */
export const logListening = (
  logger: Logger,
  address: { name: 'otlp-http' | 'otlp-grpc' | 'http' | 'clickhouse-http'; url: string },
): void => {
  logger.info(address, 'listening')
}
