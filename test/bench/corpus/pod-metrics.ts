import type { InstrumentationScope, KeyValue, Metric } from '#telemetry/otlp/messages.ts'
import { integer, text } from './key-values.ts'
import {
  type Collection,
  counter,
  type Durations,
  exponentialHistogram,
  gauge,
  histogram,
  type Instrument,
  type Level,
  type MetricSource,
  type Rate,
  summary,
  upDownCounter,
} from './metric-sources.ts'
import type { Pod } from './pods.ts'
import type { RandomStream } from './random-stream.ts'
import { scope } from './scopes.ts'
import type { Language, Service } from './shop.ts'

/** What a pod's SDK reports of its work and its runtime, and what the kubelet reports of its container. */
export interface PodMetrics {
  sdk(collection: Collection): CollectedScope[]
  kubelet(collection: Collection): CollectedScope[]
}

export interface CollectedScope {
  scope: InstrumentationScope
  metrics: Metric[]
}

export const createPodMetrics = ({ service }: Pod, random: RandomStream): PodMetrics => {
  const sdk = [
    {
      scope: callScopes[service.rpcService === undefined ? 'http' : 'rpc'],
      sources: serverMetrics(service, random),
    },
    { scope: applicationMeter, sources: applicationMetrics(service, random) },
    { scope: runtimeScopes[service.language], sources: runtimeMetrics(service.language, random) },
  ]
  const kubelet = [{ scope: kubeletScope, sources: containerMetrics(random) }]
  return {
    sdk: (collection) => sdk.map((meter) => collect(meter, collection)),
    kubelet: (collection) => kubelet.map((meter) => collect(meter, collection)),
  }
}

interface Meter {
  scope: InstrumentationScope
  sources: MetricSource[]
}

const collect = ({ scope, sources }: Meter, collection: Collection): CollectedScope => ({
  scope,
  metrics: sources.map((source) => source(collection)),
})

/** Served calls as explicit histograms, made calls as exponential ones. */
const serverMetrics = (service: Service, random: RandomStream): MetricSource[] => {
  const isRpc = service.rpcService !== undefined
  const served = service.offers.flatMap((offer, index) => {
    const busy: Durations = {
      attributes: [],
      perSecond: random.lognormal(1.2, 0.8),
      medianSeconds: random.lognormal(0.012, 0.7),
      sigma: 0.6 + random.next() * 0.4,
    }
    const outcomes = isRpc ? ['OK', 'UNAVAILABLE'] : [200, index % 2 === 0 ? 503 : 404]
    return outcomes.map((outcome, at) => ({
      ...busy,
      perSecond: at === 0 ? busy.perSecond : busy.perSecond * 0.015,
      attributes: isRpc
        ? [text('rpc.system', 'grpc'), text('rpc.method', `${service.rpcService}/${offer}`), status(outcome)]
        : [
            text('http.request.method', offer.split(' ')[0] ?? ''),
            text('http.route', offer.split(' ')[1] ?? ''),
            text('url.scheme', 'http'),
            status(outcome),
          ],
    }))
  })
  const made: Durations[] = service.calls.map((callee) => ({
    attributes: [text('server.address', `${callee}.shop`), integer('server.port', 8080)],
    perSecond: random.lognormal(2, 0.7),
    medianSeconds: random.lognormal(0.014, 0.6),
    sigma: 0.55 + random.next() * 0.2,
  }))
  const stated: Durations[] = (service.database?.statements ?? []).map((statement) => ({
    attributes: [
      text('db.system.name', service.database?.system ?? ''),
      text('db.operation.name', statement.split(' ')[0] ?? ''),
      text('db.collection.name', statement.split(' ')[1] ?? ''),
    ],
    perSecond: random.lognormal(3, 0.7),
    medianSeconds: random.lognormal(0.002, 0.6),
    sigma: 0.55 + random.next() * 0.2,
  }))
  return [
    histogram(
      isRpc ? instruments.rpcServer : instruments.httpServer,
      { bounds: durationBounds, series: served },
      random,
    ),
    upDownCounter(instruments.activeRequests, [level(6, 0.4)], random),
    ...(made.length === 0
      ? []
      : [exponentialHistogram(isRpc ? instruments.rpcClient : instruments.httpClient, made, random)]),
    ...(stated.length === 0 ? [] : [exponentialHistogram(instruments.databaseClient, stated, random)]),
  ]
}

const applicationMetrics = (service: Service, random: RandomStream): MetricSource[] => [
  counter(
    instruments.cacheLookups,
    {
      number: 'int',
      temporality: 'delta',
      rates: [
        { attributes: [text('cache.result', 'hit')], perSecond: random.lognormal(30, 0.5) },
        { attributes: [text('cache.result', 'miss')], perSecond: random.lognormal(3, 0.5) },
      ],
    },
    random,
  ),
  counter(
    instruments.revenue,
    {
      number: 'double',
      temporality: 'delta',
      rates: [{ attributes: [text('currency', 'EUR')], perSecond: random.lognormal(12, 0.5) }],
    },
    random,
  ),
  summary(
    instruments.poolWait,
    [
      {
        attributes: [text('pool', service.database?.system ?? 'outbound')],
        perSecond: random.lognormal(2, 0.5),
        medianSeconds: 0.0008,
        sigma: 0.9,
      },
    ],
    random,
  ),
]

const runtimeMetrics = (language: Language, random: RandomStream): MetricSource[] => [
  counter(
    instruments.processCpu,
    {
      number: 'double',
      temporality: 'cumulative',
      rates: ['user', 'system'].map((mode, index) => ({
        attributes: [text('cpu.mode', mode)],
        perSecond: index === 0 ? 0.11 : 0.02,
      })),
    },
    random,
  ),
  upDownCounter(instruments.processMemory, [level(180_000_000, 0.04)], random),
  upDownCounter(instruments.processFiles, [level(64, 0.1)], random),
  ...runtimeMetricsOf[language](random),
]

const runtimeMetricsOf: Record<Language, (random: RandomStream) => MetricSource[]> = {
  nodejs: (random) => [
    ...['min', 'max', 'mean', 'p50', 'p90', 'p99'].map((statistic) =>
      gauge(
        instrument(`nodejs.eventloop.delay.${statistic}`, 's', `Event loop delay, ${statistic}.`),
        'double',
        [level(0.012, 0.2)],
        random,
      ),
    ),
    gauge(instruments.eventLoopUtilization, 'double', [level(0.2, 0.1)], random),
    upDownCounter(
      instruments.heapUsed,
      ['new_space', 'old_space', 'code_space', 'large_object_space'].map((space) => ({
        ...level(22_000_000, 0.1),
        attributes: [text('v8js.heap.space.name', space)],
      })),
      random,
    ),
  ],
  java: (random) => [
    upDownCounter(
      instruments.jvmMemory,
      ['G1 Eden Space', 'G1 Old Gen', 'G1 Survivor Space', 'Metaspace', 'CodeCache'].map((pool) => ({
        ...level(60_000_000, 0.1),
        attributes: [
          text('jvm.memory.type', pool.startsWith('G1') ? 'heap' : 'non_heap'),
          text('jvm.memory.pool.name', pool),
        ],
      })),
      random,
    ),
    histogram(
      instruments.jvmPauses,
      {
        bounds: [0.01, 0.1, 1, 10],
        series: ['end of minor GC', 'end of concurrent GC pause'].map((action) => ({
          attributes: [text('jvm.gc.name', 'G1'), text('jvm.gc.action', action)],
          perSecond: 0.12,
          medianSeconds: 0.006,
          sigma: 0.7,
        })),
      },
      random,
    ),
    upDownCounter(instruments.jvmThreads, [level(48, 0.05)], random),
    gauge(instruments.jvmCpu, 'double', [level(0.15, 0.2)], random),
  ],
  go: (random) => [
    upDownCounter(instruments.goroutines, [level(120, 0.15)], random),
    upDownCounter(
      instruments.goMemory,
      ['stack', 'other'].map((type) => ({
        ...level(40_000_000, 0.06),
        attributes: [text('go.memory.type', type)],
      })),
      random,
    ),
    counter(instruments.goAllocated, cumulative([{ attributes: [], perSecond: 6_500_000 }]), random),
    counter(instruments.goAllocations, cumulative([{ attributes: [], perSecond: 52_000 }]), random),
    summary(
      instruments.goPauses,
      [{ attributes: [], perSecond: 0.4, medianSeconds: 0.0002, sigma: 0.8 }],
      random,
    ),
  ],
  python: (random) => [
    counter(
      instruments.pythonCollections,
      cumulative(
        [0, 1, 2].map((generation) => ({
          attributes: [integer('cpython.gc.generation', generation)],
          perSecond: 1.4 / 10 ** generation,
        })),
      ),
      random,
    ),
    gauge(instruments.pythonThreads, 'int', [level(14, 0.1)], random),
  ],
}

const containerMetrics = (random: RandomStream): MetricSource[] => [
  ...(
    [
      ['container.cpu.usage', '{cpu}', 'double', 0.18, 0.3],
      ['k8s.pod.cpu.usage', '{cpu}', 'double', 0.19, 0.3],
      ['k8s.container.cpu_limit_utilization', '1', 'double', 0.18, 0.3],
      ['k8s.container.memory_limit_utilization', '1', 'double', 0.4, 0.02],
      ['container.memory.usage', 'By', 'int', 230_000_000, 0.02],
      ['container.memory.working_set', 'By', 'int', 210_000_000, 0.02],
      ['container.memory.rss', 'By', 'int', 190_000_000, 0.02],
      ['container.memory.available', 'By', 'int', 300_000_000, 0.02],
      ['container.filesystem.usage', 'By', 'int', 12_000_000, 0.001],
      ['container.filesystem.capacity', 'By', 'int', 107_361_579_008, 0],
      ['k8s.pod.memory.working_set', 'By', 'int', 214_000_000, 0.02],
      ['k8s.pod.phase', '', 'int', 2, 0],
      ['k8s.container.restarts', '{restart}', 'int', 0, 0],
      ['k8s.container.ready', '', 'int', 1, 0],
    ] as const
  ).map(([name, unit, number, start, stepShare]) =>
    gauge(instrument(name, unit, `${name} of the container`), number, [level(start, stepShare)], random),
  ),
  counter(
    instruments.containerCpu,
    { number: 'double', temporality: 'cumulative', rates: [{ attributes: [], perSecond: 0.18 }] },
    random,
  ),
  counter(instruments.podNetwork, cumulative(networkRates(24_000)), random),
  counter(instruments.podNetworkErrors, cumulative(networkRates(0.001)), random),
]

const networkRates = (perSecond: number): Rate[] =>
  ['receive', 'transmit'].map((direction) => ({
    attributes: [text('interface', 'eth0'), text('direction', direction)],
    perSecond,
  }))

const cumulative = (rates: readonly Rate[]) => ({ number: 'int', temporality: 'cumulative', rates }) as const

const level = (start: number, stepShare: number): Level => ({ attributes: [], start, stepShare })

const status = (outcome: string | number): KeyValue =>
  typeof outcome === 'number'
    ? integer('http.response.status_code', outcome)
    : text('rpc.response.status_code', outcome)

const durationBounds = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

const instrument = (name: string, unit: string, description: string): Instrument => ({
  name,
  unit,
  description,
})

const instruments = {
  httpServer: instrument('http.server.request.duration', 's', 'Duration of HTTP server requests.'),
  httpClient: instrument('http.client.request.duration', 's', 'Duration of HTTP client requests.'),
  rpcServer: instrument('rpc.server.call.duration', 's', 'Duration of inbound calls.'),
  rpcClient: instrument('rpc.client.call.duration', 's', 'Duration of outbound calls.'),
  databaseClient: instrument('db.client.operation.duration', 's', 'Duration of database operations.'),
  activeRequests: instrument('http.server.active_requests', '{request}', 'Requests being served.'),
  cacheLookups: instrument('app.cache.lookups', '{lookup}', 'Lookups in the local cache.'),
  revenue: instrument('app.revenue', 'EUR', 'Value of what was sold.'),
  poolWait: instrument('pool_wait_seconds', 's', 'Time until a connection was free.'),
  processCpu: instrument('process.cpu.time', 's', 'CPU time of the process.'),
  processMemory: instrument('process.memory.usage', 'By', 'Physical memory of the process.'),
  processFiles: instrument(
    'process.open_file_descriptor.count',
    '{file_descriptor}',
    'Open file descriptors.',
  ),
  eventLoopUtilization: instrument('nodejs.eventloop.utilization', '1', 'Share of time in the event loop.'),
  heapUsed: instrument('v8js.memory.heap.used', 'By', 'Used heap.'),
  jvmMemory: instrument('jvm.memory.used', 'By', 'Used memory.'),
  jvmPauses: instrument('jvm.gc.duration', 's', 'Duration of garbage collections.'),
  jvmThreads: instrument('jvm.thread.count', '{thread}', 'Threads.'),
  jvmCpu: instrument('jvm.cpu.recent_utilization', '1', 'Recent CPU utilization.'),
  goroutines: instrument('go.goroutine.count', '{goroutine}', 'Live goroutines.'),
  goMemory: instrument('go.memory.used', 'By', 'Used memory.'),
  goAllocated: instrument('go.memory.allocated', 'By', 'Allocated memory.'),
  goAllocations: instrument('go.memory.allocations', '{allocation}', 'Allocations.'),
  goPauses: instrument('go_gc_duration_seconds', 's', 'Wall-time pauses of garbage collection.'),
  pythonCollections: instrument('cpython.gc.collections', '{collection}', 'Collections of a generation.'),
  pythonThreads: instrument('process.thread.count', '{thread}', 'Threads.'),
  containerCpu: instrument('container.cpu.time', 's', 'CPU time of the container.'),
  podNetwork: instrument('k8s.pod.network.io', 'By', 'Bytes over the network.'),
  podNetworkErrors: instrument('k8s.pod.network.errors', '{error}', 'Errors of the network.'),
}

const callScopes = {
  http: scope('@opentelemetry/instrumentation-http', '0.301.0'),
  rpc: scope('@opentelemetry/instrumentation-grpc', '0.301.0'),
}
const applicationMeter = scope('shop.application', '2.4.1')
const runtimeScopes: Record<Language, InstrumentationScope> = {
  nodejs: scope('@opentelemetry/instrumentation-runtime-node', '0.40.0'),
  java: scope('io.opentelemetry.runtime-telemetry-java17', '2.30.0-alpha'),
  go: scope('go.opentelemetry.io/contrib/instrumentation/runtime', '0.70.0'),
  python: scope('opentelemetry.instrumentation.system_metrics', '0.64b0'),
}
const kubeletScope = scope(
  'github.com/open-telemetry/opentelemetry-collector-contrib/receiver/kubeletstatsreceiver',
  '0.158.0',
)
