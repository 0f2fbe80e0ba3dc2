import { createRoute, z } from '@hono/zod-openapi'
import { type StoredPod, podsMax } from '#storage/pods/pod-store.ts'
import type { TimeRange } from '#storage/read-scope.ts'
import type { RedCoverage } from '#storage/red/red-store.ts'
import type { Readers } from '../app-env.ts'
import { scopeOf } from '../app-env.ts'
import { kindName } from '../answer-parts.ts'
import { createRouter } from '../error-answers.ts'
import { nameParameter, namespaceParameters, rangeParameters } from '../parameters.ts'
import {
  answers,
  countedRangeSchema,
  estimateSchemas,
  latencySchema,
  spanKindSchema,
  unixNano,
} from '../schemas.ts'
import { parseTimeRange } from '../time-range.ts'

const serviceSchema = z
  .object({
    name: z.string(),
    namespace: z.string(),
    environment: z.string(),
    spanCount: z.number().int().openapi({ description: 'finished spans of every kind' }),
    ...estimateSchemas,
    requestCount: z.number().int().openapi({ description: 'finished SERVER and CONSUMER spans' }),
    errorCount: z.number().int().openapi({ description: 'requests that failed' }),
    requestsPerSecond: z.number(),
    errorShare: z.number().openapi({ description: '0 to 1, of the requests' }),
    latencyNanos: latencySchema.nullable(),
    podCount: z.number().int(),
    podsGone: z.number().int(),
    podsFailed: z.number().int().openapi({
      description: 'those of podsGone whose end was a failure; of the latest 5000 pods of the range',
    }),
    firstSeenTimeUnixNano: unixNano(),
    lastSeenTimeUnixNano: unixNano(),
    versions: z.array(z.string()),
  })
  .openapi('Service')

const listServices = createRoute({
  method: 'get',
  path: '/services',
  summary: 'Services seen in a time range, with their rate, errors and latency',
  request: { query: z.strictObject({ ...rangeParameters, ...namespaceParameters }) },
  responses: answers(
    'the services by name',
    z.object({
      services: z.array(serviceSchema),
      fromTimeUnixNano: unixNano(),
      toTimeUnixNano: unixNano(),
      counted: countedRangeSchema,
      isTruncated: z.boolean(),
    }),
  ),
})

const listOperations = createRoute({
  method: 'get',
  path: '/services/{service}/operations',
  summary: 'What a service does: names and kinds of its spans',
  request: {
    params: z.object({ service: nameParameter('service', 'service.name') }),
    query: z.strictObject({ ...rangeParameters, ...namespaceParameters }),
  },
  responses: answers(
    'the operations, the most frequent first; none for an unknown service',
    z.object({
      operations: z.array(
        z.object({
          name: z.string(),
          kind: spanKindSchema,
          spanCount: z.number().int().openapi({ description: 'finished spans' }),
          ...estimateSchemas,
          errorCount: z.number().int(),
          latencyNanos: latencySchema.nullable(),
        }),
      ),
      counted: countedRangeSchema,
      isTruncated: z.boolean(),
    }),
  ),
})

export const createServiceRoutes = ({ services, pods, now }: Readers) =>
  createRouter()
    .openapi(listServices, async (context) => {
      const { from, to, ...filter } = context.req.valid('query')
      const range = parseTimeRange({ from, to }, now())
      const scope = scopeOf(context)
      const [found, seen] = await Promise.all([
        services.listServices(scope, range, filter),
        pods.listPods(scope, { range, filter, limit: podsMax }),
      ])
      // Where pods come and go by the thousand, those that live are fewer and easier to find than those that are gone.
      const alive = seen.isTruncated
        ? await pods.listPods(scope, { range, filter, state: 'alive', limit: podsMax })
        : { pods: seen.pods.filter((pod) => pod.state === 'alive') }
      const aliveByService = countByService(alive.pods)
      const failedByService = countByService(seen.pods.filter((pod) => pod.end?.isFailure))
      const seconds = secondsOf(found.coverage, range, now())
      return context.json(
        {
          services: found.services.map((service) => {
            const key = serviceKey(service.name, service.namespace, service.environment)
            return {
              ...service,
              requestsPerSecond: service.requestCount / seconds,
              errorShare: service.requestCount === 0 ? 0 : service.errorCount / service.requestCount,
              podsGone: Math.max(0, service.podCount - (aliveByService.get(key) ?? 0)),
              podsFailed: failedByService.get(key) ?? 0,
            }
          }),
          fromTimeUnixNano: range.fromNanos.toString(),
          toTimeUnixNano: range.toNanos.toString(),
          counted: countedRange(found.coverage),
          isTruncated: found.isTruncated,
        },
        200,
      )
    })
    .openapi(listOperations, async (context) => {
      const { service } = context.req.valid('param')
      const { from, to, ...filter } = context.req.valid('query')
      const range = parseTimeRange({ from, to }, now())
      const { operations, isTruncated, coverage } = await services.listOperations(scopeOf(context), range, {
        ...filter,
        service,
      })
      return context.json(
        {
          operations: operations.map((operation) => ({ ...operation, kind: kindName(operation.kind) })),
          counted: countedRange(coverage),
          isTruncated,
        },
        200,
      )
    })

const countedRange = ({ range, resolutionSeconds }: RedCoverage): z.infer<typeof countedRangeSchema> => ({
  fromTimeUnixNano: range.fromNanos.toString(),
  toTimeUnixNano: range.toNanos.toString(),
  resolutionSeconds,
})

/** How long was counted. Of the bucket that has just begun only what has passed, unless the future was asked for. */
const secondsOf = ({ range }: RedCoverage, asked: TimeRange, nowMillis: number): number => {
  const nowNanos = BigInt(nowMillis) * 1_000_000n
  const latest = nowNanos > asked.toNanos ? nowNanos : asked.toNanos
  const toNanos = range.toNanos < latest ? range.toNanos : latest
  return Number(toNanos - range.fromNanos) / 1e9
}

const serviceKey = (name: string, namespace: string, environment: string): string =>
  JSON.stringify([name, namespace, environment])

const countByService = (pods: readonly StoredPod[]): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { resource } of pods) {
    const key = serviceKey(resource.serviceName, resource.serviceNamespace, resource.environment)
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return counts
}
