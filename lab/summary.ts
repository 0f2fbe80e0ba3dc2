import { type ApiClient, eventually } from './api-client.ts'
import type { Evidence } from './evidence.ts'
import type { Narration } from './narration.ts'
import { shopDeployments, shopNamespace } from './shop/shop.ts'
import type { LoadCounts } from './load.ts'

const readTimeoutMillis = 20_000

/** Prints what the backend tells of the run. Everything in it comes from the query API. */
export const printSummary = async (options: {
  api: ApiClient
  narration: Narration
  evidence: readonly Evidence[]
  counts: LoadCounts
  /** When the demo began: the data folder may hold earlier runs. */
  startedAtMillis: number
  signal: AbortSignal
}): Promise<void> => {
  const { api, narration, evidence, counts } = options
  const range = { from: String(options.startedAtMillis), to: 'now', namespace: shopNamespace }
  narration.title('What the backend knows')
  narration.line(`requests: ${counts.answered} answered, ${counts.failed} failed`)

  const services = (await api.services(range)).filter(({ name }) => isOfShop(name))
  const spanCount = services.reduce((sum, service) => sum + service.spanCount, 0)
  narration.line(`services: ${services.length} of ${shopDeployments.length}, with ${spanCount} spans`)
  for (const service of services)
    narration.line(
      `  ${service.name.padEnd(12)}${String(service.spanCount).padStart(7)} spans ${String(service.errorCount).padStart(6)} errors ${String(service.podCount).padStart(3)} pods ${String(service.podsGone).padStart(3)} gone`,
    )

  const killedUids = new Set(evidence.map(({ kill }) => kill.podUid))
  // The last watch records of a pod travel like everything else: they may be a moment behind.
  await eventually({ timeoutMillis: readTimeoutMillis, signal: options.signal }, async () => {
    const gone = await api.pods({ ...range, state: 'gone' })
    return [...killedUids].every((uid) => gone.some((pod) => pod.uid === uid)) ? true : undefined
  })
  const pods = await api.pods(range)
  const gone = pods.filter((pod) => pod.state === 'gone')
  narration.line(`pods: ${pods.length} seen, ${gone.length} gone`)
  for (const pod of gone)
    narration.line(
      `  ${pod.name}: ${pod.end?.reason ?? 'reason unknown'}${pod.end?.exitCode === null || pod.end === null ? '' : `, exit code ${pod.end.exitCode}`}, ${pod.restartCount} restarts`,
    )

  for (const { kill, readableTraceId } of evidence) {
    const what = `a trace of ${kill.podName} (container ${kill.containerId.slice(0, 12)}) can be read`
    if (readableTraceId === undefined) narration.bad(`${what}: NO`)
    else narration.good(`${what}: yes, ${readableTraceId}`)
  }
}

const isOfShop = (name: string): boolean => shopDeployments.some((deployment) => deployment.name === name)
