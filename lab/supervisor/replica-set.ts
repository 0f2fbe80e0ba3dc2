import { setTimeout as sleep } from 'node:timers/promises'
import type { DeploymentSpec } from './deployment.ts'
import { eventObject } from './event-object.ts'
import type { ObjectLog } from './object-log.ts'
import type { Pod } from './pod.ts'
import { createTemplateHash, createUid, replicaSetName } from './pod-name.ts'
import type { PodState } from './pod-state.ts'

/** Keeps as many pods alive as were asked for: a deleted one is replaced under a new name. */
export interface ReplicaSet {
  readonly pods: readonly Pod[]
  configure(spec: DeploymentSpec): void
  stop(): Promise<void>
}

const replaceDelayMillis = 300

export const startReplicaSet = (options: {
  spec: DeploymentSpec
  namespace: string
  objectLog: ObjectLog
  createPod(spec: DeploymentSpec, replicaSet: PodState['replicaSet']): Pod
}): ReplicaSet => {
  let { spec } = options
  const templateHash = createTemplateHash()
  const identity = { name: replicaSetName(spec.name, templateHash), uid: createUid(), templateHash }
  const pods = new Set<Pod>()
  let isStopping = false

  const tellCreated = (podName: string): void => {
    const object = eventObject(
      {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        note: `Created pod: ${podName}`,
        reporter: 'replicaset-controller',
        node: '',
        regarding: { kind: 'ReplicaSet', name: identity.name, uid: identity.uid },
      },
      { namespace: options.namespace, epochMillis: Date.now() },
    )
    options.objectLog.record({ resource: 'events', type: 'ADDED', object, name: object.metadata.name })
  }

  const keepReplica = async (): Promise<void> => {
    while (!isStopping) {
      const pod = options.createPod(spec, identity)
      tellCreated(pod.view.name)
      pods.add(pod)
      await pod.deleted
      pods.delete(pod)
      if (!isStopping) await sleep(replaceDelayMillis)
    }
  }
  const replicas = Array.from({ length: spec.replicas }, keepReplica)

  return {
    get pods() {
      return [...pods]
    },
    configure: (changed) => {
      spec = changed
      for (const pod of pods) pod.configure(changed)
    },
    stop: async () => {
      isStopping = true
      await Promise.all([...pods].map((pod) => pod.remove()))
      await Promise.all(replicas)
    },
  }
}
