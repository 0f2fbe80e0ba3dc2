import { randomBytes, randomUUID } from 'node:crypto'
import { type KubernetesValue, timeText } from './pod-object.ts'

export interface ClusterEvent {
  type: 'Normal' | 'Warning'
  reason: string
  note: string
  /** `kubelet`, `replicaset-controller`, ... */
  reporter: string
  node: string
  regarding: {
    kind: 'Pod' | 'ReplicaSet' | 'Deployment'
    name: string
    uid: string
    /** The container that a pod's event is about. */
    container?: string
  }
}

export interface EventObject {
  readonly metadata: { readonly name: string; readonly [key: string]: KubernetesValue }
  readonly [key: string]: KubernetesValue | undefined
}

/** An event as a watch of `events.k8s.io/v1` shows it. */
export const eventObject = (
  event: ClusterEvent,
  context: { namespace: string; epochMillis: number },
): EventObject => {
  const { regarding } = event
  const at = timeText(context.epochMillis)
  return {
    kind: 'Event',
    apiVersion: 'events.k8s.io/v1',
    metadata: {
      name: `${regarding.name}.${randomBytes(8).toString('hex')}`,
      namespace: context.namespace,
      uid: randomUUID(),
      creationTimestamp: at,
    },
    regarding: {
      kind: regarding.kind,
      apiVersion: regarding.kind === 'Pod' ? 'v1' : 'apps/v1',
      namespace: context.namespace,
      name: regarding.name,
      uid: regarding.uid,
      fieldPath: regarding.container && `spec.containers{${regarding.container}}`,
    },
    reason: event.reason,
    note: event.note,
    type: event.type,
    deprecatedSource: { component: event.reporter, host: event.node === '' ? undefined : event.node },
    deprecatedFirstTimestamp: at,
    deprecatedLastTimestamp: at,
    deprecatedCount: 1,
    reportingController: event.reporter,
    reportingInstance: event.node === '' ? undefined : event.node,
  }
}
