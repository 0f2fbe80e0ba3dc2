import { readdir, readFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest'
import { type DemoResult, runDemo } from '#lab/demo.ts'
import { hostileQuery } from '#lab/load.ts'
import { type BackendProcess, startBackendProcess } from '../harness/backend.ts'
import { eventually } from '../harness/eventually.ts'
import { type RecordingRelay, type RelayedSpan, startRecordingRelay } from '../harness/recording-relay.ts'

interface Trace {
  spans: { spanId: string; name: string; podUid: string }[]
}

const healthySeconds = 8
const demoMillisMax = 240_000

describe('the demo against a real backend', () => {
  let dataDir: string
  let backend: BackendProcess
  let relay: RecordingRelay
  let result: DemoResult
  const narration: string[] = []

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-demo-'))
    backend = await startBackendProcess({ dataDir })
    relay = await startRecordingRelay(backend.otlpHttpUrl)
    result = await runDemo({
      otlpUrl: relay.url,
      apiUrl: backend.apiUrl,
      uiUrl: backend.apiUrl,
      isHeadless: true,
      exitAtEnd: true,
      healthySeconds,
      print: (line) => void narration.push(line),
      signal: AbortSignal.timeout(demoMillisMax),
    })
  }, demoMillisMax + 60_000)

  let hasFailed = false
  const keepWhenFailing = (): void => {
    onTestFailed(() => {
      hasFailed = true
      process.stderr.write(`${narration.join('\n')}\ndata and logs are kept in ${dataDir}\n`)
    })
  }

  afterAll(async () => {
    await relay?.stop()
    await backend?.stop()
    if (!hasFailed) await rm(dataDir, { recursive: true, force: true })
  })

  const readTrace = async (traceId: string): Promise<Trace> => {
    const response = await fetch(`${backend.apiUrl}/api/v1/traces/${traceId}`)
    return response.status === 404 ? { spans: [] } : ((await response.json()) as Trace)
  }

  it('kills inventory twice at its memory limit and finds the traces of the dead', () => {
    keepWhenFailing()
    expect(result.exitCode).toBe(0)
    expect(
      result.kills.map(({ deployment, reason, exitCode, signal }) => [deployment, reason, exitCode, signal]),
    ).toEqual([
      ['inventory', 'OOMKilled', 137, 9],
      ['inventory', 'OOMKilled', 137, 9],
    ])
    const [first, second] = result.kills
    expect(second?.podUid).toBe(first?.podUid)
    expect(second?.containerId).not.toBe(first?.containerId)
    expect(result.evidence.every(({ readableTraceId }) => readableTraceId !== undefined)).toBe(true)
  })

  it('spreads the failure up to the entry point, and recovers', () => {
    keepWhenFailing()
    const killedAtMillis = result.kills.map((kill) => kill.finishedAtMillis)
    const orders = result.answers.filter((answer) => answer.journey === 'order')
    expect(orders.filter((answer) => answer.status === 503).length).toBeGreaterThan(0)
    const afterwards = orders.filter((answer) => answer.startedAtMillis > Math.max(...killedAtMillis) + 8000)
    expect(afterwards.every((answer) => answer.status < 500)).toBe(true)
  })

  it('keeps every span that left a pod for a request answered before the kill', async () => {
    keepWhenFailing()
    const spansByTrace = Map.groupBy(relay.spans, (span) => span.traceId)
    const lastKillMillis = Math.max(...result.kills.map((kill) => kill.finishedAtMillis))
    const answered = result.answers.filter(
      (answer) => answer.status < 400 && answer.traceId !== '' && answer.endedAtMillis < lastKillMillis,
    )
    expect(answered.length).toBeGreaterThan(50)
    expect(relay.isTruncated).toBe(false)
    const relayed = answered.flatMap(({ traceId }) => spansByTrace.get(traceId) ?? [])
    const killedUids = new Set(result.kills.map((kill) => kill.podUid))
    expect(relayed.filter((span) => killedUids.has(span.podUid)).length).toBeGreaterThan(20)
    expect(relayed.filter((span) => !span.isAcknowledged)).toEqual([])

    const waiting = [...answered]
    const reader = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
        await expectReadable(next.traceId, spansByTrace.get(next.traceId) ?? [])
    }
    await Promise.all([reader(), reader(), reader(), reader()])
  }, 120_000)

  const expectReadable = (traceId: string, relayed: readonly RelayedSpan[]): Promise<void> =>
    eventually(async () => {
      const readable = new Set((await readTrace(traceId)).spans.map((span) => span.spanId))
      const missing = relayed.filter((span) => !readable.has(span.spanId))
      expect(missing, `spans of trace ${traceId} that cannot be read`).toEqual([])
    }, 15_000)

  it('shows the killed pod as gone, with the reason', async () => {
    keepWhenFailing()
    await eventually(async () => {
      const response = await fetch(`${backend.apiUrl}/api/v1/pods?state=gone&service=inventory`)
      const { pods } = (await response.json()) as {
        pods: { uid: string; end: { reason: string; exitCode: number; evidence: string } | null }[]
      }
      const killed = pods.find((pod) => pod.uid === result.kills[0]?.podUid)
      expect(killed?.end).toMatchObject({ reason: 'OOMKilled', exitCode: 137, evidence: 'pod-watch' })
    }, 15_000)
  })

  it('keeps hostile text as text', async () => {
    keepWhenFailing()
    const sent = relay.spans.find((span) => span.name === `search ${hostileQuery}`)
    expect(sent).toBeDefined()
    const { spans } = await readTrace(sent?.traceId ?? '')
    expect(spans.map((span) => span.name)).toContain(`search ${hostileQuery}`)
  })

  it.runIf(process.platform === 'linux')('leaves no process behind', async () => {
    keepWhenFailing()
    const podUids = new Set(relay.spans.map((span) => span.podUid).filter((uid) => uid !== ''))
    expect(podUids.size).toBeGreaterThanOrEqual(10)
    expect(await processesNaming(podUids)).toEqual([])
  })
})

/** Ids of processes in whose environment one of the texts stands. */
const processesNaming = async (texts: ReadonlySet<string>): Promise<string[]> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const environments = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')] as const),
  )
  return environments
    .filter(([, environment]) => [...texts].some((text) => environment.includes(text)))
    .map(([pid]) => pid)
}
