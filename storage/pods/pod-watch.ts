/**
 * What a watch of Kubernetes pods (the Collector's k8s_objects receiver, stored as log records) says of how a pod ended.
 * Pure: the records come from pod-store.ts.
 */

/** What the records of one pod come to. Container statuses are JSON texts, as Kubernetes writes them. */
export interface PodWatch {
  isDeleted: boolean
  deletedAtNanos: bigint
  latest: { phase: string; reason: string; containerStatuses: string; timeNanos: bigint }
  /** The newest record that shows a terminated container, now or in the container's life before. */
  terminated: { containerStatuses: string; timeNanos: bigint } | undefined
  /** Container statuses of records that show a terminated container, each once, in no order. */
  terminations: readonly string[]
}

export interface PodEnd {
  timeUnixNano: string
  /** As Kubernetes names it: `OOMKilled`, `Error`, `Completed`, `Evicted`; `Deleted` or `Silent` where nothing else is known. */
  reason: string
  exitCode: number | null
  signal: number | null
  evidence: 'pod-watch' | 'silence'
  /** It did not end as pods are meant to end: see `isFailedEnd`. Silence says nothing of it. */
  isFailure: boolean
}

/** One end of one container; Kubernetes may have started it again in the same pod. */
export interface ContainerEnd {
  container: string
  timeUnixNano: string
  reason: string
  exitCode: number | null
  signal: number | null
  isFailure: boolean
}

interface Termination {
  exitCode: number | null
  signal: number | null
  reason: string
  finishedAtNanos: bigint | undefined
}

interface ContainerStatus {
  name: string
  restartCount: number
  isRunning: boolean
  /** Of the present state, else of the life before. */
  termination: Termination | undefined
  /** Of both. */
  terminations: Termination[]
}

/**
 * The end of the pod, or undefined where it goes on: it was deleted, it failed or succeeded as a whole, or its container
 * terminated and does not run again. `container` names the one that counts where a pod has several; without it
 * (or when the pod has none of that name) all have to be down.
 */
export const podEnd = (watch: PodWatch, container: string): PodEnd | undefined => {
  const { latest } = watch
  const statuses = statusesOf(latest.containerStatuses)
  const isOver = watch.isDeleted || latest.phase === 'Failed' || latest.phase === 'Succeeded'
  const judged = judgedOf(statuses, container)
  const isDown = judged.some((status) => status.termination) && judged.every((status) => !status.isRunning)
  if (!isOver && !isDown) return undefined

  const worst = worstTermination(judged) ?? worstTermination(lastTerminated(watch, container))
  const reason = latest.reason || worst?.reason || reasonOf(watch, worst)
  const time = worst?.finishedAtNanos ?? (watch.isDeleted ? watch.deletedAtNanos : latest.timeNanos)
  const exitCode = worst?.exitCode ?? null
  return {
    timeUnixNano: time.toString(),
    reason,
    exitCode,
    signal: worst?.signal ?? null,
    evidence: 'pod-watch',
    isFailure: isFailedEnd(reason, exitCode),
  }
}

const cleanReasons = new Set(['Completed', 'Deleted'])
const sigtermExitCode = 143

/**
 * Most pods end because they are done or not needed any more: they complete, are deleted, or exit when told to (0, or
 * 143 where the runtime lets SIGTERM end it, which Kubernetes then calls `Error`). Everything else is a failure,
 * whatever the exit code: a pod that is evicted may well exit with 0.
 */
const isFailedEnd = (reason: string, exitCode: number | null): boolean => {
  if (cleanReasons.has(reason)) return false
  return !(reason === 'Error' && (exitCode === 0 || exitCode === sigtermExitCode))
}

/** How often the pod's containers were started again, as the watch last saw it. */
export const restartCountOf = (watch: PodWatch): number =>
  Math.max(0, ...statusesOf(watch.latest.containerStatuses).map((status) => status.restartCount))

const containerEndsMax = 20

/** Every end of a container of the pod that the watch told of, by time; of more than 20 the latest. */
export const containerEndsOf = (watch: PodWatch): ContainerEnd[] => {
  const ends = new Map<string, ContainerEnd>()
  for (const statuses of [watch.latest.containerStatuses, ...watch.terminations])
    for (const { name, terminations } of statusesOf(statuses))
      for (const { finishedAtNanos, reason, exitCode, signal } of terminations) {
        if (finishedAtNanos === undefined) continue
        const shown = reason || (exitCode === 0 ? 'Completed' : 'Error')
        const timeUnixNano = finishedAtNanos.toString()
        ends.set(`${timeUnixNano} ${name}`, {
          container: name,
          timeUnixNano,
          reason: shown,
          exitCode,
          signal,
          isFailure: isFailedEnd(shown, exitCode),
        })
      }
  return [...ends.values()]
    .toSorted((a, b) => Number(BigInt(a.timeUnixNano) - BigInt(b.timeUnixNano)))
    .slice(-containerEndsMax)
}

const judgedOf = (statuses: ContainerStatus[], container: string): ContainerStatus[] => {
  const named = statuses.filter((status) => status.name === container)
  return named.length > 0 ? named : statuses
}

const lastTerminated = ({ terminated }: PodWatch, container: string): ContainerStatus[] =>
  terminated ? judgedOf(statusesOf(terminated.containerStatuses), container) : []

const reasonOf = ({ isDeleted, latest }: PodWatch, worst: Termination | undefined): string => {
  if (worst) return worst.exitCode === 0 ? 'Completed' : 'Error'
  if (isDeleted) return 'Deleted'
  return latest.phase === 'Succeeded' ? 'Completed' : 'Error'
}

/**
 * The one that explains most: killed for its memory, then any failure, then a normal end. A container that runs says
 * with its last termination how its life before ended, not how the pod does.
 */
const worstTermination = (statuses: readonly ContainerStatus[]): Termination | undefined => {
  const terminations = statuses.flatMap((status) => (status.isRunning ? [] : (status.termination ?? [])))
  return (
    terminations.find((termination) => termination.reason === 'OOMKilled') ??
    terminations.find((termination) => termination.exitCode !== 0) ??
    terminations[0]
  )
}

/** Whatever is not of the expected shape is left out: these texts come from outside. */
const statusesOf = (json: string): ContainerStatus[] => {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return []
  }
  if (!Array.isArray(parsed)) return []
  return parsed.map((entry: unknown) => {
    const state = member(entry, 'state')
    const terminations = [state, member(entry, 'lastState')].flatMap(
      (of) => terminationOf(member(of, 'terminated')) ?? [],
    )
    return {
      name: textOf(member(entry, 'name')),
      restartCount: numberOf(member(entry, 'restartCount')) ?? 0,
      isRunning: isObject(member(state, 'running')),
      termination: terminations[0],
      terminations,
    }
  })
}

const terminationOf = (value: unknown): Termination | undefined => {
  if (!isObject(value) || Object.keys(value).length === 0) return undefined
  const exitCode = numberOf(member(value, 'exitCode'))
  return {
    exitCode: exitCode ?? null,
    signal: numberOf(member(value, 'signal')) || signalOf(exitCode),
    reason: textOf(member(value, 'reason')),
    finishedAtNanos: nanosOf(textOf(member(value, 'finishedAt'))),
  }
}

/** Runtimes rarely fill `signal`; a shell's convention says it all the same: 128 + signal. */
const signalOf = (exitCode: number | undefined): number | null =>
  exitCode !== undefined && exitCode > 128 && exitCode <= 128 + 64 ? exitCode - 128 : null

const nanosOf = (iso: string): bigint | undefined => {
  const millis = Date.parse(iso)
  return Number.isFinite(millis) && millis > 0 ? BigInt(millis) * 1_000_000n : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const member = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined)
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
