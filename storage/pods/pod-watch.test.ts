import { describe, expect, it } from 'vitest'
import { type PodWatch, containerEndsOf, podEnd } from './pod-watch.ts'

const terminated = (exitCode: number, reason: string, finishedAt = '2026-11-20T11:59:30Z') => ({
  terminated: { exitCode, reason, finishedAt },
})
const watchOf = (statuses: object[], more: Partial<PodWatch> & { phase?: string; reason?: string } = {}) => {
  const { phase = 'Running', reason = '', ...rest } = more
  const containerStatuses = JSON.stringify(statuses)
  return {
    isDeleted: false,
    deletedAtNanos: 0n,
    latest: { phase, reason, containerStatuses, timeNanos: 0n },
    terminated: undefined,
    terminations: [],
    ...rest,
  }
}
const ended = (state: object, more: Parameters<typeof watchOf>[1] = {}) =>
  podEnd(watchOf([{ name: 'app', state }], more), 'app')

describe('the end of a pod', () => {
  it.each([
    ['it completed', ended(terminated(0, 'Completed'))],
    ['it was deleted while it ran', ended({ running: {} }, { isDeleted: true })],
    ['SIGTERM ended it when it was deleted', ended(terminated(143, 'Error'), { isDeleted: true })],
    ['its node says Error and 0', ended(terminated(0, 'Error'))],
  ])('is no failure where %s', (_, end) => {
    expect(end).toMatchObject({ isFailure: false, evidence: 'pod-watch' })
  })

  it.each([
    ['it was killed for its memory', ended(terminated(137, 'OOMKilled'))],
    ['it was killed when it did not end in time', ended(terminated(137, 'Error'), { isDeleted: true })],
    ['it crashed', ended(terminated(1, 'Error'))],
    ['it was evicted, even if it ended well', ended(terminated(0, 'Completed'), { reason: 'Evicted' })],
    ['it failed as a whole', ended({}, { phase: 'Failed' })],
  ])('is a failure where %s', (_, end) => {
    expect(end).toMatchObject({ isFailure: true, evidence: 'pod-watch' })
  })
})

describe('the ends of containers', () => {
  it('come by time, each once, also of those that were started again', () => {
    const first = terminated(137, 'OOMKilled', '2026-11-20T11:00:00Z')
    const second = terminated(1, '', '2026-11-20T11:05:00Z')
    const watch = watchOf([{ name: 'app', state: { running: {} }, lastState: second }], {
      terminations: [
        JSON.stringify([{ name: 'app', state: { waiting: {} }, lastState: second }]),
        JSON.stringify([{ name: 'app', state: second, lastState: first }]),
        JSON.stringify([{ name: 'app', state: first }]),
        'not JSON',
      ],
    })
    expect(containerEndsOf(watch)).toEqual([
      {
        container: 'app',
        timeUnixNano: `${Date.UTC(2026, 10, 20, 11)}000000`,
        reason: 'OOMKilled',
        exitCode: 137,
        signal: 9,
        isFailure: true,
      },
      {
        container: 'app',
        timeUnixNano: `${Date.UTC(2026, 10, 20, 11, 5)}000000`,
        reason: 'Error',
        exitCode: 1,
        signal: null,
        isFailure: true,
      },
    ])
  })
})
