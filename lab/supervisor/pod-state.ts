import type { DeploymentSpec } from './deployment.ts'
import { createPodName, createUid } from './pod-name.ts'

/** What is known of one pod: enough to write it down as the API server would. Times are epoch milliseconds. */
export interface PodState {
  name: string
  uid: string
  namespace: string
  deployment: string
  replicaSet: { name: string; uid: string; templateHash: string }
  version: string
  /** Empty until the pod is scheduled. */
  node: string
  createdAtMillis: number
  startedAtMillis: number | undefined
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed'
  deletion: Deletion | undefined
  container: ContainerStatus
  resourceVersion: number
}

export interface Deletion {
  requestedAtMillis: number
  graceSeconds: number
  /** Why the pod was made to go, where a disruption did it. */
  disruption: { reason: string; message: string } | undefined
}

export interface ContainerStatus {
  name: string
  image: { name: string; tag: string }
  memoryLimitBytes: number
  /** Empty until the container was created once. */
  containerId: string
  restartCount: number
  isReady: boolean
  state: ContainerState
  lastTermination: Termination | undefined
}

export type ContainerState =
  | { kind: 'waiting'; reason: string; message?: string }
  | { kind: 'running'; startedAtMillis: number }
  | { kind: 'terminated'; termination: Termination }

export interface Termination {
  exitCode: number
  signal: number | undefined
  reason: 'OOMKilled' | 'Error' | 'Completed'
  startedAtMillis: number
  finishedAtMillis: number
  containerId: string
}

/** A pod that was asked for and is on no node yet. */
export const newPodState = ({
  spec,
  replicaSet,
  namespace,
  createdAtMillis,
}: {
  spec: DeploymentSpec
  replicaSet: PodState['replicaSet']
  namespace: string
  createdAtMillis: number
}): PodState => ({
  name: createPodName(replicaSet.name),
  uid: createUid(),
  namespace,
  deployment: spec.name,
  replicaSet,
  version: spec.version,
  node: '',
  createdAtMillis,
  startedAtMillis: undefined,
  phase: 'Pending',
  deletion: undefined,
  container: {
    name: spec.name,
    image: { name: `registry.example/shop/${spec.name}`, tag: spec.version },
    memoryLimitBytes: spec.memoryLimitBytes,
    containerId: '',
    restartCount: 0,
    isReady: false,
    state: { kind: 'waiting', reason: 'ContainerCreating' },
    lastTermination: undefined,
  },
  resourceVersion: 1000,
})
