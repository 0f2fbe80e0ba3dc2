import type { Pod } from '../api.ts'

/**
 * How a pod's end is to be judged: `failed` is red, `ended` (completed, deleted, scaled down) is not,
 * `silent` means that nobody saw it end.
 */
export type PodTone = 'alive' | 'failed' | 'ended' | 'silent'

export const podTone = ({ state, end }: Pod): PodTone => {
  if (state === 'alive') return 'alive'
  if (!end || end.evidence === 'silence') return 'silent'
  return end.isFailure ? 'failed' : 'ended'
}
