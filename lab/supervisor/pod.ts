import { setTimeout as sleep } from 'node:timers/promises'
import { backOffMillis, backOffResetMillis } from './back-off.ts'
import { type Container, startContainer } from './container.ts'
import type { ContainerDeath, DeploymentSpec, PodView } from './deployment.ts'
import type { MemoryGuard } from './memory.ts'
import type { ObjectLog } from './object-log.ts'
import { podEnvironment, type ServicePorts } from './pod-environment.ts'
import { createPodJournal } from './pod-journal.ts'
import { createContainerId } from './pod-name.ts'
import { newPodState, type PodState } from './pod-state.ts'
import { terminationOf } from './termination.ts'

/** One pod from its creation to its deletion, restarts of its container included. */
export interface Pod {
  readonly view: PodView
  /** Where the container listens; undefined while it is not ready. */
  readonly endpoint: number | undefined
  /** Settles when the pod is deleted. */
  readonly deleted: Promise<void>
  configure(spec: DeploymentSpec): void
  /** Asks the container to stop, kills it when it does not, and resolves when the pod is gone. */
  remove(eviction?: Eviction): Promise<void>
}

/** Made to go by a program rather than by a person. */
export interface Eviction {
  by: string
  strategy: string
}

export interface PodOptions {
  spec: DeploymentSpec
  replicaSet: PodState['replicaSet']
  node: string
  namespace: string
  preload: string
  otlpUrl: string
  services: ServicePorts
  objectLog: ObjectLog
  memoryGuard: MemoryGuard
  onEndpointChange(): void
  onDeath(death: ContainerDeath): void
  /** Called when the container has to wait before it starts again. */
  onBackOff(pod: Pod): void
}

const startupProbeIntervalMillis = 150
const probeIntervalMillis = 2000
const probeFailuresMax = 3
const graceMillis = 3000

export const createPod = (options: PodOptions): Pod => {
  let { spec } = options
  const state = newPodState({ ...options, createdAtMillis: Date.now() })
  let container: Container | undefined
  const stopping = new AbortController()

  const { record, tell } = createPodJournal(state, options.objectLog)

  const setReady = (isReady: boolean): void => {
    if (state.container.isReady === isReady) return
    state.container.isReady = isReady
    options.onEndpointChange()
    record('MODIFIED')
  }

  const start = (): Container => {
    const startedAtMillis = Date.now()
    state.container.containerId = createContainerId()
    tell({ type: 'Normal', reason: 'Created', note: `Created container: ${state.container.name}` })
    const started = startContainer({
      script: spec.script,
      preload: options.preload,
      nodeOptions: spec.nodeOptions,
      environment: podEnvironment({ pod: state, spec, otlpUrl: options.otlpUrl, services: options.services }),
    })
    state.phase = 'Running'
    state.startedAtMillis ??= startedAtMillis
    state.container.state = { kind: 'running', startedAtMillis }
    tell({ type: 'Normal', reason: 'Started', note: `Started container ${state.container.name}` })
    record('MODIFIED')
    return started
  }

  /** Probes until the container ends. The first success makes the pod ready, failures in a row make it unready. */
  const probeUntilEnd = async (running: Container): Promise<void> => {
    let failures = 0
    const isOver = (): boolean => stopping.signal.aborted || container !== running
    for (;;) {
      const interval = state.container.isReady ? probeIntervalMillis : startupProbeIntervalMillis
      await sleep(interval, undefined, { ref: false })
      if (isOver()) return
      if (running.port === undefined) continue
      const failure = await running.probe()
      if (isOver()) return
      failures = failure === undefined ? 0 : failures + 1
      if (failure !== undefined)
        tell({ type: 'Warning', reason: 'Unhealthy', note: `Readiness probe failed: ${failure}` })
      if (failures === 0) setReady(true)
      else if (failures >= probeFailuresMax) setReady(false)
    }
  }

  /** Runs the container once and leaves its end in the state. */
  const runContainer = async (): Promise<number> => {
    const startedAtMillis = Date.now()
    const running = start()
    container = running
    let residentBytes: number | undefined
    let wasOverMemoryLimit = false
    options.memoryGuard.watch(running.pid, spec.memoryLimitBytes, (seenBytes) => {
      residentBytes = seenBytes
      wasOverMemoryLimit = true
      running.kill('SIGKILL')
    })
    void probeUntilEnd(running)
    const end = await running.ended
    residentBytes ??= options.memoryGuard.residentBytes(running.pid)
    options.memoryGuard.unwatch(running.pid)
    container = undefined
    const termination = terminationOf({
      ...end,
      wasOverMemoryLimit,
      startedAtMillis,
      finishedAtMillis: Date.now(),
      containerId: state.container.containerId,
    })
    state.container.isReady = false
    state.container.state = { kind: 'terminated', termination }
    options.onEndpointChange()
    record('MODIFIED')
    options.onDeath({
      ...termination,
      deployment: state.deployment,
      podName: state.name,
      podUid: state.uid,
      node: state.node,
      restartCount: state.container.restartCount,
      residentBytes,
      memoryLimitBytes: spec.memoryLimitBytes,
      lastLines: running.lastLines,
    })
    return termination.finishedAtMillis - startedAtMillis
  }

  const backOff = async (restartsInARow: number): Promise<void> => {
    const waitMillis = backOffMillis(restartsInARow)
    const { name } = state.container
    const message = `back-off ${waitMillis / 1000}s restarting failed container=${name} pod=${state.name}_${state.namespace}(${state.uid})`
    const ended = state.container.state
    if (ended.kind === 'terminated') state.container.lastTermination = ended.termination
    state.container.state = { kind: 'waiting', reason: 'CrashLoopBackOff', message }
    record('MODIFIED')
    tell({
      type: 'Warning',
      reason: 'BackOff',
      note: `Back-off restarting failed container ${name} in pod ${state.name}_${state.namespace}(${state.uid})`,
    })
    options.onBackOff(pod)
    await sleep(waitMillis, undefined, { signal: stopping.signal }).catch(() => {})
  }

  const live = async (): Promise<void> => {
    let restartsInARow = 0
    while (!stopping.signal.aborted) {
      const ranMillis = await runContainer()
      if (stopping.signal.aborted) break
      if (ranMillis >= backOffResetMillis) restartsInARow = 0
      await backOff(restartsInARow++)
      if (!stopping.signal.aborted) state.container.restartCount++
    }
    // A pod that waits for a restart which will not come shows how its container ended.
    const { lastTermination } = state.container
    if (state.container.state.kind === 'waiting' && lastTermination !== undefined)
      state.container.state = { kind: 'terminated', termination: lastTermination }
    record('DELETED')
  }

  const requestDeletion = (eviction: Eviction | undefined): void => {
    stopping.abort()
    const disruption = eviction && { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }
    state.deletion = { requestedAtMillis: Date.now(), graceSeconds: 30, disruption }
    state.container.isReady = false
    options.onEndpointChange()
    record('MODIFIED')
    if (eviction === undefined) return
    const note = `pod eviction from ${state.node} node by ${eviction.by}`
    tell({ type: 'Normal', reason: eviction.strategy, note, reporter: eviction.by })
  }

  const stopContainer = async (running: Container): Promise<void> => {
    tell({ type: 'Normal', reason: 'Killing', note: `Stopping container ${state.container.name}` })
    running.kill('SIGTERM')
    await Promise.race([running.ended, sleep(graceMillis, undefined, { ref: false })])
    running.kill('SIGKILL')
  }

  const remove = async (eviction?: Eviction): Promise<void> => {
    if (!stopping.signal.aborted) {
      requestDeletion(eviction)
      if (container) await stopContainer(container)
    }
    await deleted
  }

  record('ADDED')
  state.node = options.node
  record('MODIFIED')
  tell({
    type: 'Normal',
    reason: 'Scheduled',
    note: `Successfully assigned ${state.namespace}/${state.name} to ${state.node}`,
    reporter: 'default-scheduler',
  })

  const pod: Pod = {
    get view() {
      return {
        name: state.name,
        uid: state.uid,
        deployment: state.deployment,
        node: state.node,
        containerId: state.container.containerId,
        restartCount: state.container.restartCount,
        isReady: state.container.isReady,
        pid: container?.pid,
        residentBytes: container && options.memoryGuard.residentBytes(container.pid),
      }
    },
    get endpoint() {
      return state.container.isReady ? container?.port : undefined
    },
    get deleted() {
      return deleted
    },
    configure: (changed) => {
      spec = changed
      container?.configure(changed.config)
    },
    remove,
  }
  const deleted = live()
  return pod
}
