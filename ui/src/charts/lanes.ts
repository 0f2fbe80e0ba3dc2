import type { Pod } from '../api.ts'
import { millisOf } from '../time/nanos.ts'
import type { ResolvedRange } from '../time/range.ts'

/** A pod's bar, cut to the range. */
export interface PodBar {
  pod: Pod
  /** Counted from the top of the whole chart. */
  lane: number
  startMillis: number
  endMillis: number
  /** It was there before the range began. */
  startsBefore: boolean
  /** Its end lies inside the range. */
  endsInside: boolean
}

export interface LaneGroup {
  service: string
  namespace: string
  environment: string
  firstLane: number
  laneCount: number
  pods: Pod[]
}

export interface LaneLayout {
  groups: LaneGroup[]
  bars: PodBar[]
  laneCount: number
  /** Pods for which there was no lane left. */
  omittedCount: number
}

/** Beyond this many lanes nobody reads on, and the canvas grows too tall. */
export const lanesMax = 150
/** A gap that leaves room for the mark of a death before the next bar of the lane. */
const gapShare = 0.012

/**
 * Puts pods that did not live at the same time into one lane, so that a replacement follows the pod it replaced and a
 * service is as tall as it had pods at once. Services with the most failures come first, then by name.
 */
export const layoutLanes = (pods: Pod[], range: ResolvedRange, failed: (pod: Pod) => boolean): LaneLayout => {
  const gapMillis = (range.toMillis - range.fromMillis) * gapShare
  const layout: LaneLayout = { groups: [], bars: [], laneCount: 0, omittedCount: 0 }
  for (const members of orderGroups(pods, failed)) {
    const free: number[] = []
    const firstLane = layout.laneCount
    for (const bar of members.map((pod) => cutBar(pod, range))) {
      const reused = free.findIndex((freeFromMillis) => freeFromMillis <= bar.startMillis)
      const lane = reused === -1 ? free.length : reused
      if (firstLane + lane >= lanesMax) {
        layout.omittedCount += 1
        continue
      }
      free[lane] = bar.endMillis + gapMillis
      layout.bars.push({ ...bar, lane: firstLane + lane })
    }
    const [one] = members
    if (!one || free.length === 0) continue
    layout.groups.push({
      service: one.serviceName,
      namespace: one.namespace,
      environment: one.environment,
      firstLane,
      laneCount: free.length,
      pods: members,
    })
    layout.laneCount += free.length
  }
  return layout
}

const orderGroups = (pods: Pod[], failed: (pod: Pod) => boolean): Pod[][] =>
  [...Map.groupBy(pods, (pod) => JSON.stringify([pod.serviceName, pod.namespace, pod.environment])).values()]
    .map((members) => ({
      members,
      failures: members.filter(failed).length,
      name: members[0]?.serviceName ?? '',
    }))
    .toSorted((a, b) => b.failures - a.failures || a.name.localeCompare(b.name))
    .map(({ members }) =>
      members.toSorted((a, b) => millisOf(a.firstSeenTimeUnixNano) - millisOf(b.firstSeenTimeUnixNano)),
    )

const cutBar = (pod: Pod, range: ResolvedRange): Omit<PodBar, 'lane'> => {
  const firstMillis = millisOf(pod.firstSeenTimeUnixNano)
  const lastMillis = pod.end
    ? Math.max(millisOf(pod.end.timeUnixNano), firstMillis)
    : pod.state === 'alive'
      ? range.toMillis
      : millisOf(pod.lastSeenTimeUnixNano)
  const startMillis = clamp(firstMillis, range)
  return {
    pod,
    startMillis,
    endMillis: Math.max(clamp(lastMillis, range), startMillis),
    startsBefore: firstMillis < range.fromMillis,
    endsInside: pod.state === 'gone' && lastMillis <= range.toMillis && lastMillis >= range.fromMillis,
  }
}

const clamp = (millis: number, { fromMillis, toMillis }: ResolvedRange): number =>
  Math.min(Math.max(millis, fromMillis), toMillis)
