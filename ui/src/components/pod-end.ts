import type { Pod } from '../api.ts'

/**
 * How a pod's end is to be judged: `failed` is red, `ended` (completed, deleted, scaled down) is not,
 * `silent` means that nobody saw it end.
 */
export type PodTone = 'alive' | 'failed' | 'ended' | 'silent'

const failedReasons = new Set([
  'OOMKilled',
  'Error',
  'Evicted',
  'ContainerCannotRun',
  'StartError',
  'CrashLoopBackOff',
  'DeadlineExceeded',
  'NodeLost',
  'NodeShutdown',
  'Preempted',
  'Failed',
])
const sigtermExitCode = 143

export const podTone = (pod: Pod): PodTone => {
  if (pod.state === 'alive') return 'alive'
  const { end } = pod
  if (!end || end.evidence === 'silence') return 'silent'
  if (failedReasons.has(end.reason)) return 'failed'
  const { exitCode } = end
  return exitCode !== null && exitCode !== 0 && exitCode !== sigtermExitCode ? 'failed' : 'ended'
}
