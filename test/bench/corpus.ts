import { seededRandom } from '../harness/seeded-random.ts'
import type { ExportTraceServiceRequest, KeyValue, ResourceSpans, Span } from '#telemetry/otlp/messages.ts'

/**
 * A seeded corpus shaped like a real shop's telemetry: 20 services in 200 pods, 17 spans a trace, 17 resource and 9 span
 * attributes, about 400 bytes of OTLP a span. Equal seeds make equal corpora, ids included.
 */
export interface Corpus {
  /** One export for each pod that took part in `traceCount` traces, which start within `spreadNanos` after this time. */
  nextExports(
    traceCount: number,
    startTimeUnixNano: bigint,
    spreadNanos?: number,
  ): ExportTraceServiceRequest[]
}

export const spansPerTrace = 17
const serviceCount = 20
const podsPerService = 10

export const createCorpus = (seed: number): Corpus => {
  const random = seededRandom(seed)
  const pods = Array.from({ length: serviceCount * podsPerService }, (_, index) => createPod(index, random))

  const traceSpans = (startTimeUnixNano: bigint): { podIndex: number; span: Span }[] => {
    const traceId = randomBytes(random, 16)
    const spans: { podIndex: number; span: Span }[] = []
    for (let index = 0; index < spansPerTrace; index++) {
      const parent = index === 0 ? undefined : spans[Math.floor((index - 1) / 2)]
      const isEntry = index % 2 === 0
      const service = (index * 3 + Math.floor(random() * 2)) % serviceCount
      const podIndex = isEntry
        ? service * podsPerService + Math.floor(random() * podsPerService)
        : (parent?.podIndex ?? 0)
      const parentStart = parent?.span.startTimeUnixNano ?? startTimeUnixNano
      const start = parentStart + BigInt(Math.floor(random() * 2e6))
      const durationNanos = BigInt(Math.floor(1e6 * Math.exp(random() * 5)))
      spans.push({
        podIndex,
        span: createSpan({
          index,
          service,
          isEntry,
          traceId,
          parent: parent?.span,
          start,
          durationNanos,
          random,
        }),
      })
    }
    return spans
  }

  return {
    nextExports: (traceCount, startTimeUnixNano, spreadNanos = 0) => {
      const spansByPod = new Map<number, Span[]>()
      for (let trace = 0; trace < traceCount; trace++) {
        for (const { podIndex, span } of traceSpans(
          startTimeUnixNano + BigInt(Math.floor(random() * spreadNanos)),
        )) {
          const spans = spansByPod.get(podIndex)
          if (spans === undefined) spansByPod.set(podIndex, [span])
          else spans.push(span)
        }
      }
      return [...spansByPod].map(([podIndex, spans]) => ({
        resourceSpans: [podExport(pods[podIndex], spans)],
      }))
    },
  }
}

const podExport = (resource: ResourceSpans['resource'], spans: Span[]): ResourceSpans => ({
  ...(resource && { resource }),
  schemaUrl: 'https://opentelemetry.io/schemas/1.44.0',
  scopeSpans: [
    {
      scope: {
        name: '@opentelemetry/instrumentation-http',
        version: '0.301.0',
        attributes: [],
        droppedAttributesCount: 0,
      },
      schemaUrl: '',
      spans,
    },
  ],
})

const createPod = (index: number, random: () => number): NonNullable<ResourceSpans['resource']> => {
  const service = serviceName(Math.floor(index / podsPerService))
  const suffix = hex(randomBytes(random, 5))
  return {
    droppedAttributesCount: 0,
    entityRefs: [],
    attributes: [
      text('service.name', service),
      text('service.namespace', 'shop'),
      text('service.version', `2.${index % 3}.0`),
      text('service.instance.id', uuid(random)),
      text('deployment.environment.name', 'production'),
      text('k8s.cluster.name', 'eu-central-1-a'),
      text('k8s.namespace.name', 'shop'),
      text('k8s.node.name', `node-${index % 12}.internal`),
      text('k8s.deployment.name', service),
      text('k8s.pod.name', `${service}-${suffix}`),
      text('k8s.pod.uid', uuid(random)),
      text('k8s.container.name', 'app'),
      text('container.id', hex(randomBytes(random, 32))),
      text('telemetry.sdk.language', 'nodejs'),
      text('telemetry.sdk.name', 'opentelemetry'),
      text('telemetry.sdk.version', '3.1.1'),
      integer('process.pid', 1 + (index % 30)),
    ],
  }
}

const createSpan = (of: {
  index: number
  service: number
  isEntry: boolean
  traceId: Uint8Array
  parent: Span | undefined
  start: bigint
  durationNanos: bigint
  random: () => number
}): Span => {
  const { random, isEntry } = of
  const route = routes[of.service % routes.length] ?? '/'
  const isError = random() < 0.01
  return {
    traceId: of.traceId,
    spanId: randomBytes(random, 8),
    traceState: '',
    parentSpanId: of.parent?.spanId ?? new Uint8Array(),
    flags: 0x101,
    name: isEntry ? `GET ${route}` : 'GET',
    kind: isEntry ? 2 : 3,
    startTimeUnixNano: of.start,
    endTimeUnixNano: of.start + of.durationNanos,
    attributes: [
      text('http.request.method', 'GET'),
      text('url.scheme', 'http'),
      text('url.path', route.replace('{id}', String(Math.floor(random() * 5000)))),
      text('http.route', route),
      text('server.address', `${serviceName(of.service)}.shop.svc.cluster.local`),
      integer('server.port', 8080),
      integer('http.response.status_code', isError ? 500 : 200),
      text('network.peer.address', `10.0.${Math.floor(random() * 16)}.${Math.floor(random() * 250)}`),
      text('user_agent.original', 'node'),
    ],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    status: isError ? { code: 2, message: 'Internal Server Error' } : { code: 0, message: '' },
  }
}

const routes = [
  '/api/products/{id}',
  '/api/cart',
  '/api/checkout',
  '/api/recommendations',
  '/api/orders/{id}',
  '/api/shipping/quote',
  '/',
]

const serviceName = (index: number): string => `service-${String(index).padStart(2, '0')}`
const text = (key: string, value: string): KeyValue => ({ key, value: { stringValue: value } })
const integer = (key: string, value: number): KeyValue => ({ key, value: { intValue: BigInt(value) } })
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const uuid = (random: () => number): string =>
  hex(randomBytes(random, 16)).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

const randomBytes = (random: () => number, length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = Math.floor(random() * 256)
  return bytes
}
