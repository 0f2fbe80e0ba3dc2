import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '#runtime/errors.ts'
import { createLogger, type Logger } from '#runtime/logger.ts'
import { createApiClient } from './api-client.ts'
import { type Evidence, findEvidence } from './evidence.ts'
import { mebibytes, runIncident } from './incident.ts'
import { type Answer, type Load, type LoadCounts, startLoad } from './load.ts'
import { createNarration, type Narration } from './narration.ts'
import { preload, shopDeployments, shopNamespace } from './shop/shop.ts'
import { printSummary } from './summary.ts'
import { type Cluster, createCluster } from './supervisor/cluster.ts'
import type { ContainerDeath } from './supervisor/deployment.ts'

export interface DemoOptions {
  /** Where the pods send their telemetry: an OTLP/HTTP endpoint without a path. */
  otlpUrl: string
  /** Where the query API listens, without a path. */
  apiUrl: string
  /** Where the UI is served, without a path. */
  uiUrl: string
  /** Nobody watches: no colour, and no links to click. */
  isHeadless: boolean
  /** End after the story; otherwise the shop goes on, and fails again from time to time, until `signal`. */
  exitAtEnd: boolean
  healthySeconds?: number
  print?: (line: string) => void
  logger?: Logger
  /** Ends the demo early and cleanly. */
  signal: AbortSignal
}

export interface DemoResult {
  /** 0 when a trace of every killed container could be read, 1 when not, 130 when `signal` came before that was known. */
  exitCode: number
  kills: ContainerDeath[]
  evidence: Evidence[]
  /** The load generator's requests, oldest first. */
  answers: readonly Answer[]
  counts: LoadCounts
}

interface Stage {
  options: DemoOptions & { healthySeconds: number }
  cluster: Cluster
  load: Load
  narration: Narration
  result: DemoResult
  startedAtMillis: number
}

const healthyReportSeconds = 10
/** Between one failure and the next while the demo stays open. */
const calmSeconds = 180

/**
 * The demo: a shop of real processes runs well, one of its services is killed at its memory limit, twice, the failure
 * spreads to the entry point, and everything recovers. Afterwards the backend is asked for what the dead left behind.
 *
 * @throws when the shop does not start, or the story does not go on as it should
 */
export const runDemo = async (options: DemoOptions): Promise<DemoResult> => {
  const narration = createNarration({
    print: options.print ?? ((line) => process.stdout.write(`${line}\n`)),
    hasColour: options.print === undefined && !options.isHeadless && process.stdout.isTTY,
  })
  const logger = options.logger ?? createLogger({ name: 'demo', level: 'warn' })
  const cluster = createCluster({ otlpUrl: options.otlpUrl, namespace: shopNamespace, preload, logger })
  const result: DemoResult = {
    exitCode: 130,
    kills: [],
    evidence: [],
    answers: [],
    counts: { answered: 0, failed: 0 },
  }
  const startedAtMillis = Date.now()
  let load: Load | undefined
  try {
    await openShop(cluster, narration)
    load = startLoad(cluster.serviceUrl('storefront'))
    result.answers = load.answers
    result.counts = load.counts
    await tellStory({
      options: { healthySeconds: 60, ...options },
      cluster,
      load,
      narration,
      result,
      startedAtMillis,
    })
  } catch (error) {
    if (!options.signal.aborted) throw error
  } finally {
    await load?.stop()
    await cluster.stop()
  }
  return result
}

const openShop = async (cluster: Cluster, narration: Narration): Promise<void> => {
  narration.title('The shop opens')
  const startedAtMillis = Date.now()
  await cluster.deploy(shopDeployments)
  const pods = cluster.pods()
  const seconds = ((Date.now() - startedAtMillis) / 1000).toFixed(1)
  narration.line(
    `${shopDeployments.length} services in ${pods.length} pods, each a process of its own, are ready after ${seconds} s:`,
  )
  for (const pod of pods) narration.line(`  ${pod.name.padEnd(30)}${pod.node}`)
}

const tellStory = async (stage: Stage): Promise<void> => {
  const { options, narration } = stage
  narration.title(`${options.healthySeconds} healthy seconds`)
  await beHealthy(stage, options.healthySeconds)
  await fail(stage)
  await stage.cluster.flush(5000)
  stage.result.exitCode = (await conclude(stage)) ? 0 : 1
  if (options.exitAtEnd) return

  narration.title(
    `The shop stays open; it fails again every ${calmSeconds / 60} minutes. Ctrl-C ends the demo.`,
  )
  for (;;) {
    await sleep(calmSeconds * 1000, undefined, { signal: options.signal })
    await fail(stage)
  }
}

/** Whether the backend could tell what it should know. */
const conclude = async (stage: Stage): Promise<boolean> => {
  const { evidence } = stage.result
  try {
    await printSummary({ ...stage, ...apiOf(stage), evidence, counts: stage.load.counts })
  } catch (error) {
    stage.options.signal.throwIfAborted()
    stage.narration.bad(`cannot read the summary: ${messageOf(error)}`)
    return false
  }
  return evidence.every(({ readableTraceId }) => readableTraceId !== undefined)
}

const apiOf = ({ options }: Stage): { api: ReturnType<typeof createApiClient>; signal: AbortSignal } => ({
  api: createApiClient(options.apiUrl),
  signal: options.signal,
})

const beHealthy = async ({ options, cluster, load, narration }: Stage, seconds: number): Promise<void> => {
  for (let elapsed = 0; elapsed < seconds;) {
    const step = Math.min(healthyReportSeconds, seconds - elapsed)
    await sleep(step * 1000, undefined, { signal: options.signal })
    elapsed += step
    const inventory = cluster.pods().find((pod) => pod.deployment === 'inventory')
    narration.line(
      `${elapsed} s: ${load.counts.answered} requests answered, ${load.counts.failed} failed; inventory holds ${mebibytes(inventory?.residentBytes ?? 0)} MiB`,
    )
  }
}

/** One incident, and at its end what the backend still has of those who died. */
const fail = async (stage: Stage): Promise<void> => {
  const { options, cluster, load, narration, result } = stage
  narration.title('inventory leaks')
  const { kills } = await runIncident({ cluster, load, narration, signal: options.signal })
  result.kills.push(...kills)

  narration.title('The pods are gone. Their traces are not:')
  for (const kill of kills) {
    const evidence = await findEvidence({ kill, answers: load.answers, ...apiOf(stage) }).catch(
      (error: unknown): Evidence => {
        narration.bad(`cannot read the traces of ${kill.podName}: ${messageOf(error)}`)
        return { kill, readableTraceId: undefined, interruptedTraceId: undefined }
      },
    )
    result.evidence.push(evidence)
    printLinks(stage, evidence)
  }
  narration.line(`all pods that are gone: ${options.uiUrl}/pods?state=gone`)
}

const printLinks = ({ options, narration }: Stage, evidence: Evidence): void => {
  const { kill, readableTraceId, interruptedTraceId } = evidence
  narration.line(
    `${kill.podName}, container ${kill.containerId.slice(0, 12)}: ${options.uiUrl}/pods?state=gone&details=${kill.podUid}`,
  )
  if (readableTraceId === undefined) narration.bad('  no trace that it took part in can be read')
  else narration.good(`  an order it served before its end:  ${options.uiUrl}/traces/${readableTraceId}`)
  if (interruptedTraceId !== undefined)
    narration.line(`  an order its end interrupted:       ${options.uiUrl}/traces/${interruptedTraceId}`)
}
