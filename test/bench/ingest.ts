import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { startBackendProcess } from '../harness/backend.ts'
import { createCorpus, spansOf, spansPerTrace } from './corpus.ts'
import { processUsage } from './process-usage.ts'

/**
 * Open-loop ingest: spans are due at a constant rate whether or not the backend keeps up. Prints refusals, acknowledgement
 * times, the time from sending to being readable through the API, and what the backend's process used.
 *
 *     npm run bench:ingest -- --rate 10000 --seconds 180
 */
const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '180' },
    seed: { type: 'string', default: '1' },
  },
})
const rate = Number(options.rate)
const seconds = Number(options.seconds)
/** Exports of all pods that took part in this much time are sent together. */
const tickMillis = 250
const probeIntervalMillis = 2000

const agent = new Agent({ keepAlive: true, maxSockets: 32 })

const post = (url: string, body: Uint8Array): Promise<number> => {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const outgoing = request(
    url,
    {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
    },
    (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
      response.on('error', reject)
    },
  )
  outgoing.on('error', reject)
  outgoing.end(body)
  return promise
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

const summary = (values: readonly number[]): string => {
  const sorted = values.toSorted((a, b) => a - b)
  return `p50 ${quantile(sorted, 0.5).toFixed(0)}  p95 ${quantile(sorted, 0.95).toFixed(0)}  p99 ${quantile(sorted, 0.99).toFixed(0)}  max ${quantile(sorted, 1).toFixed(0)} ms (${sorted.length})`
}

const visibleAfterMillis = async (apiUrl: string, traceId: string, sentAt: number): Promise<number> => {
  for (;;) {
    const response = await fetch(`${apiUrl}/api/v1/traces/${traceId}`)
    await response.arrayBuffer()
    if (response.status === 200) return performance.now() - sentAt
    if (performance.now() - sentAt > 60_000) return Number.POSITIVE_INFINITY
    await delay(25)
  }
}

const dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-bench-'))
const backend = await startBackendProcess({ dataDir })
const corpus = createCorpus(Number(options.seed))
const ackMillis: number[] = []
const freshness: Promise<number>[] = []
const answers = new Map<string, number>()
let sentSpans = 0
let acknowledgedSpans = 0
let residentBytesMax = 0
const pending = new Set<Promise<void>>()

const send = (body: Uint8Array, spanCount: number): void => {
  const startedAt = performance.now()
  sentSpans += spanCount
  const sending = post(`${backend.otlpHttpUrl}/v1/traces`, body)
    .then((status) => {
      ackMillis.push(performance.now() - startedAt)
      answers.set(String(status), (answers.get(String(status)) ?? 0) + 1)
      if (status === 200) acknowledgedSpans += spanCount
    })
    .catch((error: Error) => {
      answers.set(error.message, (answers.get(error.message) ?? 0) + 1)
    })
    .finally(() => pending.delete(sending))
  pending.add(sending)
}

try {
  const before = await processUsage(backend.pid)
  const startedAt = performance.now()
  let nextProbeAt = 0
  for (let tick = 0; tick * tickMillis < seconds * 1000; tick++) {
    const dueAt = startedAt + tick * tickMillis
    if (dueAt > performance.now()) await delay(dueAt - performance.now())
    const traceCount = Math.max(1, Math.round((rate * tickMillis) / 1000 / spansPerTrace))
    for (const exported of corpus.nextExports(traceCount, BigInt(Date.now()) * 1_000_000n)) {
      const spans = spansOf(exported)
      send(encodeExportRequest('traces', exported), spans.length)
      if (performance.now() < nextProbeAt) continue
      nextProbeAt = performance.now() + probeIntervalMillis
      const traceId = Buffer.from(spans[0]?.traceId ?? []).toString('hex')
      freshness.push(visibleAfterMillis(backend.apiUrl, traceId, performance.now()))
    }
    const usage = await processUsage(backend.pid)
    residentBytesMax = Math.max(residentBytesMax, usage.residentBytes)
    if (tick % 40 === 0)
      process.stderr.write(
        `${Math.round((performance.now() - startedAt) / 1000)} s, ${acknowledgedSpans} spans acknowledged, ${pending.size} requests open\n`,
      )
  }
  await Promise.all(pending)
  const elapsedSeconds = (performance.now() - startedAt) / 1000
  const visibleMillis = await Promise.all(freshness)
  const after = await processUsage(backend.pid)
  const cpuSeconds = after.cpuSeconds - before.cpuSeconds
  process.stdout.write(
    [
      `rate asked          ${rate} spans/s for ${seconds} s, seed ${options.seed}`,
      `sent                ${sentSpans} spans in ${elapsedSeconds.toFixed(1)} s (${Math.round(sentSpans / elapsedSeconds)}/s)`,
      `acknowledged        ${acknowledgedSpans} spans`,
      `answers             ${[...answers].map(([status, count]) => `${status}: ${count}`).join(', ')}`,
      `acknowledged after  ${summary(ackMillis)}`,
      `readable after      ${summary(visibleMillis)}`,
      `backend CPU         ${cpuSeconds.toFixed(1)} s, ${((cpuSeconds * 1e6) / acknowledgedSpans).toFixed(1)} µs per span`,
      `backend memory      ${(residentBytesMax / 2 ** 20).toFixed(0)} MiB resident at most (peak ${(after.residentBytesPeak / 2 ** 20).toFixed(0)} MiB)`,
      '',
    ].join('\n'),
  )
  if (answers.size > 1 || !answers.has('200')) process.exitCode = 1
} finally {
  await backend.stop()
  agent.destroy()
  await rm(dataDir, { recursive: true, force: true })
}
