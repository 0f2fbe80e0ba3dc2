import type { InstrumentationScope } from '#telemetry/otlp/messages.ts'
import type { Pod } from './pods.ts'

/** What one pod's SDK sends together: its items under their scopes. */
export interface PodItems<Item> {
  pod: Pod
  scopes: { scope: InstrumentationScope; items: Item[] }[]
}

/** Pods, scopes and items come in the order in which they were first added. */
export const gatherByPod = <Item>() => {
  const gathered = new Map<Pod, PodItems<Item>>()
  return {
    add: (pod: Pod, scope: InstrumentationScope, item: Item): void => {
      let ofPod = gathered.get(pod)
      if (ofPod === undefined) {
        ofPod = { pod, scopes: [] }
        gathered.set(pod, ofPod)
      }
      const ofScope = ofPod.scopes.find((candidate) => candidate.scope === scope)
      if (ofScope === undefined) ofPod.scopes.push({ scope, items: [item] })
      else ofScope.items.push(item)
    },
    pods: (): PodItems<Item>[] => [...gathered.values()],
  }
}
