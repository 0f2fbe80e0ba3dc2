import type { ContainerState, PodState, Termination } from './pod-state.ts'

/** A Kubernetes object as JSON has it. */
export type KubernetesValue =
  | string
  | number
  | boolean
  | readonly KubernetesValue[]
  | { readonly [key: string]: KubernetesValue | undefined }

/** A pod as the API server's watch shows it. Times are RFC 3339 with whole seconds, as Kubernetes writes them. */
export const podObject = (pod: PodState): { readonly [key: string]: KubernetesValue | undefined } => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    name: pod.name,
    generateName: `${pod.replicaSet.name}-`,
    namespace: pod.namespace,
    uid: pod.uid,
    resourceVersion: String(pod.resourceVersion),
    creationTimestamp: timeText(pod.createdAtMillis),
    deletionTimestamp:
      pod.deletion && timeText(pod.deletion.requestedAtMillis + pod.deletion.graceSeconds * 1000),
    deletionGracePeriodSeconds: pod.deletion?.graceSeconds,
    labels: {
      'app.kubernetes.io/name': pod.deployment,
      'app.kubernetes.io/version': pod.version,
      'app.kubernetes.io/part-of': 'shop',
      'pod-template-hash': pod.replicaSet.templateHash,
    },
    ownerReferences: [
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: pod.replicaSet.name,
        uid: pod.replicaSet.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ],
  },
  spec: {
    nodeName: pod.node === '' ? undefined : pod.node,
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    containers: [
      {
        name: pod.container.name,
        image: imageText(pod),
        resources: {
          limits: { memory: memoryText(pod.container.memoryLimitBytes) },
          requests: { memory: memoryText(pod.container.memoryLimitBytes) },
        },
      },
    ],
  },
  status: {
    phase: pod.phase,
    conditions: conditionsOf(pod),
    startTime: pod.startedAtMillis === undefined ? undefined : timeText(pod.startedAtMillis),
    qosClass: 'Burstable',
    containerStatuses: pod.node === '' ? undefined : [containerStatusOf(pod)],
  },
})

export const timeText = (epochMillis: number): string =>
  `${new Date(epochMillis).toISOString().slice(0, 19)}Z`

const imageText = ({ container }: PodState): string => `${container.image.name}:${container.image.tag}`

const memoryText = (bytes: number): string => `${Math.round(bytes / 2 ** 20)}Mi`

const containerStatusOf = ({ container, ...pod }: PodState): KubernetesValue => ({
  name: container.name,
  image: imageText({ container, ...pod }),
  containerID: container.containerId === '' ? '' : runtimeId(container.containerId),
  restartCount: container.restartCount,
  ready: container.isReady,
  started: container.state.kind === 'running',
  state: stateOf(container.state),
  lastState: container.lastTermination ? { terminated: terminatedOf(container.lastTermination) } : {},
})

const stateOf = (state: ContainerState): KubernetesValue => {
  if (state.kind === 'running') return { running: { startedAt: timeText(state.startedAtMillis) } }
  if (state.kind === 'terminated') return { terminated: terminatedOf(state.termination) }
  return { waiting: { reason: state.reason, message: state.message } }
}

const terminatedOf = (termination: Termination): KubernetesValue => ({
  exitCode: termination.exitCode,
  signal: termination.signal,
  reason: termination.reason,
  startedAt: timeText(termination.startedAtMillis),
  finishedAt: timeText(termination.finishedAtMillis),
  containerID: runtimeId(termination.containerId),
})

const runtimeId = (containerId: string): string => `containerd://${containerId}`

const conditionsOf = (pod: PodState): KubernetesValue => {
  const isScheduled = pod.node !== ''
  const { isReady } = pod.container
  const disruption = pod.deletion?.disruption
  return [
    condition('PodScheduled', isScheduled),
    condition('Initialized', isScheduled),
    { ...condition('ContainersReady', isReady), ...unreadyReason(pod) },
    { ...condition('Ready', isReady), ...unreadyReason(pod) },
    ...(disruption ? [{ ...condition('DisruptionTarget', true), ...disruption }] : []),
  ]
}

const condition = (type: string, isTrue: boolean): { type: string; status: string } => ({
  type,
  status: isTrue ? 'True' : 'False',
})

const unreadyReason = ({ container }: PodState): { reason?: string; message?: string } =>
  container.isReady
    ? {}
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${container.name}]` }
