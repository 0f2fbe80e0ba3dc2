/**
 * A program with the OpenTelemetry SDK: makes telemetry of every kind, exports it with the official exporters of one
 * protocol (its first argument) as one service (its second), and reports over IPC what it handed to them. Endpoint,
 * compression and temporality come from the standard OTEL_EXPORTER_OTLP_* environment.
 */
import { subscribe } from 'node:diagnostics_channel'
import type { ClientRequest, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http'
import { BatchLogRecordProcessor, type LogRecordExporter, LoggerProvider } from '@opentelemetry/sdk-logs'
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { type ClientReport, recordedLog, recordedMetrics, recordedSpan } from './sdk-telemetry.ts'
import {
  makeLogs,
  makeMetrics,
  makeSpans,
  workloadResource,
  workloadSpanLimits,
  workloadViews,
} from './sdk-workload.ts'

interface Exporters {
  spans: SpanExporter
  logs: LogRecordExporter
  metrics: PushMetricExporter
}

const exportersByProtocol: Readonly<Record<string, () => Promise<Exporters>>> = {
  proto: async () => ({
    spans: new (await import('@opentelemetry/exporter-trace-otlp-proto')).OTLPTraceExporter(),
    logs: new (await import('@opentelemetry/exporter-logs-otlp-proto')).OTLPLogExporter(),
    metrics: new (await import('@opentelemetry/exporter-metrics-otlp-proto')).OTLPMetricExporter(),
  }),
  http: async () => ({
    spans: new (await import('@opentelemetry/exporter-trace-otlp-http')).OTLPTraceExporter(),
    logs: new (await import('@opentelemetry/exporter-logs-otlp-http')).OTLPLogExporter(),
    metrics: new (await import('@opentelemetry/exporter-metrics-otlp-http')).OTLPMetricExporter(),
  }),
  grpc: async () => ({
    spans: new (await import('@opentelemetry/exporter-trace-otlp-grpc')).OTLPTraceExporter(),
    logs: new (await import('@opentelemetry/exporter-logs-otlp-grpc')).OTLPLogExporter(),
    metrics: new (await import('@opentelemetry/exporter-metrics-otlp-grpc')).OTLPMetricExporter(),
  }),
}

const report: ClientReport = { spans: [], logs: [], metrics: [], failures: [], wires: [] }

const wire = (type: OutgoingHttpHeader = '', encoding: OutgoingHttpHeader = 'identity'): void => {
  report.wires.push(`${type.toString()} ${encoding.toString()}`)
}
subscribe('http.client.request.start', (message) => {
  const { request } = message as { request: ClientRequest }
  wire(request.getHeader('content-type'), request.getHeader('content-encoding'))
})
subscribe('http2.client.stream.created', (message) => {
  const { headers } = message as { headers: OutgoingHttpHeaders }
  wire(headers['content-type'], headers['grpc-encoding'])
})

/** Passes on what an exporter is given, and notes it and how the export ended. */
const listenTo = <Batch>(
  exporter: { export(batch: Batch, done: (result: { code: number; error?: Error }) => void): void },
  note: (batch: Batch) => void,
): void => {
  const pass = exporter.export.bind(exporter)
  exporter.export = (batch, done) => {
    note(batch)
    pass(batch, (result) => {
      if (result.code !== 0) report.failures.push(result.error?.message ?? 'failed without a reason')
      done(result)
    })
  }
}

const [protocol = '', serviceName = ''] = process.argv.slice(2)
const exporters = await exportersByProtocol[protocol]?.()
if (exporters === undefined) throw new Error(`no exporters for the protocol '${protocol}'`)
listenTo(exporters.spans, (spans) => report.spans.push(...spans.map(recordedSpan)))
listenTo(exporters.logs, (logs) => report.logs.push(...logs.map(recordedLog)))
listenTo(exporters.metrics, (metrics) => report.metrics.push(recordedMetrics(metrics)))

const resource = workloadResource(serviceName)
const tracers = new TracerProvider({
  resource,
  spanLimits: workloadSpanLimits,
  spanProcessors: [new BatchSpanProcessor({ exporter: exporters.spans })],
})
const loggers = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: exporters.logs })],
})
const meters = new MeterProvider({
  resource,
  views: workloadViews,
  readers: [new PeriodicExportingMetricReader({ exporter: exporters.metrics, exportIntervalMillis: 60_000 })],
})

makeLogs(loggers, makeSpans(tracers))
makeMetrics(meters)
await Promise.all([tracers.shutdown(), loggers.shutdown(), meters.shutdown()])
process.send?.(report)
process.disconnect?.()
