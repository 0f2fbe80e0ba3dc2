import { Client, credentials } from '@grpc/grpc-js'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { ExportRequestBySignal, KeyValue, Metric, Resource, Signal } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type Corpus, createCorpus, spansOf } from '../bench/corpus.ts'
import type { BackendProcess } from '../harness/backend.ts'

/** An export that was sent, or is about to be. */
export interface SentExport {
  signal: Signal
  way: Way
  payload: Buffer
  /** Each span, record or point of it has a text of its own as attribute `itemKey`. */
  items: string[]
  service: string
  pod: string
  /** The store refuses it: it is to become a dead letter. */
  isGuilty: boolean
  sentAtNanos: number
  /** Infinity while it is not. */
  acknowledgedAtNanos: number
}

type Way = 'http' | 'http gzip' | 'grpc'

/** Senders that send one export after the other, as fast as they are answered. */
export interface Load {
  /** What was sent so far. */
  exports: readonly SentExport[]
  /** Resolves once every sender has its last answer, or is sure that none will come. */
  stop(): Promise<void>
}

export const itemKey = 'power_cut.item'
/** The name of a span that a store prepared by `refuseGuilty` will not have. */
export const guiltyName = 'guilty'

const tracesPerRound = 20
const podsPerRound = 20
/** Of the first lane. A refused range is written in halves, which takes the store some time. */
const guiltyEvery = 25

const againMillis = 200

const lanes: readonly { signal: Signal; way: Way; isGuilty?: boolean }[] = [
  { signal: 'traces', way: 'http' },
  { signal: 'traces', way: 'http gzip' },
  { signal: 'traces', way: 'grpc' },
  { signal: 'logs', way: 'http gzip' },
  { signal: 'metrics', way: 'http' },
]

/** Seeded; equal names make equal items. */
export const startLoad = (
  backend: BackendProcess,
  options: { name: string; seed: number; hasGuilty?: boolean },
): Load => {
  const exports: SentExport[] = []
  let isStopping = false
  const runLane = async ({ signal, way }: (typeof lanes)[number], lane: number): Promise<void> => {
    const next = exportSource(createCorpus(options.seed * 100 + lane), signal, `${options.name}-${lane}`)
    for (let count = 1; !isStopping; count++) {
      const isGuilty = options.hasGuilty === true && lane === 0 && count % guiltyEvery === 0
      const sent = next(way, isGuilty)
      exports.push(sent)
      // As an exporter does: the same bytes, a little later.
      while (!(await send(backend, sent)) && !isStopping) await delay(againMillis)
    }
  }
  const running = Promise.all(lanes.map(runLane))
  return {
    exports,
    stop: async () => {
      isStopping = true
      await running
    },
  }
}

/** Whether it was acknowledged. */
export const send = async (backend: BackendProcess, sent: SentExport): Promise<boolean> => {
  sent.sentAtNanos = Math.min(sent.sentAtNanos, monotonicNanos())
  const isTaken = await (sent.way === 'grpc' ? sendByGrpc(backend, sent) : sendByHttp(backend, sent)).catch(
    () => false,
  )
  if (isTaken) sent.acknowledgedAtNanos = Math.min(sent.acknowledgedAtNanos, monotonicNanos())
  return isTaken
}

/** The clock of the recording. */
const monotonicNanos = (): number => Number(process.hrtime.bigint())

const sendByHttp = async (
  { otlpHttpUrl }: BackendProcess,
  { signal, way, payload }: SentExport,
): Promise<boolean> => {
  const isGzip = way === 'http gzip'
  const response = await fetch(`${otlpHttpUrl}/v1/${signal}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      ...(isGzip && { 'content-encoding': 'gzip' }),
    },
    body: Uint8Array.from(isGzip ? await promisify(gzip)(payload) : payload),
    signal: AbortSignal.timeout(answerMillisMax),
  })
  const answer = await response.arrayBuffer()
  if (response.status !== 200) throw new Error(`the backend answers ${response.status}`)
  if (answer.byteLength > 0) throw new Error('the backend rejects items of a good export')
  return true
}

const answerMillisMax = 15_000

const grpcMethods: Record<Signal, string> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
}
const asIs = (bytes: Buffer): Buffer => bytes

const sendByGrpc = ({ otlpGrpcUrl }: BackendProcess, { signal, payload }: SentExport): Promise<boolean> => {
  const client = new Client(new URL(otlpGrpcUrl).host, credentials.createInsecure())
  const { promise, resolve } = Promise.withResolvers<boolean>()
  client.makeUnaryRequest(
    grpcMethods[signal],
    asIs,
    asIs,
    payload,
    { deadline: Date.now() + answerMillisMax },
    (error) => resolve(error === null),
  )
  return promise.finally(() => client.close())
}

type ExportSource = (way: Way, isGuilty: boolean) => SentExport

const exportSource = (corpus: Corpus, signal: Signal, name: string): ExportSource => {
  let waiting: Labelled[] = []
  let count = 0
  return (way, isGuilty) => {
    if (waiting.length === 0) waiting = nextRequests[signal](corpus, BigInt(Date.now()) * 1_000_000n)
    const { resource, holders, encode, makeGuilty } = waiting.shift() ?? nothingMade()
    const exportName = `${name}-${count++}`
    const items = holders.map((holder, index) => {
      const item = `${exportName}-${index}`
      // Attributes may be shared between items.
      holder.attributes = [...holder.attributes, { key: itemKey, value: { stringValue: item } }]
      return item
    })
    if (isGuilty) makeGuilty()
    return {
      signal,
      way,
      payload: Buffer.from(encode()),
      items,
      service: attributeOf(resource, 'service.name'),
      pod: attributeOf(resource, 'k8s.pod.name'),
      isGuilty,
      sentAtNanos: Infinity,
      acknowledgedAtNanos: Infinity,
    }
  }
}

const nothingMade = (): never => {
  throw new Error('the corpus made no export')
}

/** A request of one pod, and its items. */
interface Labelled {
  resource: Resource | undefined
  holders: { attributes: KeyValue[] }[]
  encode: () => Uint8Array
  makeGuilty: () => void
}

const labelled = <S extends Signal>(
  signal: S,
  request: ExportRequestBySignal[S],
  parts: { resource: Resource | undefined; holders: Labelled['holders']; makeGuilty?: () => void },
): Labelled => ({
  makeGuilty: () => undefined,
  ...parts,
  encode: () => encodeExportRequest(signal, request),
})

const nextRequests: Record<Signal, (corpus: Corpus, nowNanos: bigint) => Labelled[]> = {
  traces: (corpus, nowNanos) =>
    corpus.nextExports(tracesPerRound, nowNanos).map((request) => {
      const holders = spansOf(request)
      const makeGuilty = (): void => {
        const [first] = holders
        if (first !== undefined) first.name = guiltyName
      }
      const { resource } = request.resourceSpans[0] ?? {}
      return labelled('traces', request, { resource, holders, makeGuilty })
    }),
  logs: (corpus, nowNanos) =>
    corpus.nextLogExports(tracesPerRound, nowNanos).map((request) => {
      const [{ resource, scopeLogs } = { resource: undefined, scopeLogs: [] }] = request.resourceLogs
      return labelled('logs', request, {
        resource,
        holders: scopeLogs.flatMap(({ logRecords }) => logRecords),
      })
    }),
  metrics: (corpus, nowNanos) =>
    corpus
      .nextMetricExports(nowNanos)
      .slice(0, podsPerRound)
      .map((request) => {
        // Its own and the kubelet's, which names the same service and pod.
        const metrics = request.resourceMetrics.flatMap(({ scopeMetrics }) =>
          scopeMetrics.flatMap((scope) => scope.metrics),
        )
        const { resource } = request.resourceMetrics[0] ?? {}
        return labelled('metrics', request, { resource, holders: metrics.flatMap(pointsOf) })
      }),
}

const pointsOf = ({ gauge, sum, histogram, exponentialHistogram, summary }: Metric) =>
  [gauge, sum, histogram, exponentialHistogram, summary].flatMap(
    (kind): { attributes: KeyValue[] }[] => kind?.dataPoints ?? [],
  )

const attributeOf = (resource: Resource | undefined, key: string): string =>
  resource?.attributes.find((attribute) => attribute.key === key)?.value?.stringValue ?? ''
