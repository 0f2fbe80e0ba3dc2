import { serve as listen } from '@hono/node-server'
import { SpanStatusCode, isSpanContextValid, trace } from '@opentelemetry/api'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { type Config, probePath } from '../supervisor/pod-contract.ts'
import { stopTelemetry } from './instrument.ts'
import { log } from './log.ts'
import { joinSupervisor } from './pod-channel.ts'
import { ShopError } from './shop-error.ts'

const drainMillisMax = 1500

/** Serves `addRoutes`'s routes until the supervisor asks to stop: then finishes what is open, flushes, and exits. */
export const startService = (options: {
  addRoutes(app: Hono): void
  onConfig?(config: Config): void
}): void => {
  const app = new Hono()
  app.get(probePath, (context) => context.text('ok'))
  app.use(nameSpanByRoute)
  options.addRoutes(app)
  app.notFound((context) => answerError(context, new ShopError(404, 'not_found', 'no such page')))
  app.onError((error, context) => answerError(context, error))

  const server = listen({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
    log.info({ port }, 'listening')
    joinSupervisor({
      port,
      onConfig: (config) => {
        log.warn({ config }, 'configuration changed')
        options.onConfig?.(config)
      },
      onStop: async () => {
        log.info('stopping')
        await drain(server)
        await stopTelemetry()
      },
    })
  })
}

const drain = (server: ReturnType<typeof listen>): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  setTimeout(resolve, drainMillisMax)
  return promise
}

/**
 * The HTTP instrumentation knows the method only. The answer names its trace (`traceresponse`), so that whoever asked
 * can look it up.
 */
const nameSpanByRoute: MiddlewareHandler = async (context, next) => {
  const span = trace.getActiveSpan()
  const route = matchedRoutes(context).at(-1)?.path ?? '*'
  // Now rather than after the answer: when the caller hangs up, the span ends first.
  if (span !== undefined && !route.endsWith('*')) {
    span.updateName(`${context.req.method} ${route}`)
    span.setAttribute('http.route', route)
  }
  await next()
  const spanContext = span?.spanContext()
  if (spanContext !== undefined && isSpanContextValid(spanContext))
    context.header('traceresponse', `00-${spanContext.traceId}-${spanContext.spanId}-01`)
}

const answerError = (context: Context, error: Error): Response => {
  const status = error instanceof ShopError ? error.status : 500
  const code = error instanceof ShopError ? error.code : 'internal'
  if (status >= 500) {
    const span = trace.getActiveSpan()
    span?.recordException(error)
    span?.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
    log.error({ err: error, status }, `${context.req.method} ${context.req.path} failed`)
  }
  return context.json({ error: { code, message: error.message } }, status as 500)
}

/** The request's JSON body as an object; what its fields hold is for the caller to check. */
export const readBody = async (context: Context): Promise<Record<string, unknown>> => {
  const body: unknown = await context.req.json().catch(() => undefined)
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ShopError(400, 'invalid_body', 'expected a JSON object')
  return body as Record<string, unknown>
}

export const requireText = (body: Record<string, unknown>, field: string): string => {
  const value = body[field]
  if (typeof value !== 'string' || value === '' || value.length > 200)
    throw new ShopError(400, 'invalid_field', `${field} must be a text of 1 to 200 characters`)
  return value
}

export const requireCount = (body: Record<string, unknown>, field: string, max: number): number => {
  const value = body[field]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > max)
    throw new ShopError(400, 'invalid_field', `${field} must be a whole number from 1 to ${max}`)
  return value
}
