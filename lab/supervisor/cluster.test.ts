import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { anyValueToText } from '#telemetry/otlp/any-value.ts'
import { decodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type Cluster, createCluster } from './cluster.ts'
import type { ContainerDeath, PodView } from './deployment.ts'

/** The least that a container has to do, and more memory than it may have once its ConfigMap says so. */
const leakyProgram = `
import { createServer } from 'node:http'
const kept = []
const heed = (config) => {
  if (config.LEAK === 'yes') setInterval(() => kept.push(Buffer.alloc(8_000_000, 1)), 20)
}
process.on('message', ({ config }) => heed(config))
process.on('disconnect', () => process.exit(1))
process.on('SIGTERM', () => process.exit(0))
createServer((request, response) => response.end('ok')).listen(0, '127.0.0.1', function () {
  process.send({ type: 'listening', port: this.address().port })
  heed(JSON.parse(process.env.POD_CONFIG))
})
`

interface Watched {
  resource: string
  type: string
  object: {
    reason?: string
    metadata: { name: string; uid: string }
    status: {
      containerStatuses?: {
        restartCount: number
        state: Record<string, { reason?: string; exitCode?: number }>
      }[]
    }
  }
}

describe('a pod that leaks', () => {
  let folder: string
  let cluster: Cluster
  const watched: Watched[] = []
  const deaths: ContainerDeath[] = []
  const pids = new Set<number>()
  let first: PodView
  let replacement: PodView

  const sink = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { resourceLogs } = decodeExportRequest('logs', Buffer.concat(chunks))
      const records = resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap((scope) => scope.logRecords))
      for (const { attributes, body } of records) {
        const resource = attributes.find(({ key }) => key === 'k8s.resource.name')?.value?.stringValue ?? ''
        watched.push({ resource, ...(JSON.parse(anyValueToText(body)) as Omit<Watched, 'resource'>) })
      }
      response.end()
    })
  })

  const thePod = (): PodView | undefined => {
    const [pod] = cluster.pods()
    if (pod?.pid !== undefined) pids.add(pod.pid)
    return pod
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aftertrace-cluster-'))
    const script = join(folder, 'leaky.mjs')
    await writeFile(script, leakyProgram)
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve))
    cluster = createCluster({
      otlpUrl: `http://127.0.0.1:${(sink.address() as AddressInfo).port}`,
      namespace: 'test',
      preload: 'data:text/javascript,',
      logger: silentLogger,
    })
    cluster.onDeath((death) => void deaths.push(death))
    const memoryLimitBytes = 160 * 2 ** 20
    await cluster.deploy([
      { name: 'leaky', version: '1.0.0', replicas: 1, script, memoryLimitBytes, nodeOptions: [], config: {} },
    ])
    first = thePod() as PodView
    cluster.configure('leaky', { LEAK: 'yes' })
    await vi.waitUntil(() => (thePod()?.uid ?? first.uid) !== first.uid, { timeout: 30_000 })
    cluster.configure('leaky', { LEAK: 'no' })
    await cluster.untilReady(30_000)
    replacement = thePod() as PodView
    await cluster.stop()
  })

  afterAll(async () => {
    sink.close()
    await rm(folder, { recursive: true, force: true })
  })

  const ofPod = (uid: string): Watched[] =>
    watched.filter(({ resource, object }) => resource === 'pods' && object.metadata.uid === uid)

  const reasons = (): string[] => watched.flatMap(({ object }) => object.reason ?? [])

  test('is killed at its memory limit', () => {
    const [death] = deaths
    expect(death).toMatchObject({ podUid: first.uid, reason: 'OOMKilled', exitCode: 137, signal: 9 })
    expect(death?.residentBytes).toBeGreaterThan(death?.memoryLimitBytes ?? 0)
  })

  test('is restarted in place first: the same pod, another container', () => {
    const [one, other] = deaths
    expect(other).toMatchObject({ podUid: first.uid, podName: first.name, restartCount: 1 })
    expect(other?.containerId).not.toBe(one?.containerId)
    expect(reasons()).toContain('BackOff')
  })

  test('is evicted after the second kill and replaced under a new name on another node', () => {
    expect(replacement.uid).not.toBe(first.uid)
    expect(replacement.node).not.toBe(first.node)
    expect(replacement.name.slice(0, -5)).toBe(first.name.slice(0, -5))
    expect(reasons()).toEqual(
      expect.arrayContaining([
        'SuccessfulCreate',
        'Scheduled',
        'Created',
        'Started',
        'RemovePodsHavingTooManyRestarts',
        'Killing',
      ]),
    )
  })

  test('leaves a watch record of its end: deleted, and how its container terminated', () => {
    const last = ofPod(first.uid).at(-1)
    expect(last).toMatchObject({ type: 'DELETED' })
    expect(last?.object.status.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { terminated: { reason: 'OOMKilled', exitCode: 137 } },
    })
    expect(ofPod(replacement.uid).at(-1)?.object.status.containerStatuses?.[0]).toMatchObject({
      state: { terminated: { reason: 'Completed', exitCode: 0 } },
    })
  })

  test('leaves no process behind', () => {
    expect(pids.size).toBeGreaterThanOrEqual(3)
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })
})
