import { fork } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Receiver, createReceiver } from '#collector/receiver/receiver.ts'
import { silentLogger } from '#runtime/logger.ts'
import { sql } from '#storage/sql.ts'
import { metricKinds, metricRows, metricViews } from '../harness/otlp-metric-rows.ts'
import { logRows, traceRows } from '../harness/otlp-rows.ts'
import { type Pipeline, startPipeline } from '../harness/pipeline.ts'
import { type ViewRow, readView } from '../harness/read-view.ts'
import { logsMessage, metricsMessage, traceMessage } from '../harness/sdk-messages.ts'
import type { ClientReport } from '../harness/sdk-telemetry.ts'

const clientProgram = new URL('../harness/otel-client.ts', import.meta.url)
const clientMillisMax = 30_000
const retentionNanos = 86_400_000_000_000n

const clients = ['proto', 'http', 'grpc'].flatMap((protocol) =>
  ['none', 'gzip'].map((compression) => ({ protocol, compression, service: `${protocol}-${compression}` })),
)

let pipeline: Pipeline
let receiver: Receiver
const reports = new Map<string, ClientReport>()

beforeAll(async () => {
  pipeline = await startPipeline()
  receiver = createReceiver({
    queue: pipeline.queue,
    retentionNanos: { traces: retentionNanos, logs: retentionNanos, metrics: retentionNanos },
    host: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    tokens: new Map(),
    logger: silentLogger,
    selfMetrics: pipeline.selfMetrics,
  })
  const { httpUrl, grpcUrl } = await receiver.start()
  await Promise.all(
    clients.map(async ({ protocol, compression, service }) => {
      const endpoint = protocol === 'grpc' ? grpcUrl : httpUrl
      reports.set(service, await runClient(protocol, service, endpoint, compression))
    }),
  )
  await pipeline.written()
})
afterAll(async () => {
  await receiver.stop()
  await pipeline.stop()
})

/** Runs the program in a process of its own. @throws Error when that ends without a report. */
const runClient = async (
  protocol: string,
  service: string,
  endpoint: string,
  compression: string,
): Promise<ClientReport> => {
  const child = fork(clientProgram, [protocol, service], {
    // As it is, with maps and bytes, not as JSON.
    serialization: 'advanced',
    execArgv: [],
    timeout: clientMillisMax,
    env: {
      PATH: process.env['PATH'],
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_COMPRESSION: compression,
      OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: compression === 'gzip' ? 'delta' : 'cumulative',
    },
  })
  let report: ClientReport | undefined
  child.once('message', (message) => (report = message as ClientReport))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (code !== 0 || report === undefined) throw new Error(`the client ${service} ended with ${code}`)
  return report
}

const reportOf = (service: string): ClientReport => {
  const report = reports.get(service)
  if (report === undefined) throw new Error(`no report of ${service}`)
  return service.startsWith('http') ? (asJsonTells(report) as ClientReport) : report
}

/** The exporters for OTLP/JSON write `null` for NaN and the infinities, so that an empty value is what they send. */
const asJsonTells = (value: unknown): unknown => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (Array.isArray(value)) return value.map(asJsonTells)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, asJsonTells(inner)]))
}

const rowsOf = (view: string, service: string): Promise<ViewRow[]> =>
  readView(pipeline.store, view, sql`ServiceName = ${sql.string(service)}`)

/** Rows by the columns that tell them apart. */
const byKey = (rows: readonly ViewRow[], ...names: string[]): Map<string, ViewRow> => {
  const keyed = new Map(rows.map((row) => [JSON.stringify(names.map((name) => String(row[name]))), row]))
  if (keyed.size < rows.length) throw new Error(`${rows.length} rows have only ${keyed.size} keys`)
  return keyed
}

const contentTypes: Readonly<Record<string, string>> = {
  proto: 'application/x-protobuf',
  http: 'application/json',
  grpc: 'application/grpc',
}

describe.each(clients)('the official exporters of $protocol, compression $compression', (client) => {
  const { protocol, compression, service } = client

  it('are answered with success, over the wire they are named for', () => {
    const { failures, wires } = reportOf(service)
    expect(failures).toEqual([])
    const encoding = compression === 'none' ? 'identity' : compression
    expect(new Set(wires)).toEqual(new Set([`${contentTypes[protocol]} ${encoding}`]))
  })

  it('bring every field of the SDK’s spans into otel_traces', async () => {
    const { spans } = reportOf(service)
    expect(new Set(spans.map(({ kind }) => kind))).toEqual(new Set([0, 1, 2, 3, 4]))
    const dropped = spans.map((span) => [
      span.droppedAttributesCount,
      span.droppedEventsCount,
      span.droppedLinksCount,
    ])
    expect(dropped).toContainEqual([1, 2, 0])
    expect(dropped).toContainEqual([0, 0, 1])
    const expected = traceRows(traceMessage(spans))
    expect(byKey(await rowsOf('otel_traces', service), 'SpanId')).toEqual(byKey(expected, 'SpanId'))
  })

  it('bring every field of the SDK’s log records into otel_logs', async () => {
    const { logs } = reportOf(service)
    expect(logs).toHaveLength(11)
    const expected = logRows(logsMessage(logs))
    const rows = await rowsOf('otel_logs', service)
    expect(byKey(rows, 'LogAttributeItems')).toEqual(byKey(expected, 'LogAttributeItems'))
  })

  it.each(metricKinds.filter((kind) => kind !== 'summary'))(
    'bring every field of the SDK’s metrics of kind %s into their view',
    async (kind) => {
      const expected = metricRows(metricsMessage(reportOf(service).metrics))[kind]
      expect(expected.length).toBeGreaterThan(0)
      const keys = ['MetricName', 'AggregationTemporality', 'Value']
      expect(byKey(await rowsOf(metricViews[kind], service), ...keys)).toEqual(byKey(expected, ...keys))
    },
  )
})
