import { createRoute, z } from '@hono/zod-openapi'
import { NotFound } from '#runtime/errors.ts'
import type { StoredPod } from '#storage/pods/pod-store.ts'
import type { TimeRange } from '#storage/read-scope.ts'
import { logAnswer, podAnswer, podKeysOf, resourceAnswer, summaryAnswer } from '../answer-parts.ts'
import { type Readers, scopeOf } from '../app-env.ts'
import { createRouter } from '../error-answers.ts'
import {
  limitParameter,
  nameParameter,
  optionalRangeParameters,
  rangeParameters,
  serviceParameters,
} from '../parameters.ts'
import {
  answers,
  answersOrNotFound,
  logSchema,
  podSchema,
  resourceSchema,
  traceSummarySchema,
} from '../schemas.ts'
import { parseTimeRange } from '../time-range.ts'

const listPods = createRoute({
  method: 'get',
  path: '/pods',
  summary: 'Pods seen in a time range, dead ones included, the latest first seen first',
  request: {
    query: z.strictObject({
      ...rangeParameters,
      ...serviceParameters,
      state: z.enum(['alive', 'gone'], { error: "expected 'alive' or 'gone'" }).optional(),
      limit: limitParameter({ fallback: 1000, max: 5000 }),
    }),
  },
  responses: answers('the pods', z.object({ pods: z.array(podSchema), isTruncated: z.boolean() })),
})

const getPod = createRoute({
  method: 'get',
  path: '/pods/{uid}',
  summary: 'One pod with its last traces and log records',
  request: {
    params: z.object({ uid: nameParameter('uid', 'k8s.pod.uid or k8s.pod.name') }),
    query: z.strictObject(optionalRangeParameters),
  },
  responses: answersOrNotFound(
    'the pod, its resource, its last 20 traces (newest first) and last 50 log records (by time)',
    z.object({
      pod: podSchema,
      resource: resourceSchema,
      traces: z.array(traceSummarySchema),
      logs: z.array(logSchema),
    }),
  ),
})

const lastTraces = 20
const lastLogs = 50

export const createPodRoutes = ({ pods, traces, logs, now }: Readers) =>
  createRouter()
    .openapi(listPods, async (context) => {
      const { from, to, state, limit, ...filter } = context.req.valid('query')
      const range = parseTimeRange({ from, to }, now())
      const found = await pods.listPods(scopeOf(context), { range, filter, state, limit })
      return context.json(
        { pods: found.pods.map((pod) => podAnswer(pod)), isTruncated: found.isTruncated },
        200,
      )
    })
    .openapi(getPod, async (context) => {
      const { uid } = context.req.valid('param')
      const { from, to } = context.req.valid('query')
      const scope = scopeOf(context)
      const asked = from === undefined && to === undefined ? undefined : parseTimeRange({ from, to }, now())
      const pod = await pods.findPod(scope, uid)
      if (pod === undefined) throw new NotFound(`there is no pod ${uid}`)
      const range = withinLife(pod, asked)
      const [page, logPage] = await Promise.all([
        traces.searchTraces(scope, { range, filters: { pod: pod.uid }, limit: lastTraces }),
        logs.logsOfPod(scope, pod.uid, range, lastLogs),
      ])
      const podsByKey = await pods.podsByKey(scope, podKeysOf(page.traces))
      return context.json(
        {
          pod: podAnswer(pod),
          resource: resourceAnswer(pod.resource),
          traces: page.traces.map((trace) => summaryAnswer(trace, podsByKey)),
          logs: logPage.logs.map(logAnswer),
        },
        200,
      )
    })

/** The pod's life, cut to the range where they overlap: the last things of a dead pod lie in its life, not around now. */
const withinLife = (pod: StoredPod, asked: TimeRange | undefined): TimeRange => {
  const life = {
    fromNanos: BigInt(pod.firstSeenTimeUnixNano),
    toNanos: BigInt(pod.lastSeenTimeUnixNano) + 1n,
  }
  if (asked === undefined || asked.fromNanos >= life.toNanos || asked.toNanos <= life.fromNanos) return life
  return {
    fromNanos: asked.fromNanos > life.fromNanos ? asked.fromNanos : life.fromNanos,
    toNanos: asked.toNanos < life.toNanos ? asked.toNanos : life.toNanos,
  }
}
