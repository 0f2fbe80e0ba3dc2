/** Exports as real programs sent them, in protobuf. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import { type Signal, signals } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'

export type RecordedExports = Record<Signal, Uint8Array[]>

/** Of fixtures/otlp/. */
export const fixtureExports = (): RecordedExports => {
  const payloadsOf = (signal: Signal): Uint8Array[] => [
    fromJson(signal, readFileSync(new URL(`../fixtures/otlp/${signal}.json`, import.meta.url))),
  ]
  return { traces: payloadsOf('traces'), logs: payloadsOf('logs'), metrics: payloadsOf('metrics') }
}

const clientProgram = new URL('otel-client.ts', import.meta.url)
const clientMillisMax = 30_000

/**
 * What the official exporters of one protocol, `proto` or `http` (which is JSON), send for the workload of the SDK.
 *
 * @throws Error when the program fails, or sends nothing of a signal
 */
export const sdkExports = async (protocol: 'proto' | 'http'): Promise<RecordedExports> => {
  const recorded: RecordedExports = { traces: [], logs: [], metrics: [] }
  const record = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const signal = signals.find((name) => request.url === `/v1/${name}`)
    const isJson = request.headers['content-type'] === 'application/json'
    const body = await readAll(request)
    if (signal) recorded[signal].push(isJson ? fromJson(signal, body) : new Uint8Array(body))
    response.writeHead(200, { 'content-type': request.headers['content-type'] })
    response.end(isJson ? '{}' : '')
  }
  const server = createServer((request, response) => {
    record(request, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const child = fork(clientProgram, [protocol, `recorded-${protocol}`], {
      serialization: 'advanced',
      execArgv: [],
      timeout: clientMillisMax,
      env: {
        PATH: process.env['PATH'],
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      },
    })
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) throw new Error(`the client of ${protocol} ended with ${code}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
  for (const signal of signals)
    if (recorded[signal].length === 0) throw new Error(`the client of ${protocol} sent no ${signal}`)
  return recorded
}

const fromJson = (signal: Signal, json: Uint8Array): Uint8Array =>
  encodeExportRequest(signal, decodeExportRequestJson(signal, json))

const readAll = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
