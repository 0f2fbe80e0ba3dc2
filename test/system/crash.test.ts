import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, onTestFailed } from 'vitest'
import { openStore } from '#storage/connection.ts'
import { sql } from '#storage/sql.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createCorpus } from '../bench/corpus.ts'
import { type BackendProcess, startBackendProcess } from '../harness/backend.ts'
import { eventually } from '../harness/eventually.ts'

let backend: BackendProcess | undefined
afterEach(async () => {
  await backend?.kill()
})

interface Exported {
  body: Uint8Array<ArrayBuffer>
  spanIds: string[]
  /** How often it was sent: more than once only when no answer came. */
  sentCount: number
  isAcknowledged: boolean
}

const senderCount = 4

describe('a backend that is killed in the middle of a load', () => {
  it(
    'has everything it acknowledged, and once, after it is started again',
    { timeout: 120_000 },
    async () => {
      const dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-crash-'))
      onTestFailed(() => void process.stderr.write(`data and logs are kept in ${dataDir}\n`))
      const corpus = createCorpus(20_261_121)
      const exports: Exported[] = []
      let isSending = true

      backend = await startBackendProcess({ dataDir })

      const sendUntilAcknowledged = async (exported: Exported): Promise<void> => {
        while (!exported.isAcknowledged) {
          const url = backend?.otlpHttpUrl ?? ''
          exported.sentCount += 1
          try {
            const response = await fetch(`${url}/v1/traces`, {
              method: 'POST',
              headers: { 'content-type': 'application/x-protobuf' },
              body: exported.body,
            })
            exported.isAcknowledged = response.status === 200
          } catch {
            // Nobody listens, or the answer was cut off: like a real exporter, send the same bytes again a little later.
            await new Promise((resolve) => setTimeout(resolve, 100))
          }
        }
      }
      const sender = async (): Promise<void> => {
        while (isSending) {
          for (const request of corpus.nextExports(20, BigInt(Date.now()) * 1_000_000n)) {
            const spans = request.resourceSpans[0]?.scopeSpans[0]?.spans ?? []
            const exported: Exported = {
              body: Uint8Array.from(encodeExportRequest('traces', request)),
              spanIds: spans.map((span) => Buffer.from(span.spanId).toString('hex')),
              sentCount: 0,
              isAcknowledged: false,
            }
            exports.push(exported)
            await sendUntilAcknowledged(exported)
            if (!isSending) return
          }
        }
      }
      const acknowledgedCount = (): number => exports.filter((exported) => exported.isAcknowledged).length
      const untilAcknowledged = (more: number): Promise<void> => {
        const goal = acknowledgedCount() + more
        return eventually(() => expect(acknowledgedCount()).toBeGreaterThanOrEqual(goal), 30_000)
      }

      const senders = Array.from({ length: senderCount }, () => sender())
      // At different points of the writer's beat, so that the kill meets different steps of it.
      for (const exportsBeforeKill of [300, 170, 451]) {
        await untilAcknowledged(exportsBeforeKill)
        await backend.kill()
        backend = await startBackendProcess({ dataDir })
      }
      await untilAcknowledged(200)
      isSending = false
      await Promise.all(senders)
      await eventually(async () => {
        const response = await fetch(`${backend?.apiUrl}/api/v1/status`)
        const status = (await response.json()) as { queue: { recordsBehind: number }[] }
        expect(status.queue.map((lag) => lag.recordsBehind)).toEqual([0, 0, 0])
      }, 30_000)
      expect(await backend.stop()).toBe(0)

      const store = await openStore({ dataDir, database: 'otel' })
      const rows = await store.query<{ id: string; copies: string }>(
        sql`SELECT lower(hex(span_id)) AS id, count() AS copies FROM spans GROUP BY id`,
      )
      await store.close()
      const copies = new Map(rows.map(({ id, copies: count }) => [id, Number(count)]))
      const lost = exports
        .filter((exported) => exported.isAcknowledged)
        .flatMap(({ spanIds }) => spanIds.filter((id) => !copies.has(id)))
      const doubled = exports
        .filter(({ sentCount }) => sentCount === 1)
        .flatMap(({ spanIds }) => spanIds.filter((id) => (copies.get(id) ?? 0) > 1))
      const doubledByRetry = exports.flatMap(({ spanIds }) =>
        spanIds.filter((id) => (copies.get(id) ?? 0) > 1),
      )
      expect(exports.length).toBeGreaterThan(1000)
      expect(lost).toEqual([])
      expect(doubled).toEqual([])
      // Sent again after a lost answer: recognised by their bytes.
      expect(doubledByRetry).toEqual([])
      await rm(dataDir, { recursive: true, force: true })
    },
  )
})
