import { type Context, Hono } from 'hono'
import type { Health } from '#runtime/health.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'

/** What orchestrators and Prometheus ask; without a token, because they have none. */
export const createHealthRoutes = ({
  health,
  selfMetrics,
}: {
  health: Health
  selfMetrics: SelfMetrics
}): Hono => {
  const readiness = async (context: Context): Promise<Response> => {
    const report = await health.report()
    const failed = report.checks.filter((check) => !check.ok).map((check) => check.name)
    const summary = report.ok ? 'ready' : `not ready: ${failed.join(', ')}`
    const lines = report.checks.map(({ name, ok, detail }) =>
      ok ? `[+]${name} ok` : `[-]${name} failed: ${detail}`,
    )
    const isVerbose = context.req.query('verbose') !== undefined
    const text = [...(isVerbose ? lines : []), summary].join('\n')
    return context.text(`${text}\n`, report.ok ? 200 : 503, { 'cache-control': 'no-store' })
  }
  return new Hono()
    .get('/livez', (context) => context.text('alive\n'))
    .get('/readyz', readiness)
    .get('/healthz', readiness)
    .get('/metrics', async (context) =>
      context.body(await selfMetrics.render(), 200, {
        'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      }),
    )
}
