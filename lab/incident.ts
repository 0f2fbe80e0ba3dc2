import { setTimeout as sleep } from 'node:timers/promises'
import { isFailed, type Load } from './load.ts'
import type { Narration } from './narration.ts'
import { releaseKey, releases } from './shop/reservation-release.ts'
import type { Cluster } from './supervisor/cluster.ts'
import type { ContainerDeath, PodView } from './supervisor/deployment.ts'

export interface Incident {
  kills: ContainerDeath[]
  /** The pod that took the place of the killed one. */
  replacement: PodView
}

interface Stage {
  cluster: Cluster
  load: Load
  narration: Narration
  signal: AbortSignal
}

const service = 'inventory'
const killsWanted = 2
const killTimeoutMillis = 90_000
const replacementTimeoutMillis = 30_000
const recoveryTimeoutMillis = 60_000
const reportIntervalMillis = 2000
/** So long without a failed request, with requests answered, counts as recovered. */
const quietMillis = 4000

/**
 * A changed setting makes inventory keep every reservation: it is killed at its memory limit, restarts and is killed
 * again; then its pod is evicted and replaced, and the setting is taken back. Resolves when the shop is well again.
 */
export const runIncident = async (stage: Stage): Promise<Incident> => {
  const { cluster, narration } = stage
  const kills: ContainerDeath[] = []
  const stopListening = listenToDeaths(stage, kills)
  try {
    narration.line(`the ConfigMap of ${service} changes: ${releaseKey}=${releases.onShipment}`)
    narration.line(
      'from now on every reservation keeps its rows locked and a copy of the warehouse in memory',
    )
    cluster.configure(service, { [releaseKey]: releases.onShipment })
    await reportUntil(
      stage,
      { timeoutMillis: killTimeoutMillis * killsWanted, waitingFor: 'the kills' },
      () => (kills.length >= killsWanted ? true : undefined),
    )
    const goneUids = new Set(kills.map((kill) => kill.podUid))
    const replacement = await reportUntil(
      stage,
      { timeoutMillis: replacementTimeoutMillis, waitingFor: 'the replaced pod' },
      () => podOf(cluster, (pod) => !goneUids.has(pod.uid)),
    )
    narration.line(
      `the ReplicaSet made a new pod under a new name: ${replacement.name} on ${replacement.node}`,
    )
    narration.line(`somebody takes the setting back: ${releaseKey}=${releases.onCommit}`)
    cluster.configure(service, { [releaseKey]: releases.onCommit })
    await untilRecovered(stage)
    return { kills, replacement }
  } finally {
    stopListening()
    cluster.configure(service, { [releaseKey]: releases.onCommit })
  }
}

const listenToDeaths = ({ cluster, narration }: Stage, kills: ContainerDeath[]): (() => void) => {
  const stopDeaths = cluster.onDeath((death) => {
    if (death.reason !== 'OOMKilled') return
    kills.push(death)
    const resident = mebibytes(death.residentBytes ?? 0)
    narration.bad(
      `${death.podName} was killed: ${death.reason}, exit code ${death.exitCode}, ${resident} of ${mebibytes(death.memoryLimitBytes)} MiB, restart count ${death.restartCount}`,
    )
    if (death.restartCount === 0)
      narration.line('its container is restarted in place after a back-off: same pod, new container id')
  })
  const stopEvictions = cluster.onEviction((gone) => {
    narration.bad(`${gone.name} sits in CrashLoopBackOff; the descheduler evicts it from ${gone.node}`)
  })
  return () => {
    stopDeaths()
    stopEvictions()
  }
}

/** Tells every few seconds how the shop is doing until `check` has an answer; throws at the deadline. */
const reportUntil = async <T>(
  stage: Stage,
  options: { timeoutMillis: number; waitingFor: string },
  check: () => T | undefined,
): Promise<T> => {
  const deadline = Date.now() + options.timeoutMillis
  let reportAtMillis = Date.now() + reportIntervalMillis
  for (;;) {
    const answer = check()
    if (answer !== undefined) return answer
    const now = Date.now()
    if (now >= deadline)
      throw new Error(`waited ${Math.round(options.timeoutMillis / 1000)} s for ${options.waitingFor}`)
    if (now >= reportAtMillis) {
      reportAtMillis = now + reportIntervalMillis
      stage.narration.line(describe(stage))
    }
    await sleep(100, undefined, { signal: stage.signal })
  }
}

const describe = ({ cluster, load }: Stage): string => {
  const since = Date.now() - reportIntervalMillis
  const recent = load.answers.filter((answer) => answer.endedAtMillis >= since)
  const failed = recent.filter(isFailed).length
  const pod = podOf(cluster, () => true)
  const memory = pod?.residentBytes === undefined ? 'is down' : `holds ${mebibytes(pod.residentBytes)} MiB`
  return `${service} ${memory}; the storefront answered ${recent.length - failed} requests and failed ${failed} in ${reportIntervalMillis / 1000} s`
}

const untilRecovered = async (stage: Stage): Promise<void> => {
  const { cluster, load, narration, signal } = stage
  await cluster.untilReady(recoveryTimeoutMillis, service)
  const readyAtMillis = Date.now()
  await reportUntil(stage, { timeoutMillis: recoveryTimeoutMillis, waitingFor: 'the recovery' }, () => {
    const since = Math.max(readyAtMillis, Date.now() - quietMillis)
    if (Date.now() - readyAtMillis < quietMillis) return undefined
    const recent = load.answers.filter((answer) => answer.endedAtMillis >= since)
    const hasOrders = recent.some((answer) => answer.journey === 'order')
    return hasOrders && !recent.some(isFailed) ? true : undefined
  })
  signal.throwIfAborted()
  narration.good('the shop has recovered: orders go through again')
}

const podOf = (cluster: Cluster, isWanted: (pod: PodView) => boolean): PodView | undefined =>
  cluster.pods().find((pod) => pod.deployment === service && isWanted(pod))

export const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20)
