import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '#runtime/logger.ts'
import type { ContainerDeath, DeploymentSpec, PodView } from './deployment.ts'
import { createMemoryGuard } from './memory.ts'
import { createObjectLog } from './object-log.ts'
import { createPod, type Pod } from './pod.ts'
import type { Config } from './pod-contract.ts'
import { type ReplicaSet, startReplicaSet } from './replica-set.ts'
import { openServiceProxy, type ServiceProxy } from './service-proxy.ts'

/**
 * A small stand-in for Kubernetes: pods are processes of this machine, with names, limits, restarts, Services and
 * watch records as they would have in a cluster. What it knows of their lives it tells over OTLP.
 */
export interface Cluster {
  /** Resolves when every pod of every deployment is ready. */
  deploy(specs: readonly DeploymentSpec[]): Promise<void>
  serviceUrl(name: string): string
  pods(): PodView[]
  /** Resolves when all pods of the deployment, or of all, are ready; throws after `timeoutMillis`. */
  untilReady(timeoutMillis: number, deployment?: string): Promise<void>
  /** Changes the ConfigMap: running pods hear of it, later ones start with it. */
  configure(deployment: string, config: Config): void
  /** Both return the function that ends the listening. */
  onDeath(listener: DeathListener): () => void
  onEviction(listener: EvictionListener): () => void
  /** Sends what is known of the pods so far. */
  flush(timeoutMillis: number): Promise<void>
  /** Deletes all pods and resolves when their processes are gone. */
  stop(): Promise<void>
}

export type DeathListener = (death: ContainerDeath) => void
export type EvictionListener = (evicted: PodView) => void

interface Deployment {
  spec: DeploymentSpec
  proxy: ServiceProxy
  replicaSet: ReplicaSet | undefined
  /** Where the last eviction took a pod from; its replacement goes elsewhere. */
  evictedFrom: string | undefined
}

const nodes = ['node-a', 'node-b', 'node-c']
const startUpMillisMax = 60_000
/** Between the starts of two deployments, so that the machine is not swamped. */
const staggerMillis = 250
/**
 * As the descheduler's strategy RemovePodsHavingTooManyRestarts does with pods in CrashLoopBackOff: who has restarted
 * this often is evicted, and its ReplicaSet makes a new pod, perhaps on a better node.
 */
const restartsMax = 1
const descheduleDelayMillis = 800
const eviction = { by: 'sigs.k8s.io/descheduler', strategy: 'RemovePodsHavingTooManyRestarts' }

export const createCluster = (options: {
  otlpUrl: string
  namespace: string
  /** Loaded before each pod's program. */
  preload: string
  logger: Logger
}): Cluster => {
  const { namespace, logger } = options
  const deployments = new Map<string, Deployment>()
  const deathListeners = new Set<DeathListener>()
  const evictionListeners = new Set<EvictionListener>()
  const memoryGuard = createMemoryGuard()
  const objectLog = createObjectLog({
    otlpUrl: options.otlpUrl,
    namespace,
    onTrouble: (message) => logger.warn(message),
  })
  let scheduled = 0

  const nextNode = (avoided: string | undefined): string => {
    const candidates = nodes.filter((node) => node !== avoided)
    return candidates[scheduled++ % candidates.length] ?? ''
  }

  const deploymentOf = (name: string): Deployment => {
    const deployment = deployments.get(name)
    if (deployment === undefined) throw new Error(`no deployment ${name}`)
    return deployment
  }

  const tellDeath = (death: ContainerDeath): void => {
    // Being killed at a limit is what the lab is for; any other bad end wants to be looked at.
    if (death.reason === 'Error')
      logger.warn(
        { pod: death.podName, exitCode: death.exitCode, lastLines: death.lastLines },
        'a container failed',
      )
    for (const listener of deathListeners) listener(death)
  }

  const updateEndpoints = ({ proxy, replicaSet }: Deployment): void => {
    const ports = (replicaSet?.pods ?? []).flatMap((pod) => pod.endpoint ?? [])
    proxy.setEndpoints(ports).catch((error: unknown) => {
      logger.error({ err: error, port: proxy.port }, 'cannot listen for a Service')
    })
  }

  const evictIfHopeless = async (deployment: Deployment, pod: Pod): Promise<void> => {
    if (pod.view.restartCount < restartsMax) return
    await sleep(descheduleDelayMillis)
    deployment.evictedFrom = pod.view.node
    for (const listener of evictionListeners) listener(pod.view)
    await pod.remove(eviction)
  }

  const startPods = (deployment: Deployment): void => {
    deployment.replicaSet = startReplicaSet({
      spec: deployment.spec,
      namespace,
      objectLog,
      createPod: (spec, replicaSet) =>
        createPod({
          spec,
          replicaSet,
          namespace,
          node: nextNode(deployment.evictedFrom),
          preload: options.preload,
          otlpUrl: options.otlpUrl,
          services: new Map([...deployments].map(([name, { proxy }]) => [name, proxy.port])),
          objectLog,
          memoryGuard,
          onEndpointChange: () => updateEndpoints(deployment),
          onDeath: tellDeath,
          onBackOff: (pod) => void evictIfHopeless(deployment, pod),
        }),
    })
  }

  const podsOf = (name?: string): Pod[] =>
    [...deployments.values()]
      .filter(({ spec }) => name === undefined || spec.name === name)
      .flatMap(({ replicaSet }) => replicaSet?.pods ?? [])

  const untilReady = async (timeoutMillis: number, name?: string): Promise<void> => {
    const deadline = Date.now() + timeoutMillis
    const replicas = [...deployments.values()]
      .filter(({ spec }) => name === undefined || spec.name === name)
      .reduce((sum, { spec }) => sum + spec.replicas, 0)
    for (;;) {
      const waiting = podsOf(name).filter((pod) => pod.endpoint === undefined)
      if (waiting.length === 0 && podsOf(name).length >= replicas) return
      if (Date.now() >= deadline)
        throw new Error(
          `not ready after ${timeoutMillis} ms: ${waiting.map((pod) => pod.view.name).join(', ')}`,
        )
      await sleep(50)
    }
  }

  return {
    deploy: async (specs) => {
      for (const spec of specs)
        deployments.set(spec.name, {
          spec,
          proxy: await openServiceProxy(),
          replicaSet: undefined,
          evictedFrom: undefined,
        })
      for (const { name } of specs) {
        startPods(deploymentOf(name))
        await sleep(staggerMillis)
      }
      await untilReady(startUpMillisMax)
    },
    serviceUrl: (name) => `http://127.0.0.1:${deploymentOf(name).proxy.port}`,
    pods: () => podsOf().map((pod) => pod.view),
    untilReady,
    configure: (name, config) => {
      const deployment = deploymentOf(name)
      deployment.spec = { ...deployment.spec, config: { ...deployment.spec.config, ...config } }
      deployment.replicaSet?.configure(deployment.spec)
    },
    onDeath: (listener) => {
      deathListeners.add(listener)
      return () => deathListeners.delete(listener)
    },
    onEviction: (listener) => {
      evictionListeners.add(listener)
      return () => evictionListeners.delete(listener)
    },
    flush: (timeoutMillis) => objectLog.flush(timeoutMillis),
    stop: async () => {
      await Promise.all([...deployments.values()].map(async ({ replicaSet }) => replicaSet?.stop()))
      await Promise.all([...deployments.values()].map(({ proxy }) => proxy.stop()))
      memoryGuard.stop()
      await objectLog.stop()
    },
  }
}
