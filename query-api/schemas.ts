import { z } from '@hono/zod-openapi'

/** The shapes of answers, as the OpenAPI document and the typed client know them. */
export const unixNano = () =>
  z.string().openapi({ description: 'nanoseconds since 1970', example: '1760000000000000000' })
const nanos = () => z.number().openapi({ description: 'nanoseconds' })
const count = () => z.number().int()

const attributeSchema = z
  .object({
    key: z.string(),
    value: z.string().openapi({ description: 'as text; arrays and maps as JSON, bytes as base64' }),
    type: z.enum(['string', 'bool', 'int', 'double', 'bytes', 'array', 'map', 'empty']),
  })
  .openapi('Attribute')
export const attributesSchema = z.array(attributeSchema)

export const latencySchema = z.object({ p50: nanos(), p95: nanos(), p99: nanos() }).openapi('Latency')

/** Rates, errors and durations come from buckets of time, and some from samples; answers say so. */
export const countedRangeSchema = z
  .object({
    fromTimeUnixNano: unixNano(),
    toTimeUnixNano: unixNano(),
    resolutionSeconds: z.number().int(),
  })
  .openapi('CountedRange', {
    description:
      'the time that counts and latencies are of: the range asked for, aligned outward to what is kept of that time',
  })
const isEstimated = () =>
  z.boolean().openapi({
    description:
      'spans were sampled, and each was counted as many as it stands for (ot=th of its tracestate)',
  })
export const estimateSchemas = {
  countedSpanCount: z.number().int().openapi({ description: 'spans that were really seen' }),
  isEstimated: isEstimated(),
}

export const spanKindSchema = z.enum(['Server', 'Client', 'Internal', 'Producer', 'Consumer', 'Unspecified'])

export const resourceSchema = z
  .object({
    serviceName: z.string(),
    serviceNamespace: z.string(),
    environment: z.string(),
    serviceVersion: z.string(),
    attributes: attributesSchema,
  })
  .openapi('Resource')

export const podSchema = z
  .object({
    uid: z.string().openapi({ description: 'k8s.pod.uid; where it was not sent, k8s.pod.name' }),
    name: z.string(),
    namespace: z.string(),
    node: z.string(),
    serviceName: z.string(),
    serviceVersion: z.string(),
    environment: z.string(),
    container: z.string(),
    firstSeenTimeUnixNano: unixNano(),
    lastSeenTimeUnixNano: unixNano(),
    state: z.enum(['alive', 'gone']),
    end: z
      .object({
        timeUnixNano: unixNano(),
        reason: z.string().openapi({ example: 'OOMKilled' }),
        exitCode: z.number().int().nullable(),
        signal: z.number().int().nullable(),
        evidence: z.enum(['pod-watch', 'silence']),
        isFailure: z.boolean().openapi({
          description:
            'reported by the pod watch, and neither completed nor deleted nor a clean exit (0, or 143 after SIGTERM)',
        }),
      })
      .nullable(),
    containerEnds: z
      .array(
        z.object({
          container: z.string(),
          timeUnixNano: unixNano(),
          reason: z.string(),
          exitCode: z.number().int().nullable(),
          signal: z.number().int().nullable(),
          isFailure: z.boolean(),
        }),
      )
      .openapi({
        description:
          'by time, the latest 20; also of containers that Kubernetes started again in the same pod',
      }),
    restartCount: count(),
    spanCount: count().optional().openapi({ description: 'spans in the trace that was asked for' }),
  })
  .openapi('Pod')

export const traceSummarySchema = z
  .object({
    traceId: z.string(),
    startTimeUnixNano: unixNano(),
    durationNanos: nanos(),
    rootService: z.string().openapi({ description: 'of the root span; where none arrived, of the earliest' }),
    rootOperation: z.string(),
    hasRoot: z.boolean(),
    spanCount: count(),
    errorCount: count(),
    services: z.array(z.object({ name: z.string(), spanCount: count(), errorCount: count() })),
    matchedSpan: z.object({
      service: z.string(),
      operation: z.string(),
      durationNanos: nanos(),
      startTimeUnixNano: unixNano(),
      isError: z.boolean(),
    }),
    podsGone: count(),
    podsFailed: count().openapi({
      description: 'pods of which a container failed while the trace ran, or in the minute after it',
    }),
    pods: z.array(z.string()),
  })
  .openapi('TraceSummary')

export const spanSchema = z
  .object({
    spanId: z.string(),
    parentSpanId: z.string().openapi({ description: 'empty: a root' }),
    name: z.string(),
    kind: spanKindSchema,
    startTimeUnixNano: unixNano(),
    durationNanos: nanos(),
    isOpen: z.boolean().openapi({ description: 'it has begun, its end never arrived' }),
    status: z.enum(['Unset', 'Ok', 'Error']),
    statusMessage: z.string(),
    resourceId: z.string(),
    serviceName: z.string(),
    podUid: z.string(),
    scope: z.object({ name: z.string(), version: z.string() }),
    attributes: attributesSchema,
    events: z.array(z.object({ timeUnixNano: unixNano(), name: z.string(), attributes: attributesSchema })),
    links: z.array(z.object({ traceId: z.string(), spanId: z.string(), attributes: attributesSchema })),
    traceState: z.string(),
    flags: count(),
    droppedCounts: z.object({ attributes: count(), events: count(), links: count() }),
    isParentMissing: z.boolean(),
  })
  .openapi('Span')

export const logSchema = z
  .object({
    timeUnixNano: unixNano(),
    severityNumber: count(),
    severityText: z.string(),
    body: z.string(),
    eventName: z.string(),
    serviceName: z.string(),
    podUid: z.string(),
    traceId: z.string(),
    spanId: z.string(),
    attributes: attributesSchema,
  })
  .openapi('LogRecord')

const errorSchema = z
  .object({
    error: z.object({
      code: z.enum([
        'invalid_parameter',
        'not_found',
        'unavailable',
        'too_large',
        'internal',
        'unauthorized',
      ]),
      message: z.string(),
      parameter: z.string().optional(),
    }),
  })
  .openapi('Error')

const jsonContent = <T extends z.ZodType>(description: string, schema: T) => ({
  description,
  content: { 'application/json': { schema } },
})

/** The answers of a route: its own, and those that any route may give. */
export const answers = <T extends z.ZodType>(description: string, schema: T) => ({
  200: jsonContent(description, schema),
  400: jsonContent('a parameter is wrong; `parameter` names it', errorSchema),
  422: jsonContent('the answer would be too large; narrow the question', errorSchema),
  503: jsonContent('the store cannot be reached; try again', errorSchema),
  504: jsonContent('the store took too long; narrow the question', errorSchema),
})

export const answersOrNotFound = <T extends z.ZodType>(description: string, schema: T) => ({
  ...answers(description, schema),
  404: jsonContent('there is no such thing', errorSchema),
})
