import { createRoute, z } from '@hono/zod-openapi'
import { InvalidInput, NotFound } from '#runtime/errors.ts'
import type { SpanFilters } from '#storage/traces/trace-store.ts'
import {
  logAnswer,
  podAnswer,
  podKeysOf,
  resourceAnswer,
  spanAnswer,
  summaryAnswer,
} from '../answer-parts.ts'
import { type Readers, scopeOf } from '../app-env.ts'
import { parseDurationNanos } from '../duration.ts'
import { createRouter } from '../error-answers.ts'
import {
  attributeParameter,
  countParameter,
  limitParameter,
  optionalRangeParameters,
  rangeParameters,
  serviceParameters,
  textParameter,
  traceIdParameter,
} from '../parameters.ts'
import {
  answers,
  answersOrNotFound,
  logSchema,
  podSchema,
  resourceSchema,
  spanSchema,
  traceSummarySchema,
  unixNano,
} from '../schemas.ts'
import { parseTimeRange } from '../time-range.ts'
import { decodeTraceCursor, encodeTraceCursor } from '../trace-cursor.ts'

const searchParameters = z.strictObject({
  ...rangeParameters,
  ...serviceParameters,
  operation: textParameter().optional().openapi({ description: 'name of a span' }),
  minDuration: textParameter().optional().openapi({ example: '250ms' }),
  maxDuration: textParameter().optional().openapi({ example: '1.5s' }),
  status: z
    .enum(['error', 'ok'], { error: "expected 'error' or 'ok'" })
    .optional()
    .openapi({ description: 'error: a span that meets the other filters failed; ok: none of them did' }),
  root: z
    .enum(['true', 'false'], { error: "expected 'true' or 'false'" })
    .optional()
    .openapi({ description: 'true: only spans without a parent' }),
  attribute: attributeParameter,
  pod: textParameter().optional().openapi({ description: 'k8s.pod.uid or k8s.pod.name' }),
  limit: limitParameter({ fallback: 100, max: 500 }),
  cursor: textParameter().optional().openapi({ description: 'nextCursor of the page before' }),
  sample: countParameter({
    max: 2000,
    description:
      'instead of limit and cursor: at most so many traces spread evenly over the range. It is cut into up to 60 equal ' +
      'intervals; of each come the ceil(sample / 60) traces whose ids have the lowest last four bytes, so equal data give ' +
      'equal samples',
  }),
})

const searchTraces = createRoute({
  method: 'get',
  path: '/traces',
  summary: 'Traces with a span that meets all filters, newest first',
  request: { query: searchParameters },
  responses: answers(
    'a page or a sample of traces; isComplete false: time ran out, a page goes on from nextCursor',
    z.object({
      traces: z.array(traceSummarySchema),
      nextCursor: z.string().nullable(),
      isComplete: z.boolean(),
      searchedFromTimeUnixNano: unixNano().openapi({
        description:
          'how far back was searched: what meets the filters from here on was given, in this page or before',
      }),
    }),
  ),
})

const getTrace = createRoute({
  method: 'get',
  path: '/traces/{traceId}',
  summary: 'One trace whole, with its resources and pods',
  request: {
    params: z.object({ traceId: traceIdParameter }),
    query: z.strictObject(optionalRangeParameters),
  },
  responses: answersOrNotFound(
    'the trace; of more than 20 000 spans, or 64 MiB of them, the earliest',
    z.object({
      traceId: z.string(),
      startTimeUnixNano: unixNano(),
      durationNanos: z.number(),
      spans: z.array(spanSchema),
      resources: z.record(z.string(), resourceSchema),
      pods: z.record(z.string(), podSchema),
      isTruncated: z.boolean(),
    }),
  ),
})

const getTraceLogs = createRoute({
  method: 'get',
  path: '/traces/{traceId}/logs',
  summary: 'Log records that name this trace, by time',
  request: {
    params: z.object({ traceId: traceIdParameter }),
    query: z.strictObject({ limit: limitParameter({ fallback: 1000, max: 5000 }) }),
  },
  responses: answers(
    'the earliest records, of large ones fewer than the limit; none for an unknown trace',
    z.object({ logs: z.array(logSchema), isTruncated: z.boolean() }),
  ),
})

export const createTraceRoutes = ({ traces, logs, pods, now }: Readers) =>
  createRouter()
    .openapi(searchTraces, async (context) => {
      const query = context.req.valid('query')
      const scope = scopeOf(context)
      const range = parseTimeRange(query, now())
      const filters = filtersOf(query)
      if (query.sample !== undefined) {
        if (query.cursor !== undefined || context.req.query('limit') !== undefined)
          throw new InvalidInput('sample: goes with neither cursor nor limit', { field: 'sample' })
        const sample = await traces.sampleTraces(scope, { range, filters, count: query.sample })
        const podsByKey = await pods.podsByKey(scope, podKeysOf(sample.traces))
        const summaries = sample.traces.map((trace) => summaryAnswer(trace, podsByKey))
        return context.json(
          {
            traces: summaries,
            nextCursor: null,
            isComplete: sample.isComplete,
            searchedFromTimeUnixNano: range.fromNanos.toString(),
          },
          200,
        )
      }
      const page = await traces.searchTraces(scope, {
        range,
        filters,
        limit: query.limit,
        after: query.cursor === undefined ? undefined : decodeTraceCursor(query.cursor),
      })
      const podsByKey = await pods.podsByKey(scope, podKeysOf(page.traces))
      return context.json(
        {
          traces: page.traces.map((trace) => summaryAnswer(trace, podsByKey)),
          nextCursor: page.next ? encodeTraceCursor(page.next) : null,
          isComplete: page.isComplete,
          searchedFromTimeUnixNano: page.searchedFromNanos.toString(),
        },
        200,
      )
    })
    .openapi(getTrace, async (context) => {
      const { traceId } = context.req.valid('param')
      const { from, to } = context.req.valid('query')
      const scope = scopeOf(context)
      const range = from === undefined && to === undefined ? undefined : parseTimeRange({ from, to }, now())
      const trace = await traces.getTrace(scope, traceId, range)
      if (trace === undefined) throw new NotFound(`there is no trace ${traceId}`)
      const spans = trace.spans.map((span) => spanAnswer(span, trace.resources.get(span.resourceId)))
      const spansByPod = Map.groupBy(spans, (span) => span.podUid)
      const podsByKey = await pods.podsByKey(
        scope,
        [...spansByPod.keys()].filter((key) => key !== ''),
      )
      return context.json(
        {
          traceId,
          startTimeUnixNano: trace.startTimeUnixNano,
          durationNanos: trace.durationNanos,
          spans,
          resources: Object.fromEntries(
            [...trace.resources].map(([id, resource]) => [id, resourceAnswer(resource)]),
          ),
          pods: Object.fromEntries(
            [...podsByKey].map(([key, pod]) => [key, podAnswer(pod, spansByPod.get(key)?.length ?? 0)]),
          ),
          isTruncated: trace.isTruncated,
        },
        200,
      )
    })
    .openapi(getTraceLogs, async (context) => {
      const { traceId } = context.req.valid('param')
      const { limit } = context.req.valid('query')
      const page = await logs.logsOfTrace(scopeOf(context), traceId, limit)
      return context.json({ logs: page.logs.map(logAnswer), isTruncated: page.isTruncated }, 200)
    })

const filtersOf = (query: z.infer<typeof searchParameters>): SpanFilters => {
  const { service, namespace, environment, operation, status, attribute, pod } = query
  const minDurationNanos = durationParameter('minDuration', query.minDuration)
  const maxDurationNanos = durationParameter('maxDuration', query.maxDuration)
  if (minDurationNanos !== undefined && maxDurationNanos !== undefined && minDurationNanos > maxDurationNanos)
    throw new InvalidInput('minDuration is more than maxDuration', { field: 'minDuration' })
  return {
    service,
    namespace,
    environment,
    operation,
    status,
    root: query.root === 'true',
    attributes: attribute,
    pod,
    minDurationNanos,
    maxDurationNanos,
  }
}

const durationParameter = (field: string, text: string | undefined): bigint | undefined =>
  text === undefined ? undefined : parseDurationNanos(field, text)
