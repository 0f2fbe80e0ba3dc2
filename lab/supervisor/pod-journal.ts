import { type ClusterEvent, eventObject } from './event-object.ts'
import type { ObjectLog, WatchType } from './object-log.ts'
import { podObject } from './pod-object.ts'
import type { PodState } from './pod-state.ts'

/** Writes down what happens to one pod, as a watch of the API server would show it. */
export interface PodJournal {
  /** The pod as it is now. */
  readonly record: (type: WatchType) => void
  /** An event about it; the kubelet's, unless somebody else is named. */
  readonly tell: (event: Pick<ClusterEvent, 'type' | 'reason' | 'note'> & { reporter?: string }) => void
}

export const createPodJournal = (pod: PodState, objectLog: ObjectLog): PodJournal => ({
  record: (type) => {
    pod.resourceVersion++
    objectLog.record({ resource: 'pods', type, object: podObject(pod), name: pod.name })
  },
  tell: (event) => {
    const object = eventObject(
      {
        reporter: 'kubelet',
        ...event,
        node: pod.node,
        regarding: { kind: 'Pod', name: pod.name, uid: pod.uid, container: pod.container.name },
      },
      { namespace: pod.namespace, epochMillis: Date.now() },
    )
    objectLog.record({ resource: 'events', type: 'ADDED', object, name: object.metadata.name })
  },
})
