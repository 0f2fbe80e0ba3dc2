import { compress } from 'hono/compress'
import type { MiddlewareHandler } from 'hono'
import { createLogStore } from '#storage/logs/create-log-store.ts'
import { createPodStore } from '#storage/pods/pod-store.ts'
import { createServiceStore } from '#storage/service-store.ts'
import { createTraceStore } from '#storage/traces/create-trace-store.ts'
import type { AppParts, Readers } from './app-env.ts'
import { authenticate } from './authenticate.ts'
import { createRouter, handleError } from './error-answers.ts'
import { createJaegerRoutes } from './jaeger/jaeger-routes.ts'
import { observeRequests, secure } from './request-log.ts'
import { createHealthRoutes } from './routes/health.ts'
import { createLogRoutes } from './routes/logs.ts'
import { createPodRoutes } from './routes/pods.ts'
import { createServiceRoutes } from './routes/services.ts'
import { createStatusRoutes } from './routes/status.ts'
import { createTraceRoutes } from './routes/traces.ts'

/** Answers hold what was true a moment ago, and are of one tenant. */
const noStore: MiddlewareHandler = async (context, next) => {
  await next()
  context.res.headers.set('cache-control', 'no-store')
}

/** Everything that is served but the UI's files. It never listens; `#query-api/server.ts` does. */
export const createApp = (parts: AppParts) => {
  const { store, logger, status, apiTokens, now = Date.now } = parts
  const readers: Readers = {
    services: createServiceStore(store),
    traces: createTraceStore(store),
    logs: createLogStore(store),
    pods: createPodStore(store, { now }),
    now,
  }

  const api = createRouter()
    .route('/', createServiceRoutes(readers))
    .route('/', createTraceRoutes(readers))
    .route('/', createLogRoutes(readers))
    .route('/', createPodRoutes(readers))
    .route('/', createStatusRoutes(store, readers, status))

  const app = createRouter()
  app.use(observeRequests(logger, parts.selfMetrics), secure, compress())
  for (const guarded of ['/api/*', '/jaeger/*'] as const) app.use(guarded, noStore, authenticate(apiTokens))
  app.onError(handleError(logger))
  app.notFound((context) =>
    context.json({ error: { code: 'not_found', message: `there is nothing at ${context.req.path}` } }, 404),
  )
  app.route('/', createHealthRoutes(parts))
  app.route('/jaeger/api', createJaegerRoutes(readers, logger))
  app.get('/api/v1/openapi.json', (context) =>
    context.json(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Aftertrace',
          version: '1',
          description:
            'Times are nanoseconds since 1970 as decimal strings, durations are numbers of nanoseconds.',
        },
      }),
    ),
  )
  return app.route('/api/v1', api)
}

/** For `hc<AppType>` of hono/client: paths, parameters and answers of `/api/v1`. */
export type AppType = ReturnType<typeof createApp>
