import type { AnyValue, KeyValue, LogRecord } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import type { KubernetesValue } from './pod-object.ts'

export type WatchType = 'ADDED' | 'MODIFIED' | 'DELETED'
type KubernetesObject = { readonly [key: string]: KubernetesValue | undefined }

/**
 * Sends watched Kubernetes objects as OTLP logs, in the form in which the Collector's k8s_objects receiver sends them.
 * Holds at most `recordsMax` unsent records; the oldest are dropped, and `droppedCount` says how many.
 */
export interface ObjectLog {
  record(watched: {
    resource: 'pods' | 'events'
    type: WatchType
    object: KubernetesObject
    name: string
  }): void
  /** Sends what is held, trying for at most `timeoutMillis`. */
  flush(timeoutMillis: number): Promise<void>
  stop(): Promise<void>
  readonly droppedCount: number
}

const recordsMax = 5000
const batchRecordsMax = 200
const flushIntervalMillis = 200
const exportTimeoutMillis = 5000
const retryDelayMillis = 500
const scopeName = 'github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8sobjectsreceiver'

export const createObjectLog = (options: {
  otlpUrl: string
  namespace: string
  onTrouble(message: string): void
}): ObjectLog => {
  const waiting: LogRecord[] = []
  let droppedCount = 0
  let observedNanos = 0n
  let sending: Promise<void> | undefined
  let isInTrouble = false

  const tell = (message: string): void => {
    if (!isInTrouble) options.onTrouble(message)
    isInTrouble = true
  }

  const sendBatch = async (): Promise<void> => {
    const batch = waiting.slice(0, batchRecordsMax)
    const status = await post(options.otlpUrl, batch, options.namespace)
    if (isRetriable(status)) {
      tell(`cannot send Kubernetes records to ${options.otlpUrl}: ${status || 'no answer'}`)
      throw new Error('not sent')
    }
    if (status >= 400) {
      droppedCount += batch.length
      tell(`Kubernetes records were refused with status ${status}`)
    } else isInTrouble = false
    for (const sent of batch) if (waiting[0] === sent) waiting.shift()
  }

  const sendAll = async (): Promise<void> => {
    try {
      while (waiting.length > 0) await sendBatch()
    } catch {
      // Told already; the next interval tries again.
    }
  }

  /** One sender at a time keeps the records in order. */
  const send = (): Promise<void> =>
    (sending ??= sendAll().finally(() => {
      sending = undefined
    }))

  const timer = setInterval(() => void send(), flushIntervalMillis)

  const flush = async (timeoutMillis: number): Promise<void> => {
    const deadline = Date.now() + timeoutMillis
    while (waiting.length > 0 && Date.now() < deadline) {
      await send()
      if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, retryDelayMillis))
    }
  }

  return {
    record: ({ resource, type, object, name }) => {
      if (waiting.length >= recordsMax) {
        waiting.shift()
        droppedCount++
        tell(`more than ${recordsMax} Kubernetes records wait to be sent; the oldest are dropped`)
      }
      // Later records are younger, also within a millisecond: readers take the newest as the truth.
      const nowNanos = BigInt(Date.now()) * 1_000_000n
      observedNanos = nowNanos > observedNanos ? nowNanos : observedNanos + 1n
      waiting.push(recordOf({ resource, name, body: { type, object }, observedNanos }))
    },
    flush,
    stop: async () => {
      clearInterval(timer)
      await flush(2000)
    },
    get droppedCount() {
      return droppedCount
    },
  }
}

/** 0 when there was no answer. */
const post = async (otlpUrl: string, records: LogRecord[], namespace: string): Promise<number> => {
  const body = encodeExportRequest('logs', {
    resourceLogs: [
      {
        resource: {
          attributes: [text('k8s.namespace.name', namespace)],
          droppedAttributesCount: 0,
          entityRefs: [],
        },
        scopeLogs: [
          {
            scope: { name: scopeName, version: '0.158.0', attributes: [], droppedAttributesCount: 0 },
            logRecords: records,
            schemaUrl: '',
          },
        ],
        schemaUrl: '',
      },
    ],
  })
  try {
    const response = await fetch(`${otlpUrl}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(body),
      signal: AbortSignal.timeout(exportTimeoutMillis),
    })
    await response.arrayBuffer()
    return response.status
  } catch {
    return 0
  }
}

const isRetriable = (status: number): boolean => status === 0 || [429, 502, 503, 504].includes(status)

const recordOf = (watched: {
  resource: string
  name: string
  body: KubernetesObject
  observedNanos: bigint
}): LogRecord => ({
  // The receiver states only when it saw the object.
  timeUnixNano: 0n,
  observedTimeUnixNano: watched.observedNanos,
  severityNumber: 0,
  severityText: '',
  body: anyValueOf(watched.body),
  attributes: [
    text('k8s.resource.name', watched.resource),
    text('event.domain', 'k8s'),
    text('event.name', watched.name),
  ],
  droppedAttributesCount: 0,
  flags: 0,
  traceId: new Uint8Array(),
  spanId: new Uint8Array(),
  eventName: '',
})

const text = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } })

/** Members that are undefined are left out. */
export const anyValueOf = (value: KubernetesValue): AnyValue => {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value }
  if (isList(value)) return { arrayValue: { values: value.map(anyValueOf) } }
  const values = Object.entries(value).flatMap(([key, member]) =>
    member === undefined ? [] : [{ key, value: anyValueOf(member) }],
  )
  return { kvlistValue: { values } }
}

const isList = (value: KubernetesValue): value is readonly KubernetesValue[] => Array.isArray(value)
