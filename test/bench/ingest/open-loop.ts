import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { monotonicMillis } from './clock.ts'
import { createGrpcSender, writeFrameHead } from './grpc-sender.ts'
import { createHttpSender, type Sender } from './http-sender.ts'
import type { Lane } from './mix.ts'
import { type Answer, type Outcome, outcomes } from './outcome.ts'
import { frameHeadBytes, type Payload, type PayloadSource } from './payload-source.ts'

export interface OpenLoopSettings {
  lanes: readonly Lane[]
  source: PayloadSource
  otlpHttpUrl: string
  otlpGrpcUrl: string
  spansPerSecond: number
  seconds: number
  /** On the monotonic clock. */
  startMillis: number
  onMarker: (marker: Marker) => void
}

/** An acknowledged export by which a reader can look whether it is there. */
export interface Marker {
  traceId: string
  spanId: string
  dueMillis: number
}

/** Of every export that was due, in no order. */
export interface ExportRecord {
  exportNumber: number
  spanCount: number
  dueMillis: number
  /** Since it was due, until it was answered. */
  answeredAfterMillis: number
  outcome: Outcome
}

export interface OpenLoop {
  /** Resolves when the time is over and every export was answered or given up. */
  run(): Promise<OpenLoopResult>
  stop(): void
  progress(): { spansDue: number; spansAcknowledged: number; spansRefused: number; exportsOpen: number }
}

export interface OpenLoopResult {
  records: ExportRecord[]
  /** Spans by answer. */
  spansByCode: Map<string, number>
  /** Exports by what was wrong with their refusal. */
  faults: Map<string, number>
  /** How long after it was due an export was handed to its connection. */
  lateMillis: number[]
  cpuSeconds: number
  elapsedSeconds: number
}

/** Exports get their ids and are compressed this long before they are due, so that being due is only sending. */
const preparedAheadMillis = 400
/** OTLP exporters give up after this time. */
const timeoutMillis = 10_000
/** What a sender of a backend that answers nothing may hold. */
const openBytesMax = 2 ** 30
/** How a Collector compresses would cost the sender four times as much, and the backend the same. */
const gzipLevel = constants.Z_BEST_SPEED
const markerIntervalMillis = 10_000
const sweepMillis = 250
const compress = promisify(gzip)

interface Prepared {
  lane: Lane
  payload: Payload
  dueMillis: number
  body: readonly Uint8Array[] | undefined
}

interface Course {
  lane: Lane
  spansPerMilli: number
  /** The export before was due; the next is when as many spans as it holds have come since. */
  filledMillis: number
  /** Of the time that the next export would take to fill: less than one only at the start. */
  firstShare: number
  prepared: Prepared[]
}

/**
 * Exports are due at a constant rate of spans, whether or not the backend keeps up. What it answers late, it answers late
 * from when the export was due.
 */
export const createOpenLoop = (settings: OpenLoopSettings): OpenLoop => {
  const senders: Record<Lane['transport'], Sender> = {
    http: createHttpSender(settings.otlpHttpUrl),
    grpc: createGrpcSender(settings.otlpGrpcUrl),
  }
  // Wall time of the monotonic zero, for the times in spans.
  const epochMillis = Date.now() - monotonicMillis()
  const endMillis = settings.startMillis + settings.seconds * 1000
  const records: ExportRecord[] = []
  const spansByCode = new Map<string, number>()
  const faults = new Map<string, number>()
  const lateMillis: number[] = []
  const open = new Map<AbortController, number>()
  const sending = new Set<Promise<void>>()
  const counts = { spansDue: 0, spansAcknowledged: 0, spansRefused: 0 }
  let openBytes = 0
  let isStopped = false
  let nextMarkerMillis = settings.startMillis

  const courses = settings.lanes.map((lane, index): Course => {
    const spansPerMilli = (settings.spansPerSecond * lane.share) / 1000
    // Lanes of one rate are not due at the same moments.
    const firstShare = (index + 1) / settings.lanes.length
    return { lane, spansPerMilli, filledMillis: settings.startMillis, firstShare, prepared: [] }
  })

  const prepareUntil = (course: Course, untilMillis: number): void => {
    const { lane, spansPerMilli } = course
    while (course.filledMillis < Math.min(untilMillis, endMillis)) {
      const { shape } = lane
      const dueMillis =
        course.filledMillis + (course.firstShare * settings.source.nextSpanCount(shape)) / spansPerMilli
      course.filledMillis = dueMillis
      course.firstShare = 1
      if (dueMillis >= endMillis) return
      const payload = settings.source.next(shape, epochMillis + dueMillis)
      const prepared: Prepared = { lane, payload, dueMillis, body: undefined }
      course.prepared.push(prepared)
      void finish(prepared)
    }
  }

  const sendDue = (course: Course, nowMillis: number): void => {
    for (let first = course.prepared[0]; first !== undefined; first = course.prepared[0]) {
      // One that is not compressed yet holds up those behind it: a Collector sends in order too.
      if (first.dueMillis > nowMillis || first.body === undefined) return
      course.prepared.shift()
      send(first, first.body)
    }
  }

  const send = ({ lane, payload, dueMillis }: Prepared, body: readonly Uint8Array[]): void => {
    counts.spansDue += payload.spanCount
    const byteCount = body.reduce((sum, piece) => sum + piece.length, 0)
    if (openBytes + byteCount > openBytesMax) {
      note({ payload, dueMillis }, { outcome: outcomes.notSent, code: 'not sent: too much was open' })
      return
    }
    lateMillis.push(monotonicMillis() - dueMillis)
    openBytes += byteCount
    const abort = new AbortController()
    open.set(abort, monotonicMillis() + timeoutMillis)
    const answered = senders[lane.transport]
      .send(body, { isGzip: lane.isGzip, signal: abort.signal })
      .then((answer) => {
        open.delete(abort)
        openBytes -= byteCount
        sending.delete(answered)
        note({ payload, dueMillis }, answer)
      })
    sending.add(answered)
  }

  const note = (
    { payload, dueMillis }: { payload: Payload; dueMillis: number },
    { outcome, code, fault }: Answer,
  ): void => {
    const { exportNumber, spanCount } = payload
    const answeredAfterMillis = monotonicMillis() - dueMillis
    records.push({ exportNumber, spanCount, dueMillis, answeredAfterMillis, outcome })
    spansByCode.set(code, (spansByCode.get(code) ?? 0) + spanCount)
    if (fault !== undefined) faults.set(fault, (faults.get(fault) ?? 0) + 1)
    if (outcome !== outcomes.acknowledged) {
      counts.spansRefused += spanCount
      return
    }
    counts.spansAcknowledged += spanCount
    if (dueMillis < nextMarkerMillis) return
    nextMarkerMillis = dueMillis + markerIntervalMillis
    settings.onMarker({
      traceId: payload.traceId.toString('hex'),
      spanId: payload.spanId.toString('hex'),
      dueMillis,
    })
  }

  const giveUpLate = (): void => {
    const now = monotonicMillis()
    for (const [abort, deadlineMillis] of open) {
      // They were opened in this order.
      if (deadlineMillis > now) return
      abort.abort()
    }
  }

  const run = async (): Promise<OpenLoopResult> => {
    const sweeping = setInterval(giveUpLate, sweepMillis)
    const cpuBefore = process.cpuUsage()
    while (!isStopped) {
      const now = monotonicMillis()
      for (const course of courses) {
        sendDue(course, now)
        prepareUntil(course, now + preparedAheadMillis)
      }
      const dueMillis = Math.min(...courses.map(nextOf))
      if (dueMillis === Infinity) break
      await delay(Math.max(1, dueMillis - monotonicMillis()))
    }
    const elapsedSeconds = (monotonicMillis() - settings.startMillis) / 1000
    const { user, system } = process.cpuUsage(cpuBefore)
    await Promise.all(sending)
    clearInterval(sweeping)
    for (const sender of Object.values(senders)) sender.close()
    return { records, spansByCode, faults, lateMillis, cpuSeconds: (user + system) / 1e6, elapsedSeconds }
  }

  const nextOf = (course: Course): number => {
    const first = course.prepared[0]
    if (first !== undefined) return first.dueMillis
    return course.filledMillis < endMillis ? course.filledMillis : Infinity
  }

  return {
    run,
    stop: () => (isStopped = true),
    progress: () => ({ ...counts, exportsOpen: open.size }),
  }
}

/** Fills in what is sent, in place. */
const finish = async (prepared: Prepared): Promise<void> => {
  const { lane, payload } = prepared
  const head = payload.frame.subarray(0, frameHeadBytes)
  const plain = payload.frame.subarray(frameHeadBytes)
  const message = lane.isGzip ? await compress(plain, { level: gzipLevel }) : plain
  writeFrameHead(head, { isGzip: lane.isGzip, messageBytes: message.length })
  if (lane.transport === 'http') prepared.body = [message]
  else prepared.body = lane.isGzip ? [head, message] : [payload.frame]
}
