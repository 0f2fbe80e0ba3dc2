import { expect, test } from 'vitest'
import { podObject } from './pod-object.ts'
import { newPodState, type PodState } from './pod-state.ts'
import { terminationOf } from './termination.ts'

const startedAtMillis = Date.UTC(2026, 10, 21, 10, 0, 0)
const finishedAtMillis = Date.UTC(2026, 10, 21, 10, 5, 30, 750)

const inventoryPod = (): PodState =>
  newPodState({
    spec: {
      name: 'inventory',
      version: '1.8.0',
      replicas: 1,
      script: '/app/inventory.ts',
      memoryLimitBytes: 256 * 2 ** 20,
      nodeOptions: [],
      config: {},
    },
    replicaSet: { name: 'inventory-7d9f8b6c5d', uid: 'rs-uid', templateHash: '7d9f8b6c5d' },
    namespace: 'shop',
    createdAtMillis: startedAtMillis,
  })

const outOfMemory = terminationOf({
  exitCode: null,
  signal: 'SIGKILL',
  wasOverMemoryLimit: true,
  startedAtMillis,
  finishedAtMillis,
  containerId: 'abc',
})

const terminatedStatus = {
  exitCode: 137,
  signal: 9,
  reason: 'OOMKilled',
  startedAt: '2026-11-21T10:00:00Z',
  finishedAt: '2026-11-21T10:05:30Z',
  containerID: 'containerd://abc',
}

test('a new pod is pending on no node', () => {
  expect(podObject(inventoryPod())).toMatchObject({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: {
      name: expect.stringMatching(/^inventory-7d9f8b6c5d-/),
      namespace: 'shop',
      creationTimestamp: '2026-11-21T10:00:00Z',
      ownerReferences: [{ kind: 'ReplicaSet', name: 'inventory-7d9f8b6c5d', uid: 'rs-uid' }],
    },
    spec: {
      nodeName: undefined,
      containers: [{ name: 'inventory', resources: { limits: { memory: '256Mi' } } }],
    },
    status: { phase: 'Pending', containerStatuses: undefined },
  })
})

test('a container killed at its limit shows reason, exit code and signal as a container runtime reports them', () => {
  const pod = inventoryPod()
  pod.node = 'node-a'
  pod.container.state = { kind: 'terminated', termination: outOfMemory }
  expect(podObject(pod)).toMatchObject({
    status: {
      containerStatuses: [
        { restartCount: 0, ready: false, state: { terminated: terminatedStatus }, lastState: {} },
      ],
    },
  })
})

test('a container that waits for its restart keeps its last end in lastState', () => {
  const pod = inventoryPod()
  pod.node = 'node-a'
  pod.container.lastTermination = outOfMemory
  pod.container.state = { kind: 'waiting', reason: 'CrashLoopBackOff', message: 'back-off 1s' }
  expect(podObject(pod)).toMatchObject({
    status: {
      containerStatuses: [
        {
          state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 1s' } },
          lastState: { terminated: terminatedStatus },
        },
      ],
    },
  })
})

test('an evicted pod names the disruption among its conditions and when it must be gone', () => {
  const pod = inventoryPod()
  pod.deletion = {
    requestedAtMillis: finishedAtMillis,
    graceSeconds: 30,
    disruption: { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' },
  }
  expect(podObject(pod)).toMatchObject({
    metadata: { deletionTimestamp: '2026-11-21T10:06:00Z', deletionGracePeriodSeconds: 30 },
    status: {
      conditions: expect.arrayContaining([
        expect.objectContaining({
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'EvictionByEvictionAPI',
        }),
      ]),
    },
  })
})

test.each([
  [
    { exitCode: 0, signal: null },
    { exitCode: 0, signal: undefined, reason: 'Completed' },
  ],
  [
    { exitCode: 3, signal: null },
    { exitCode: 3, signal: undefined, reason: 'Error' },
  ],
  [
    { exitCode: null, signal: 'SIGTERM' as const },
    { exitCode: 143, signal: 15, reason: 'Error' },
  ],
  [
    { exitCode: null, signal: 'SIGKILL' as const },
    { exitCode: 137, signal: 9, reason: 'Error' },
  ],
])('the end %j is %j when memory had nothing to do with it', (end, expected) => {
  const others = { wasOverMemoryLimit: false, startedAtMillis, finishedAtMillis, containerId: 'abc' }
  expect(terminationOf({ ...end, ...others })).toMatchObject(expected)
})
