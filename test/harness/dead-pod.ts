/**
 * A small shop as OTLP/JSON, in which the pod of `inventory` ran out of memory: traces with correlated logs, and the
 * records of a pod watch (k8s_objects receiver) that tell its end. Times are relative to now.
 */
export const killedPod = { name: 'inventory-7d9f8b6c5d-x2x9k', uid: '5b6f0d1e-2c3a-4e5f-8a9b-0c1d2e3f4a5b' }
export const hostileSpanName = '<img src=x onerror=alert(document.domain)>'
export const traceCount = 12

const services = ['storefront', 'checkout', 'inventory'] as const
type ServiceName = (typeof services)[number]

const podOf: Readonly<Record<ServiceName, { name: string; uid: string }>> = {
  storefront: { name: 'storefront-6c5d7f9b8-q4w5e', uid: '1f6f0d1e-2c3a-4e5f-8a9b-0c1d2e3f4a5b' },
  checkout: { name: 'checkout-5f7b9c6d8-r7t2p', uid: '2f6f0d1e-2c3a-4e5f-8a9b-0c1d2e3f4a5b' },
  inventory: killedPod,
}

const text = (key: string, value: string) => ({ key, value: { stringValue: value } })

const resourceOf = (service: ServiceName) => ({
  attributes: [
    text('service.name', service),
    text('service.namespace', 'shop'),
    text('service.version', '1.4.2'),
    text('deployment.environment.name', 'test'),
    text('k8s.namespace.name', 'shop'),
    text('k8s.pod.name', podOf[service].name),
    text('k8s.pod.uid', podOf[service].uid),
    text('k8s.container.name', 'app'),
    text('k8s.node.name', 'node-a'),
  ],
})

const traceIdOf = (index: number): string => (index + 1).toString(16).padStart(32, 'a')
const spanIdOf = (index: number, part: number): string =>
  `${index.toString(16).padStart(8, '0')}${part.toString(16).padStart(8, '0')}`
const nanos = (millis: number): string => String(BigInt(Math.round(millis * 1000)) * 1000n)

/** The last of these traces is the one that the death cut short. */
export const deadPodTelemetry = (nowMillis: number) => {
  const killedAtMillis = nowMillis - 20_000
  const spans = new Map<ServiceName, object[]>(services.map((service) => [service, []]))
  const logRecords: object[] = []
  for (let index = 0; index < traceCount; index++) {
    const isLast = index === traceCount - 1
    const startMillis = killedAtMillis - (traceCount - 1 - index) * 5000 - 400
    const traceId = traceIdOf(index)
    const span = (service: ServiceName, part: number, fields: object) =>
      spans.get(service)?.push({ traceId, spanId: spanIdOf(index, part), attributes: [], ...fields })
    const times = (fromMillis: number, toMillis: number) => ({
      startTimeUnixNano: nanos(startMillis + fromMillis),
      endTimeUnixNano: nanos(startMillis + toMillis),
    })
    const failed = isLast ? { status: { code: 2, message: 'upstream timed out' } } : {}
    span('storefront', 1, { name: 'POST /orders', kind: 2, ...times(0, 390), ...failed })
    span('storefront', 2, {
      name: 'POST',
      kind: 3,
      parentSpanId: spanIdOf(index, 1),
      ...times(10, 380),
      ...failed,
    })
    span('checkout', 3, {
      name: 'POST /checkout',
      kind: 2,
      parentSpanId: spanIdOf(index, 2),
      ...times(20, 370),
      ...failed,
    })
    span('inventory', 4, {
      name: isLast ? hostileSpanName : 'POST /reservations',
      kind: 2,
      parentSpanId: spanIdOf(index, 3),
      ...times(40, 340),
      attributes: [
        text('http.route', '/reservations'),
        { key: 'http.response.status_code', value: { intValue: '200' } },
      ],
      events: [
        { timeUnixNano: nanos(startMillis + 60), name: 'rows locked', attributes: [text('rows', '3')] },
      ],
    })
    logRecords.push({
      timeUnixNano: nanos(startMillis + 100),
      severityNumber: 13,
      severityText: 'WARN',
      body: { stringValue: `reserved for order ${index}, heap is at ${60 + index * 3} %` },
      traceId,
      spanId: spanIdOf(index, 4),
    })
  }
  return {
    killedTraceId: traceIdOf(traceCount - 1),
    traces: {
      resourceSpans: services.map((service) => ({
        resource: resourceOf(service),
        scopeSpans: [{ scope: { name: 'shop' }, spans: spans.get(service) }],
      })),
    },
    logs: {
      resourceLogs: [
        { resource: resourceOf('inventory'), scopeLogs: [{ logRecords }] },
        {
          resource: { attributes: [text('k8s.namespace.name', 'shop')] },
          scopeLogs: [{ logRecords: podWatch(killedAtMillis) }],
        },
      ],
    },
  }
}

const podWatch = (killedAtMillis: number): object[] => {
  const iso = new Date(killedAtMillis).toISOString()
  const map = (entries: Readonly<Record<string, unknown>>): object => ({
    kvlistValue: { values: Object.entries(entries).map(([key, value]) => ({ key, value: anyValue(value) })) },
  })
  const anyValue = (value: unknown): object => {
    if (typeof value === 'string') return { stringValue: value }
    if (typeof value === 'number') return { intValue: String(value) }
    if (typeof value === 'boolean') return { boolValue: value }
    if (Array.isArray(value)) return { arrayValue: { values: value.map((item) => anyValue(item)) } }
    return map(value as Record<string, unknown>)
  }
  const object = {
    kind: 'Pod',
    metadata: { name: killedPod.name, namespace: 'shop', uid: killedPod.uid, deletionTimestamp: iso },
    spec: { nodeName: 'node-a' },
    status: {
      phase: 'Failed',
      containerStatuses: [
        {
          name: 'app',
          restartCount: 1,
          ready: false,
          state: { terminated: { exitCode: 137, signal: 9, reason: 'OOMKilled', finishedAt: iso } },
        },
      ],
    },
  }
  return [
    {
      observedTimeUnixNano: nanos(killedAtMillis + 1000),
      attributes: [
        text('k8s.resource.name', 'pods'),
        text('event.domain', 'k8s'),
        text('event.name', killedPod.name),
      ],
      body: map({ type: 'DELETED', object }),
    },
  ]
}
