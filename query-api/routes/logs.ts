import { createRoute, z } from '@hono/zod-openapi'
import type { LogFilters } from '#storage/logs/log-store.ts'
import { logAnswer } from '../answer-parts.ts'
import { type Readers, scopeOf } from '../app-env.ts'
import { parseBodyText } from '../body-text.ts'
import { createRouter } from '../error-answers.ts'
import { decodeLogCursor, encodeLogCursor } from '../log-cursor.ts'
import {
  attributeParameter,
  countParameter,
  limitParameter,
  rangeParameters,
  serviceParameters,
  textParameter,
} from '../parameters.ts'
import { answers, logSchema, unixNano } from '../schemas.ts'
import { parseTimeRange } from '../time-range.ts'

const filterParameters = {
  ...rangeParameters,
  ...serviceParameters,
  minSeverity: countParameter({
    max: 24,
    description: "OTLP's number of the least severity: 1 trace, 5 debug, 9 info, 13 warn, 17 error, 21 fatal",
  }),
  text: textParameter()
    .optional()
    .openapi({
      description:
        'words that the body has to hold, each as a whole word, ASCII letters in any case; what stands in double ' +
        'quotes has to occur as it is, its words whole and in this order. A structured body is searched as JSON',
      example: 'refused "connection reset by peer"',
    }),
  attribute: attributeParameter.openapi({
    description: 'key=value of the record or its resource; repeatable, all have to hold',
  }),
  traceId: z
    .string()
    .regex(/^[0-9a-f]{32}$/i, 'expected 32 hexadecimal digits')
    .transform((id) => id.toLowerCase())
    .optional()
    .openapi({ type: 'string', pattern: '^[0-9a-fA-F]{32}$' }),
  pod: textParameter().optional().openapi({ description: 'k8s.pod.uid or k8s.pod.name' }),
  eventName: textParameter().optional().openapi({ description: 'name of an event; empty: none' }),
}

const filterQuery = z.strictObject(filterParameters)

const searchLogs = createRoute({
  method: 'get',
  path: '/logs',
  summary: 'Log records that meet all filters, newest first',
  request: {
    query: z.strictObject({
      ...filterParameters,
      limit: limitParameter({ fallback: 100, max: 1000 }),
      cursor: textParameter().optional().openapi({ description: 'nextCursor of the page before' }),
    }),
  },
  responses: answers(
    'a page of records, of large ones fewer than the limit: the search goes on from nextCursor. isComplete false: time ran out',
    z.object({
      logs: z.array(logSchema),
      nextCursor: z.string().nullable(),
      isComplete: z.boolean(),
      searchedFromTimeUnixNano: unixNano().openapi({
        description:
          'how far back was searched: what meets the filters from here on was given, in this page or before',
      }),
    }),
  ),
})

const count = () => z.number().int()

const countLogs = createRoute({
  method: 'get',
  path: '/logs/histogram',
  summary: 'How many log records meet all filters, by interval and severity',
  request: { query: filterQuery },
  responses: answers(
    'at most 60 intervals of equal length, by time; the first and the last count what of them lies in the range',
    z.object({
      fromTimeUnixNano: unixNano(),
      toTimeUnixNano: unixNano(),
      intervalNanos: z.number().openapi({ description: 'nanoseconds' }),
      intervals: z.array(
        z
          .object({
            startTimeUnixNano: unixNano().openapi({ description: 'a multiple of intervalNanos' }),
            unspecified: count(),
            trace: count(),
            debug: count(),
            info: count(),
            warn: count(),
            error: count(),
            fatal: count(),
          })
          .openapi('LogInterval'),
      ),
      isComplete: z.boolean().openapi({ description: 'false: time ran out' }),
      searchedFromTimeUnixNano: unixNano().openapi({ description: 'nothing before this is counted' }),
    }),
  ),
})

export const createLogRoutes = ({ logs, now }: Readers) =>
  createRouter()
    .openapi(searchLogs, async (context) => {
      const query = context.req.valid('query')
      const page = await logs.searchLogs(scopeOf(context), {
        range: parseTimeRange(query, now()),
        filters: filtersOf(query),
        limit: query.limit,
        after: query.cursor === undefined ? undefined : decodeLogCursor(query.cursor),
      })
      return context.json(
        {
          logs: page.logs.map(logAnswer),
          nextCursor: page.next ? encodeLogCursor(page.next) : null,
          isComplete: page.isComplete,
          searchedFromTimeUnixNano: page.searchedFromNanos.toString(),
        },
        200,
      )
    })
    .openapi(countLogs, async (context) => {
      const query = context.req.valid('query')
      const range = parseTimeRange(query, now())
      const histogram = await logs.countLogs(scopeOf(context), { range, filters: filtersOf(query) })
      return context.json(
        {
          fromTimeUnixNano: range.fromNanos.toString(),
          toTimeUnixNano: range.toNanos.toString(),
          intervalNanos: Number(histogram.intervalNanos),
          intervals: histogram.intervals.map(({ startNanos, counts }) => ({
            startTimeUnixNano: startNanos.toString(),
            ...counts,
          })),
          isComplete: histogram.isComplete,
          searchedFromTimeUnixNano: histogram.searchedFromNanos.toString(),
        },
        200,
      )
    })

const filtersOf = (query: z.infer<typeof filterQuery>): LogFilters => {
  const { service, namespace, environment, minSeverity, text, attribute, traceId, pod, eventName } = query
  return {
    service,
    namespace,
    environment,
    minSeverity,
    ...(text !== undefined && parseBodyText('text', text)),
    attributes: attribute,
    traceId,
    pod,
    eventName,
  }
}
