import { createRequire } from 'node:module'
import type * as Pino from 'pino'

// Through `require`, so that the instrumentation sees it: records then carry trace and span id, and leave as OTLP too.
const { pino } = createRequire(import.meta.url)('pino') as typeof Pino

/** Writes to standard output, as containers do. */
export const log: Pino.Logger = pino({ name: process.env['OTEL_SERVICE_NAME'] ?? 'shop', base: {} })
