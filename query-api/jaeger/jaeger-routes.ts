import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Logger } from '#runtime/logger.ts'
import { type AppEnv, type Readers, scopeOf } from '../app-env.ts'
import { answerTo, logUnexpected } from '../error-answers.ts'
import { parseJaegerSearch, parseTraceId, rangeOf } from './jaeger-search.ts'
import { jaegerTrace } from './jaeger-trace.ts'

/**
 * The first generation of Jaeger's query API under `/jaeger/api`, for Grafana's data source and Jaeger UI. A
 * Jaeger service is a service.name, whatever its namespace and environment. Found traces are cut to their earliest spans and say so.
 */
const spansPerFoundTraceMax = 1000
const traceIdsMax = 100
const servicesLookbackNanos = 7n * 86_400n * 1_000_000_000n
const operationsLookbackNanos = 86_400n * 1_000_000_000n

const kinds = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer']

export const createJaegerRoutes = (readers: Readers, logger: Logger) => {
  const { services, traces, now } = readers
  const nowNanos = (): bigint => BigInt(now()) * 1_000_000n

  const operationsOf = async (context: Context<AppEnv>, service: string) => {
    const range = { fromNanos: nowNanos() - operationsLookbackNanos, toNanos: nowNanos() }
    const { operations } = await services.listOperations(scopeOf(context), range, { service })
    return operations
  }

  return new Hono<AppEnv>()
    .get('/services', async (context) => {
      const range = { fromNanos: nowNanos() - servicesLookbackNanos, toNanos: nowNanos() }
      const names = await services.listServiceNames(scopeOf(context), range)
      return context.json(envelope(names))
    })
    .get('/services/:service/operations', async (context) => {
      const operations = await operationsOf(context, context.req.param('service'))
      return context.json(envelope([...new Set(operations.map((operation) => operation.name))].toSorted()))
    })
    .get('/operations', async (context) => {
      const service = context.req.query('service')
      if (!service) return context.json(failure(400, "parameter 'service' is required"), 400)
      const spanKind = context.req.query('spanKind')
      const operations = (await operationsOf(context, service))
        .map(({ name, kind }) => ({ name, spanKind: kinds[kind] ?? 'unspecified' }))
        .filter((operation) => !spanKind || operation.spanKind === spanKind)
      return context.json(envelope(operations))
    })
    .get('/traces', async (context) => {
      const parameters = new URL(context.req.url).searchParams
      const scope = scopeOf(context)
      const asked = parameters.getAll('traceID').slice(0, traceIdsMax).map(parseTraceId)
      if (asked.length > 0) {
        const found = await traces.getTraces(scope, asked, { spansMax: spansPerFoundTraceMax })
        return context.json(envelope(found.map(jaegerTrace)))
      }
      const search = parseJaegerSearch(parameters, now())
      const page = await traces.searchTraces(scope, search)
      const found = await traces.getTraces(
        scope,
        page.traces.map((trace) => trace.traceId),
        { spansMax: spansPerFoundTraceMax, range: search.range },
      )
      return context.json(envelope(found.map(jaegerTrace)))
    })
    .get('/traces/:traceId', async (context) => {
      const traceId = parseTraceId(context.req.param('traceId'))
      const parameters = new URL(context.req.url).searchParams
      const hasRange = parameters.has('start') || parameters.has('end')
      const range = hasRange ? rangeOf(parameters, now()) : undefined
      const trace = await traces.getTrace(scopeOf(context), traceId, range)
      if (trace === undefined) return context.json(failure(404, 'trace not found', traceId), 404)
      return context.json(envelope([jaegerTrace(trace)]))
    })
    .onError((error, context) => {
      const { status, message } = answerTo(error)
      logUnexpected(logger, context.req.path, { error, status })
      return context.json(failure(status, message), status)
    })
}

const envelope = <T>(data: T[]) => ({ data, total: data.length, limit: 0, offset: 0, errors: null })

const failure = (code: ContentfulStatusCode, msg: string, traceID?: string) => ({
  data: null,
  total: 0,
  limit: 0,
  offset: 0,
  errors: [{ code, msg, ...(traceID !== undefined && { traceID }) }],
})
