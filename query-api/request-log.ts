import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'

const slowMillis = 1000
const queryLengthMax = 500

/** Measures every request, and logs a line of each that was slow or failed on our side. */
export const observeRequests = (logger: Logger, selfMetrics: SelfMetrics): MiddlewareHandler => {
  const duration = selfMetrics.meter.createHistogram('api_request_duration_seconds', {
    description: 'Duration of API requests',
    unit: 's',
    advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] },
  })
  return async (context, next) => {
    const started = performance.now()
    await next()
    const millis = performance.now() - started
    const { status } = context.res
    duration.record(millis / 1000, {
      'http.request.method': context.req.method,
      'http.route': routePath(context, -1),
      'http.response.status_code': status,
    })
    if (millis < slowMillis && status < 500) return
    const query = new URL(context.req.url).search.slice(0, queryLengthMax)
    const line = {
      method: context.req.method,
      path: context.req.path,
      query,
      status,
      millis: Math.round(millis),
    }
    if (status >= 500) logger.warn(line, 'request failed')
    else logger.info(line, 'slow request')
  }
}

/** What browsers may do with anything that comes from here. */
export const secure: MiddlewareHandler = async (context, next) => {
  await next()
  const { headers } = context.res
  headers.set(
    'content-security-policy',
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
  )
  headers.set('x-content-type-options', 'nosniff')
  headers.set('referrer-policy', 'same-origin')
  headers.set('cross-origin-resource-policy', 'same-origin')
}
