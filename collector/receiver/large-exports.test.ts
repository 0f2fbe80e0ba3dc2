import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type LocalLog, openLocalLog } from '../queue/local-log.ts'
import { createReceiver, type Receiver } from './receiver.ts'

const dayNanos = 86_400_000_000_000n
const largeBytes = 60 << 20

let folder: string
let queue: LocalLog
let receiver: Receiver
let httpUrl: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receiver-large-'))
  queue = await openLocalLog({ dataDir: folder, logger: silentLogger })
  receiver = createReceiver({
    queue,
    retentionNanos: { traces: dayNanos, logs: dayNanos, metrics: dayNanos },
    host: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    tokens: new Map(),
    logger: silentLogger,
    selfMetrics: createSelfMetrics(),
  })
  httpUrl = (await receiver.start()).httpUrl
})
afterAll(async () => {
  await receiver.stop()
  await queue.close()
  await rm(folder, { recursive: true })
})

const spanJson = (index: number, changes: Record<string, unknown> = {}) => ({
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: index.toString(16).padStart(16, '1'),
  name: `GET /orders/${index}`,
  kind: 2,
  startTimeUnixNano: `${Date.now()}000000`,
  endTimeUnixNano: `${Date.now()}500000`,
  attributes: Array.from({ length: 8 }, (_, key) => ({
    key: `attribute.${key}`,
    value: key % 2 === 0 ? { stringValue: `value ${key} of ${index}` } : { intValue: index * key },
  })),
  ...changes,
})
const tracesJson = (spans: readonly unknown[]): string =>
  JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
const tracesProtobuf = (spans: readonly unknown[]): Uint8Array =>
  encodeExportRequest('traces', decodeExportRequestJson('traces', tracesJson(spans)))
const inner = (json: string): string => json.slice('{"resourceSpans":['.length, -2)

/** One request of `largeBytes` that repeats the same resources. */
const largeJson = (spans: readonly unknown[]): string => {
  const once = inner(tracesJson(spans))
  const count = Math.floor(largeBytes / (once.length + 1))
  return `{"resourceSpans":[${Array.from({ length: count }, () => once).join(',')}]}`
}
const largeProtobuf = (spans: readonly unknown[]): Uint8Array => {
  const once = tracesProtobuf(spans)
  return Buffer.concat(Array.from({ length: Math.floor(largeBytes / once.length) }, () => once))
}

/** Sends from another thread, so that the event loop measured here is the receiver's work alone. */
const sendFile = async (path: string, contentType: string): Promise<{ status: number; body: Buffer }> => {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { readFileSync } = require('node:fs')
     const { request } = require('node:http')
     const headers = { 'content-type': workerData.contentType }
     const sending = request(workerData.url, { method: 'POST', headers }, (response) => {
       const chunks = []
       response.on('data', (chunk) => chunks.push(chunk))
       response.on('end', () => parentPort.postMessage({ status: response.statusCode, body: Buffer.concat(chunks) }))
     })
     sending.end(readFileSync(workerData.path))`,
    { eval: true, workerData: { url: `${httpUrl}/v1/traces`, path, contentType } },
  )
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Buffer }>()
  worker.once('message', (answer: { status: number; body: Uint8Array }) =>
    resolve({ status: answer.status, body: Buffer.from(answer.body) }),
  )
  worker.once('error', reject)
  return promise
}

const sendSmall = async (index: number): Promise<number> => {
  const body = Buffer.from(tracesProtobuf([spanJson(index)]))
  const headers = { 'content-type': 'application/x-protobuf' }
  return (await fetch(`${httpUrl}/v1/traces`, { method: 'POST', headers, body })).status
}

describe('an export of 60 MiB', () => {
  const spans = Array.from({ length: 100 }, (_, index) => spanJson(index))
  const tooOld = spanJson(100, { startTimeUnixNano: '1' })

  it.each([
    ['in JSON', 'application/json', () => largeJson(spans), '', true],
    [
      'in JSON with items to reject',
      'application/json',
      () => largeJson([...spans, tooOld]),
      'rejectedSpans',
      true,
    ],
    ['in protobuf as it came', 'application/x-protobuf', () => largeProtobuf(spans), '', false],
    [
      'in protobuf with items to reject',
      'application/x-protobuf',
      () => largeProtobuf([...spans, tooOld]),
      'spans rejected',
      true,
    ],
  ] as const)(
    '%s does not keep small ones waiting',
    async (_name, contentType, makeBody, told, isDecoded) => {
      const path = join(folder, 'body')
      await writeFile(path, makeBody())
      const delay = monitorEventLoopDelay({ resolution: 5 })
      const bytesQueued = queue.partition('traces').lag().bytes
      let isAnswered = false
      let smallCount = 0
      const startedAt = performance.now()
      delay.enable()
      const sending = sendFile(path, contentType).finally(() => {
        isAnswered = true
      })
      while (!isAnswered) {
        expect(await sendSmall(1_000_000 + smallCount)).toBe(200)
        smallCount++
      }
      const { status, body } = await sending
      delay.disable()
      const tookMillis = performance.now() - startedAt

      expect(status).toBe(200)
      expect(body.toString()).toContain(told)
      expect(queue.partition('traces').lag().bytes - bytesQueued).toBeGreaterThan(largeBytes / 4)
      expect(smallCount).toBeGreaterThan(1)
      // Decoded on the event loop, the longest delay would be nearly all of it.
      expect(isDecoded ? delay.max / 1e6 : 0).toBeLessThan(tookMillis * 0.7)
      if (process.env['TELL_DELAYS'] !== undefined)
        process.stderr.write(
          `${_name}: ${tookMillis.toFixed(0)} ms, ${smallCount} small exports meanwhile, event loop delayed ` +
            `p50 ${(delay.percentile(50) / 1e6).toFixed(1)}, p99 ${(delay.percentile(99) / 1e6).toFixed(1)}, max ${(delay.max / 1e6).toFixed(1)} ms\n`,
        )
    },
    120_000,
  )
})
