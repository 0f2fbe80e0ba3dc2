import { expect, test } from 'vitest'
import { candidatesFor } from './evidence.ts'
import type { Answer } from './load.ts'
import type { ContainerDeath } from './supervisor/deployment.ts'

const kill: ContainerDeath = {
  deployment: 'inventory',
  podName: 'inventory-7d9f8b6c5d-x2x9k',
  podUid: 'uid',
  containerId: 'abc',
  node: 'node-a',
  restartCount: 1,
  reason: 'OOMKilled',
  exitCode: 137,
  signal: 9,
  startedAtMillis: 10_000,
  finishedAtMillis: 60_000,
  residentBytes: 1,
  memoryLimitBytes: 1,
  lastLines: [],
}

const order = (traceId: string, startedAtMillis: number, others: Partial<Answer> = {}): Answer => ({
  journey: 'order',
  status: 201,
  traceId,
  startedAtMillis,
  endedAtMillis: startedAtMillis + 50,
  ...others,
})

test('only orders answered within the life of the killed container, and long enough before its end, are looked for', () => {
  const answers = [
    order('former life', 9000),
    order('early', 12_000),
    order('late', 50_000),
    order('failed', 51_000, { status: 503 }),
    order('not an order', 52_000, { journey: 'search', status: 200 }),
    order('perhaps still in the pod', 59_500),
    order('after', 61_000),
  ]
  expect(candidatesFor(kill, answers)).toEqual(['late', 'early'])
})
