import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sql, sql } from '#storage/sql.ts'
import { decodeExportRequestJson } from '#telemetry/otlp/json.ts'
import { type ExportRequestBySignal, type Signal, signals } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { exporterColumns } from '../harness/exporter-columns.ts'
import { metricKinds, metricRows, metricViews } from '../harness/otlp-metric-rows.ts'
import { logRows, traceRows } from '../harness/otlp-rows.ts'
import { type Pipeline, startPipeline } from '../harness/pipeline.ts'
import { type ViewRow, columnsOf, readView } from '../harness/read-view.ts'

let pipeline: Pipeline
const nowNanos = BigInt(Date.now()) * 1_000_000n
const fixtureNanos = 1_700_000_000_000_000_000n

/** Every time of the fixtures moved by as much, so that they lie in the present; 0 stays "none". */
const moveTimes = (message: object): void => {
  for (const [name, value] of Object.entries(message)) {
    if (name.endsWith('UnixNano') && value > 0n && value < 2n ** 63n)
      Object.assign(message, { [name]: value - fixtureNanos + nowNanos })
    else if (typeof value === 'object' && !(value instanceof Uint8Array)) moveTimes(value)
  }
}

const fixture = <S extends Signal>(signal: S): ExportRequestBySignal[S] => {
  const text = readFileSync(new URL(`../fixtures/otlp/${signal}.json`, import.meta.url), 'utf8')
  const request = decodeExportRequestJson(signal, text)
  moveTimes(request)
  return request
}

beforeAll(async () => {
  pipeline = await startPipeline()
  for (const signal of signals) {
    const payload = encodeExportRequest(signal, fixture(signal))
    await pipeline.queue.append(signal, { tenant: 'default', payload })
  }
  await pipeline.written()
})
afterAll(() => pipeline.stop())

/** Rows by the columns that tell the fixtures' rows apart; equal keys are a mistake of the test. */
const byKey = (rows: readonly ViewRow[], ...names: string[]): Map<string, ViewRow> => {
  const keyed = new Map(rows.map((row) => [names.map((name) => String(row[name])).join(' '), row]))
  if (keyed.size < rows.length) throw new Error(`${rows.length} rows have only ${keyed.size} keys`)
  return keyed
}

describe('what was sent over OTLP comes back from the views, every field of it', () => {
  it('for spans', async () => {
    const rows = await readView(pipeline.store, 'otel_traces')
    expect(byKey(rows, 'TraceId', 'SpanId')).toEqual(byKey(traceRows(fixture('traces')), 'TraceId', 'SpanId'))
  })

  it('for log records', async () => {
    const rows = await readView(pipeline.store, 'otel_logs')
    // Records without any time have the one at which they were queued, and nothing else that tells them apart.
    const isTimed = (row: ViewRow): boolean => row['TimeSource'] !== 2
    const expected = logRows(fixture('logs'))
    expect(byKey(rows.filter(isTimed), 'Timestamp')).toEqual(byKey(expected.filter(isTimed), 'Timestamp'))
    const untimed = rows.filter((row) => !isTimed(row))
    expect(untimed).toEqual(expected.filter((row) => !isTimed(row)))
    expect(untimed.map((row) => row['Timestamp'])).toEqual(untimed.map((row) => row['IngestedAt']))
  })

  it.each(metricKinds)('for data points of a metric of kind %s', async (kind) => {
    const rows = await readView(pipeline.store, metricViews[kind])
    const keys = ['MetricName', 'TimeUnix', 'Flags']
    expect(byKey(rows, ...keys)).toEqual(byKey(metricRows(fixture('metrics'))[kind], ...keys))
  })

  it('for exponential histograms under their older name, too', async () => {
    const rows = await readView(pipeline.store, 'otel_metrics_exponential_histogram')
    const expected = metricRows(fixture('metrics')).exponentialHistogram
    expect(byKey(rows, 'TimeUnix')).toEqual(byKey(expected, 'TimeUnix'))
  })

  it('and a field that is compared with nothing is an error of this test', () => {
    const request = fixture('traces')
    Object.assign(request.resourceSpans[0]?.scopeSpans[0]?.spans[0]?.events[0] ?? {}, { newField: 1 })
    expect(() => traceRows(request)).toThrow('newField')
  })

  it('and the table of trace times has the first and last start of each trace', async () => {
    const expected = new Map<string, { Start: bigint; End: bigint }>()
    for (const { TraceId, Timestamp } of traceRows(fixture('traces'))) {
      const seconds = (Timestamp as bigint) - ((Timestamp as bigint) % 1_000_000_000n)
      const { Start, End } = expected.get(TraceId as string) ?? { Start: seconds, End: seconds }
      expected.set(TraceId as string, {
        Start: seconds < Start ? seconds : Start,
        End: seconds > End ? seconds : End,
      })
    }
    const rows = await readView(pipeline.store, 'otel_traces_trace_id_ts')
    expect(new Map(rows.map(({ TraceId, ...times }) => [TraceId, times]))).toEqual(expected)
  })
})

describe('the views have the columns of the OpenTelemetry exporter', () => {
  /**
   * Ours name the time zone that the exporter's tables leave to the server, and compute `Start` and `End` where the
   * exporter keeps aggregates of the same type; who reads them sees no difference.
   */
  const withoutZone = (type: string): string => type.replace(", 'UTC'", '').replace("('UTC')", '')

  it.each(Object.entries(exporterColumns))('%s', async (view, expected) => {
    const types = [...(await columnsOf(pipeline.store, view))].map(
      ([name, type]) => [name, withoutZone(type)] as const,
    )
    expect(Object.fromEntries(types)).toMatchObject(expected)
  })

  it('with the values that its readers compare with', async () => {
    const rows = await pipeline.store.query(
      sql`SELECT SpanKind, StatusCode, Duration, SpanAttributes['large'] AS large, SpanAttributes['whole'] AS whole, SpanAttributes['nan'] AS nan, SpanAttributes['raw'] AS raw, SpanAttributes['nested'] AS nested, ResourceAttributes['process.command_args'] AS arguments FROM otel_traces WHERE SpanName = 'POST /checkout' AND has(SpanAttributeItems, 'flag=false') AND ServiceName = 'checkout'`,
    )
    expect(rows).toEqual([
      {
        SpanKind: 'Server',
        StatusCode: 'Error',
        Duration: '864197532',
        large: '9223372036854775807',
        whole: '3',
        nan: 'NaN',
        raw: 'AAEC//79',
        nested: '{"a":[true],"b":{}}',
        arguments: '["node",3,null]',
      },
    ])
  })
})

describe('a lookup through the views reads few granules of many', () => {
  const rowCount = 400_000
  const traceId = '0000000000000000000000000badcafe'

  beforeAll(async () => {
    // Four to a trace, ids scattered as random ones are, 9 ms apart, which makes an hour.
    const ids = sql`if(number < 4, unhex(${sql.string(traceId)}), MD5(toString(intDiv(number, 4))))`
    const times = sql`toStartOfDay(now64(9)) + toIntervalMillisecond(number * 9)`
    const numbers = sql`numbers(${sql.int64(rowCount)}) SETTINGS max_insert_threads = 1, min_insert_block_size_rows = 1000000`
    await pipeline.store.command(
      sql`INSERT INTO spans (tenant, trace_id, start_time) SELECT 'default', ${ids}, ${times} FROM ${numbers}`,
    )
    await pipeline.store.command(
      sql`INSERT INTO log_records (tenant, trace_id, time) SELECT 'default', ${ids}, ${times} FROM ${numbers}`,
    )
  })

  /** What the engine's indexes leave to be read of a table, and of how much. */
  const planOf = async (table: string, query: Sql) => {
    const rows = await pipeline.store.query<{ explain: string }>(sql`EXPLAIN indexes = 1 ${query}`)
    const text = rows.map(({ explain }) => explain).join('\n')
    const [, plan = ''] = text.split(`ReadFromMergeTree (otel.${table})`)
    const [own = ''] = plan.split('ReadFromMergeTree')
    const granules = [...own.matchAll(/Granules: (\d+)\/(\d+)/g)]
    return {
      text,
      readGranules: Number(granules.at(-1)?.[1]),
      allGranules: Number(granules[0]?.[2]),
      byPrimaryKey: Number(granules[2]?.[1]),
    }
  }

  it('of spans by trace id: the primary key leaves one or two, the bloom index no other part', async () => {
    const query = sql`SELECT * FROM otel_traces WHERE TraceId = ${sql.string(traceId)}`
    expect(await pipeline.store.query(query)).toHaveLength(4)
    const plan = await planOf('spans', query)
    expect(plan.text).toMatch(/PrimaryKey\s+│\s+Keys:\s+│\s+lower\(hex\(trace_id\)\)/)
    expect(plan.text).toContain('Name: trace_id_text')
    expect(plan.allGranules).toBeGreaterThan(40)
    expect(plan.readGranules).toBeLessThanOrEqual(2)
  })

  it('of a trace’s times', async () => {
    const query = sql`SELECT min(Start), max(End) FROM otel_traces_trace_id_ts WHERE TraceId = ${sql.string(traceId)}`
    const plan = await planOf('spans', query)
    expect(plan.allGranules).toBeGreaterThan(40)
    expect(plan.readGranules).toBeLessThanOrEqual(2)
  })

  it('of log records by trace id: the bloom index leaves one or two', async () => {
    const query = sql`SELECT * FROM otel_logs WHERE TraceId = ${sql.string(traceId)}`
    expect(await pipeline.store.query(query)).toHaveLength(4)
    const plan = await planOf('log_records', query)
    expect(plan.text).toContain('Name: trace_id_text')
    expect(plan.allGranules).toBeGreaterThan(40)
    expect(plan.readGranules).toBeLessThanOrEqual(3)
  })

  it.each([
    ['otel_traces', 'spans'],
    ['otel_logs', 'log_records'],
  ])('of %s by time: days that are not asked for are not read', async (view, table) => {
    const query = sql`SELECT * FROM ${sql.identifier(view)} WHERE Timestamp < toStartOfDay(now64(9)) - toIntervalDay(1)`
    const plan = await planOf(table, query)
    expect(plan.text).toContain('Partition')
    expect(plan.readGranules || 0).toBe(0)
  })
})
