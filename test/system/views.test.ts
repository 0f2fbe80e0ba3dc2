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

describe('the views show as the OpenTelemetry exporter', () => {
  it('nothing for the ids of a link to no span, which SDKs send as zeros', async () => {
    const { store } = pipeline
    const ids = [new Uint8Array(16), new Uint8Array(0), new Uint8Array(16).fill(0xab)]
    const link = (length: number) =>
      sql.join(
        ids.map((id) => sql.bytes(id.subarray(0, length))),
        sql`, `,
      )
    await store.command(
      sql`INSERT INTO spans (tenant, start_time, name, links.trace_id, links.span_id) VALUES ('links', now(), 'linking', [${link(16)}], [${link(8)}])`,
    )
    expect(
      await store.query(
        sql`SELECT Links.TraceId AS traces, Links.SpanId AS spans FROM otel_traces WHERE Tenant = 'links'`,
      ),
    ).toEqual([{ traces: ['', '', 'ab'.repeat(16)], spans: ['', '', 'ab'.repeat(8)] }])
  })
})

describe('the views have the columns of the OpenTelemetry exporter', () => {
  /**
   * Ours name the time zone that the exporter's tables leave to the server, and compute `Start` and `End` where the
   * exporter keeps aggregates of the same type; who reads them sees no difference.
   */
  const withoutZone = (type: string): string => type.replace(", 'UTC'", '').replace("('UTC')", '')

  it.each(Object.entries(exporterColumns))('%s, these first and in this order', async (view, expected) => {
    const types = [...(await columnsOf(pipeline.store, view))].map(
      ([name, type]) => [name, withoutZone(type)] as const,
    )
    expect(types.slice(0, Object.keys(expected).length)).toEqual(Object.entries(expected))
  })

  it.each(Object.keys(exporterColumns))(
    '`SELECT *` from %s gives no column twice, and all of them',
    async (view) => {
      const [row = {}] = await pipeline.store.query<ViewRow>(
        sql`SELECT * FROM ${sql.identifier(view)} LIMIT 1`,
      )
      expect(Object.keys(row)).toEqual([...(await columnsOf(pipeline.store, view)).keys()])
    },
  )

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

/** Attributes of resources that HyperDX asks as columns, where a table describes them so. */
const describedKeys = [
  'k8s.cluster.name',
  'k8s.namespace.name',
  'k8s.node.name',
  'k8s.deployment.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.container.name',
  'deployment.environment.name',
  'service.version',
]
const described = (key: string): Sql => sql.ownFile(`\`__hdx_materialized_${key}\``)
const resourceAttribute = (key: string): Sql => sql`ResourceAttributes[${sql.string(key)}]`

describe('over a day of short-lived pods', () => {
  const rowCount = 400_000
  const traceId = '0000000000000000000000000badcafe'
  const dayNanos = BigInt(Math.floor(Date.now() / 86_400_000)) * 86_400_000_000_000n
  const at = (minute: number): Sql => sql.dateTime64(dayNanos + BigInt(minute) * 60_000_000_000n)
  /** Twenty services, of each a pod every five minutes; and many more pods of days before. */
  const podCount = 40_000
  const pod = 'pod-2345'

  beforeAll(async () => {
    const { store } = pipeline
    const asOnePart = sql`SETTINGS max_insert_threads = 1, max_threads = 1, min_insert_block_size_rows = 1000000`
    const numbers = (count: number): Sql => sql`numbers(${sql.int64(count)}) ${asOnePart}`
    const attributes = sql.join(
      describedKeys
        .filter((key) => key !== 'k8s.pod.name')
        .map((key) => sql`${sql.string(key)}, concat(${sql.string(key)}, toString(number % 50))`),
      sql`, `,
    )
    const resourceIdOf = (number: Sql): Sql => sql`sipHash64(toUInt64(${number}))`
    // Written again, as every day: parts have the same rows, and whether they are merged already is not known.
    for (let time = 0; time < 2; time++)
      await store.command(
        sql`INSERT INTO resources (tenant, resource_id, attributes, seen_at) SELECT 'default', ${resourceIdOf(sql`number`)}, map('k8s.pod.name', concat('pod-', toString(number)), ${attributes}), now() FROM ${numbers(podCount)}`,
      )
    // Four spans to a trace, ids scattered as random ones are. One service lived for the sixth hour only.
    const ids = sql`if(number < 4, unhex(${sql.string(traceId)}), MD5(toString(intDiv(number, 4))))`
    const slot = sql`intDiv(number, 4) % 20`
    const millis = sql`number * 216`
    const service = sql`if(${slot} = 7 AND intDiv(${millis}, 3600000) = 5, 'nightly report', concat('service-', toString(${slot})))`
    const podNumber = sql`intDiv(${millis}, 300000) * 20 + ${slot}`
    await store.command(
      sql`INSERT INTO spans (tenant, trace_id, start_time, resource_id, service_name, service_version, attributes) SELECT 'default', ${ids}, ${at(0)} + toIntervalMillisecond(${millis}), ${resourceIdOf(podNumber)}, ${service}, concat('service.version', toString((${podNumber}) % 50)), map('order.id', toString(number)) FROM ${numbers(rowCount)}`,
    )
    // As many log records in an hour: several granules in five minutes.
    await store.command(
      sql`INSERT INTO log_records (tenant, trace_id, time, resource_id, service_name, attributes) SELECT 'default', ${ids}, ${at(0)} + toIntervalMillisecond(number * 9), ${resourceIdOf(slot)}, concat('service-', toString(${slot})), map('order.id', toString(number)) FROM ${numbers(rowCount)}`,
    )
  })

  interface PlanNode {
    Description?: string
    Indexes?: { Type: string; Name?: string; 'Initial Granules': number; 'Selected Granules': number }[]
    Plans?: PlanNode[]
  }
  const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)]

  /** Granules of a table: all, those that the engine leaves to be read before it begins, and what one index left out. */
  const planOf = async (query: Sql, { table, index }: { table: string; index?: string }) => {
    const rows = await pipeline.store.query<{ explain: string }>(sql`EXPLAIN json = 1, indexes = 1 ${query}`)
    const roots = JSON.parse(rows.map(({ explain }) => explain).join('\n')) as { Plan: PlanNode }[]
    const nodes = roots.flatMap(({ Plan }) => nodesOf(Plan))
    const uses = nodes.find(({ Description }) => Description === `otel.${table}`)?.Indexes ?? []
    const use = uses.find(({ Name, Type }) => (Name ?? Type) === index)
    return {
      all: uses[0]?.['Initial Granules'] ?? 0,
      read: uses.at(-1)?.['Selected Granules'] ?? 0,
      leftOut: use === undefined ? 0 : use['Initial Granules'] - use['Selected Granules'],
    }
  }

  const ofTrace = sql`TraceId = ${sql.string(traceId)}`
  const hasOrder = (items: Sql): Sql => sql`has(${items}, 'order.id=123456')`
  const within = (name: Sql): Sql => sql`${name} >= ${at(20)} AND ${name} < ${at(29)}`

  it.each([
    ['spans', 'trace_id_text', ofTrace, { rows: 4, granulesMax: 2 }],
    ['spans', 'service_name_seen', sql`ServiceName = 'nightly report'`, { rows: 832, granulesMax: 4 }],
    ['spans', 'PrimaryKey', within(sql`Timestamp`), { rows: 2500, granulesMax: 3 }],
    ['spans', 'attribute_items', hasOrder(sql`SpanAttributeItems`), { rows: 1, granulesMax: 8 }],
    ['log_records', 'trace_id_text', ofTrace, { rows: 4, granulesMax: 2 }],
    // The key is of use where five minutes fill several granules: with many records, that is.
    ['log_records', 'PrimaryKey', sql`ServiceName = 'service-7'`, { rows: rowCount / 20, granulesMax: 24 }],
    ['log_records', 'PrimaryKey', within(sql`Timestamp`), { rows: 60_000, granulesMax: 14 }],
    ['log_records', 'time_bounds', within(sql`TimestampTime`), { rows: 60_000, granulesMax: 14 }],
    ['log_records', 'attribute_items', hasOrder(sql`LogAttributeItems`), { rows: 1, granulesMax: 8 }],
  ])(
    'a filter on %s reads few granules of many, by %s',
    async (table, index, filter, { rows, granulesMax }) => {
      const view = sql.identifier(table === 'spans' ? 'otel_traces' : 'otel_logs')
      const query = sql`SELECT Timestamp, TraceId FROM ${view} WHERE ${filter}`
      expect(await pipeline.store.query(query)).toHaveLength(rows)
      const { all, read, leftOut } = await planOf(query, { table, index })
      expect(all).toBeGreaterThan(40)
      expect(leftOut).toBeGreaterThan(0)
      expect(read).toBeLessThanOrEqual(granulesMax)
    },
  )

  it('so does the lookup of a trace’s times', async () => {
    const query = sql`SELECT min(Start), max(End) FROM otel_traces_trace_id_ts WHERE ${ofTrace}`
    const { read, leftOut } = await planOf(query, { table: 'spans', index: 'trace_id_text' })
    expect(leftOut).toBeGreaterThan(40)
    expect(read).toBeLessThanOrEqual(2)
  })

  it.each([
    ['otel_traces', 'spans'],
    ['otel_logs', 'log_records'],
  ])('days of %s that are not asked for are not read', async (view, table) => {
    const query = sql`SELECT * FROM ${sql.identifier(view)} WHERE Timestamp < ${at(-1440)}`
    expect((await planOf(query, { table })).read).toBe(0)
  })

  const isPod = sql`${resourceAttribute('k8s.pod.name')} = ${sql.string(pod)}`
  const isDescribedPod = sql`${described('k8s.pod.name')} = ${sql.string(pod)}`
  const hasPod = sql`has(ResourceAttributeItems, ${sql.string(`k8s.pod.name=${pod}`)})`

  it.each([
    ['the map', 'attribute_k8s_pod_name', sql`SELECT SpanName FROM otel_traces WHERE ${isPod}`],
    ['the map, for all columns', 'attribute_k8s_pod_name', sql`SELECT * FROM otel_traces WHERE ${isPod}`],
    ['its column', 'attribute_k8s_pod_name', sql`SELECT SpanName FROM otel_traces WHERE ${isDescribedPod}`],
    ['its column, for all', 'attribute_k8s_pod_name', sql`SELECT * FROM otel_traces WHERE ${isDescribedPod}`],
    ['the items', 'attribute_items', sql`SELECT SpanName FROM otel_traces WHERE ${hasPod}`],
  ])('spans of a pod are found in few granules of resources, by %s', async (_where, index, query) => {
    // A span every 216 ms over five minutes, shared by twenty pods; none comes twice, as its resource lies in the table.
    const rows = await pipeline.store.query(query)
    expect(rows.length).toBeGreaterThan(60)
    expect(rows.length).toBeLessThan(80)
    const { all, read, leftOut } = await planOf(query, { table: 'resources', index })
    expect(all).toBeGreaterThan(4)
    expect(leftOut).toBeGreaterThan(2)
    expect(read).toBeLessThanOrEqual(2)
  })

  describe.each(['otel_traces', 'otel_logs'])('%s describes columns of attributes', (view) => {
    it('by the expression that its readers look for', async () => {
      const rows = await pipeline.store.query<{
        name: string
        default_expression: string
        default_type: string
      }>(sql`DESCRIBE ${sql.identifier(view)}`)
      const found = rows.filter(({ name }) => name.startsWith('__hdx_materialized_'))
      expect(found).toEqual(
        describedKeys.map((key) =>
          expect.objectContaining({
            name: `__hdx_materialized_${key}`,
            default_type: 'MATERIALIZED',
            default_expression: `ResourceAttributes['${key}']`,
          }),
        ),
      )
    })

    it('and these are equal to what the map has', async () => {
      const compared = describedKeys.map((key) => {
        const column = described(key)
        return sql`(uniqExact(${column}) > 1, countIf(${column} != ${resourceAttribute(key)}))`
      })
      const [row] = await pipeline.store.query<{ compared: unknown[] }>(
        sql`SELECT [${sql.join(compared, sql`, `)}] AS compared FROM ${sql.identifier(view)} WHERE Timestamp < ${at(20)}`,
      )
      expect(row?.compared).toEqual(describedKeys.map(() => [1, '0']))
    })
  })

  it('resources are left out while they are read, and not after FINAL, where the trace’s spans do not name them', async () => {
    const rows = await pipeline.store.query<{ explain: string }>(
      sql`EXPLAIN indexes = 1 SELECT * FROM otel_traces WHERE ${ofTrace}`,
    )
    const text = rows.map(({ explain }) => explain).join('\n')
    const [, read = ''] = text.split('ReadFromMergeTree (otel.resources)')
    expect(read.split('ReadFromMergeTree')[0]).toMatch(/Runtime filters: .*resource_id/)
  })

  it('a reader that asks for nulls in joins gets the same columns', async () => {
    const query = sql`SELECT * FROM otel_traces WHERE ${ofTrace}`
    const rows = await pipeline.store.query(sql`${query} ORDER BY SpanAttributes['order.id']`)
    const withNulls = sql`${query} ORDER BY SpanAttributes['order.id'] SETTINGS join_use_nulls = 1`
    expect(await pipeline.store.query(withNulls)).toEqual(rows)
  })
})
