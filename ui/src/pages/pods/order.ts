import type { Pod } from '../../api.ts'
import { podTone, type PodTone } from '../../components/pod-end.ts'
import type { SortState } from '../../components/sortable-header.tsx'
import { millisOf } from '../../time/nanos.ts'
import type { PodSort, PodStateFilter } from '../../url/screens.ts'

export const filterByState = (pods: Pod[], state: PodStateFilter | undefined): Pod[] =>
  state === undefined
    ? pods
    : pods.filter((pod) => (state === 'failed' ? podTone(pod) === 'failed' : pod.state === state))

/** How often each reason occurs among the pods that are gone, most frequent first. */
export const countReasons = (pods: Pod[]): { reason: string; isFailure: boolean; count: number }[] => {
  const counts = new Map<string, { reason: string; isFailure: boolean; count: number }>()
  for (const pod of pods) {
    const tone = podTone(pod)
    if (tone === 'alive') continue
    const reason = tone === 'silent' ? '' : (pod.end?.reason ?? '')
    const entry = counts.get(reason) ?? { reason, isFailure: tone === 'failed', count: 0 }
    counts.set(reason, { ...entry, isFailure: entry.isFailure || tone === 'failed', count: entry.count + 1 })
  }
  return [...counts.values()].toSorted(
    (a, b) => Number(b.isFailure) - Number(a.isFailure) || b.count - a.count,
  )
}

export const sortPods = (pods: Pod[], { column, isDescending }: SortState<PodSort>): Pod[] => {
  const direction = isDescending ? -1 : 1
  return pods.toSorted((a, b) => direction * compare(a, b, column) || a.name.localeCompare(b.name))
}

const compare = (a: Pod, b: Pod, column: PodSort): number => {
  switch (column) {
    case 'name':
      return a.name.localeCompare(b.name)
    case 'service':
      return a.serviceName.localeCompare(b.serviceName)
    case 'node':
      return a.node.localeCompare(b.node)
    case 'started':
      return millisOf(a.firstSeenTimeUnixNano) - millisOf(b.firstSeenTimeUnixNano)
    case 'state':
      return stateRank[podTone(a)] - stateRank[podTone(b)] || latestMillis(b) - latestMillis(a)
    default:
      return a.restartCount - b.restartCount
  }
}

/** What needs a look comes first; within a state the latest: the last to die, the last to be born. */
const stateRank: Record<PodTone, number> = { failed: 0, alive: 1, silent: 2, ended: 3 }

const latestMillis = (pod: Pod): number =>
  pod.state === 'alive' ? millisOf(pod.firstSeenTimeUnixNano) : podEndMillis(pod)

export const podEndMillis = (pod: Pod): number => millisOf(pod.end?.timeUnixNano ?? pod.lastSeenTimeUnixNano)
