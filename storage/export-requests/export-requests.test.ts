import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type {
  ExportLogsServiceRequest,
  ExportTraceServiceRequest,
  LogRecord,
  Span,
} from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type RoundTrip, openRoundTrip } from '../../test/harness/round-trip.ts'
import { createExportRequests } from './export-requests.ts'
import { makeSpan } from '../../test/harness/make-span.ts'

const nowMillis = Date.UTC(2026, 10, 20, 12)
const nowNanos = BigInt(nowMillis) * 1_000_000n
const minuteNanos = 60_000_000_000n
const everything = { fromNanos: 0n, toNanos: nowNanos + minuteNanos }

let roundTrip: RoundTrip
beforeAll(async () => {
  roundTrip = await openRoundTrip()
})
afterAll(() => roundTrip.stop())

const traceId = (number: number): Uint8Array => new Uint8Array(16).fill(number)
const hex = (id: Uint8Array): string => Buffer.from(id).toString('hex')

const log = (body: string, timeUnixNano = nowNanos): LogRecord => ({
  timeUnixNano,
  observedTimeUnixNano: 0n,
  severityNumber: 9,
  severityText: '',
  body: { stringValue: body },
  attributes: [],
  droppedAttributesCount: 0,
  flags: 0,
  traceId: new Uint8Array(0),
  spanId: new Uint8Array(0),
  eventName: '',
})

const span = (trace: number, name: string, startTimeUnixNano = nowNanos): Span =>
  makeSpan({
    traceId: traceId(trace),
    spanId: new Uint8Array(8).fill(trace),
    name,
    kind: 1,
    startTimeUnixNano,
    endTimeUnixNano: startTimeUnixNano + 5n,
  })

const sendLogs = (tenant: string, ...logRecords: LogRecord[]): Promise<unknown> => {
  const request = { resourceLogs: [{ schemaUrl: '', scopeLogs: [{ schemaUrl: '', logRecords }] }] }
  return roundTrip.send('logs', tenant, [encodeExportRequest('logs', request)], nowMillis)
}

const sendSpans = (tenant: string, ...spans: Span[]): Promise<unknown> => {
  const request = { resourceSpans: [{ schemaUrl: '', scopeSpans: [{ schemaUrl: '', spans }] }] }
  return roundTrip.send('traces', tenant, [encodeExportRequest('traces', request)], nowMillis)
}

const bodiesOf = ({ resourceLogs }: ExportLogsServiceRequest): string[] =>
  resourceLogs.flatMap(({ scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) => logRecords.map(({ body }) => body?.stringValue ?? '')),
  )

const namesOf = ({ resourceSpans }: ExportTraceServiceRequest): string[] =>
  resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)))

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => `${index}`)

describe('stored exports in pages', () => {
  const pagesOf = async (tenant: string, limits: { rowsMax?: number; bytesMax?: number }) => {
    const stored = createExportRequests(roundTrip.store, limits)
    return (await Array.fromAsync(stored.logs({ tenant }, { range: everything }))).map(bodiesOf)
  }

  it('have each of many rows of one nanosecond once', async () => {
    await sendLogs('one-time', ...numbers(20).map((body) => log(body)))
    const pages = await pagesOf('one-time', { rowsMax: 3 })
    expect(pages.map((page) => page.length)).toEqual([3, 3, 3, 3, 3, 3, 2])
    expect(pages.flat().toSorted()).toEqual(numbers(20).toSorted())
  })

  it('have equal rows as often as they are stored', async () => {
    const ticks = numbers(11).map(() => log('tick'))
    await sendLogs('ticks', log('before', nowNanos - 1n), ...ticks, log('after', nowNanos + 1n))
    const pages = await pagesOf('ticks', { rowsMax: 4 })
    expect(pages.flat()).toEqual(['before', ...ticks.map(() => 'tick'), 'after'])
  })

  it('go by time, over years without any row', async () => {
    const times = numbers(9).map((_, index) => nowNanos >> BigInt(index * 4))
    await sendLogs('years', ...times.map((time) => log(`${time}`, time)))
    const pages = await pagesOf('years', { rowsMax: 2 })
    expect(pages.flat()).toEqual(times.toReversed().map(String))
  })

  it('end where their bytes are enough, and hold at least one row', async () => {
    const large = 'x'.repeat(10_000)
    const bodies = ['a', 'b', large, 'c', 'd', large, large]
    await sendLogs('large', ...bodies.map((body, index) => log(body, nowNanos + BigInt(index))))
    const pages = await pagesOf('large', { bytesMax: 9000 })
    expect(pages.map((page) => page.map((body) => body[0]))).toEqual([
      ['a', 'b', 'x'],
      ['c', 'd', 'x'],
      ['x'],
    ])
  })
})

describe('a selection of stored exports', () => {
  beforeAll(async () => {
    const later = nowNanos + minuteNanos / 2n
    await sendSpans('shop', span(1, 'first'), span(2, 'other'), span(1, 'late', later))
    await sendSpans('mail', span(1, 'of another tenant'))
    await sendLogs('shop', { ...log('in the trace'), traceId: traceId(1) }, log('in none'))
  })

  const spansOf = async (selection: Parameters<ReturnType<typeof createExportRequests>['traces']>[1]) => {
    const stored = createExportRequests(roundTrip.store).traces({ tenant: 'shop' }, selection)
    return (await Array.fromAsync(stored)).flatMap(namesOf)
  }

  it('is of one tenant, from the first time on and up to the last without it', async () => {
    expect(await spansOf({ range: { fromNanos: nowNanos, toNanos: nowNanos + 1n } })).toEqual(
      expect.arrayContaining(['first', 'other']),
    )
    expect(await spansOf({ range: { fromNanos: 0n, toNanos: nowNanos } })).toEqual([])
    expect(await spansOf({ range: { fromNanos: nowNanos + 1n, toNanos: everything.toNanos } })).toEqual([
      'late',
    ])
  })

  it('is of one trace, of all times or some', async () => {
    expect(await spansOf({ traceId: hex(traceId(1)) })).toEqual(['first', 'late'])
    const range = { fromNanos: 0n, toNanos: nowNanos + 1n }
    expect(await spansOf({ traceId: hex(traceId(1)), range })).toEqual(['first'])
    expect(await spansOf({ traceId: hex(traceId(3)) })).toEqual([])
  })

  it('is of the log records of one trace', async () => {
    const stored = createExportRequests(roundTrip.store).logs(
      { tenant: 'shop' },
      { traceId: hex(traceId(1)) },
    )
    expect((await Array.fromAsync(stored)).flatMap(bodiesOf)).toEqual(['in the trace'])
  })

  it('ends when its caller no longer waits', async () => {
    const scope = { tenant: 'shop', signal: AbortSignal.abort() }
    const stored = createExportRequests(roundTrip.store).traces(scope, { range: everything })
    await expect(stored.next()).rejects.toThrow('cancelled')
  })
})
