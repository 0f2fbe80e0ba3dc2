import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Store } from '../connection.ts'
import { createLogStore } from '../logs/create-log-store.ts'
import { migrate } from '../migrations/migrate.ts'
import type { Columns } from '../native-block.ts'
import { type PhysicalTable, type TableRow, physicalTables } from '../physical-tables.ts'
import { type RangeBlock, type RangeIdentity, type RangeTable, createRangeStore } from '../range-store.ts'
import { applyRetention } from '../retention.ts'
import { createServiceStore } from '../service-store.ts'
import { sql } from '../sql.ts'
import { createTraceStore } from '../traces/create-trace-store.ts'
import { outcomeMillisMax } from './cases.ts'

const nanosPerDay = 86_400_000_000_000n
const nanosPerHour = 3_600_000_000_000n
const secondsPerDay = 86_400
/** The store is new, and migrating it takes some seconds where each statement is a request. */
const migrateMillisMax = 60_000

const scope = { tenant: 'default' }
const resourceId = 77n
const traceId = '5b8efff798038103d269b633813fc60c'
const oldTraceId = '00000000000000000000000000000001'

/**
 * One way of telemetry into the store and back out, short: what must work before a server of another kind is worth more tests. The
 * store is new when it is opened.
 */
export const describeTelemetry = (name: string, open: () => Promise<Store>): void => {
  describe(`telemetry in the store on ${name}`, () => {
    const today = BigInt(Math.floor(Date.now() / 86_400_000))
    const nowNanos = BigInt(Date.now()) * 1_000_000n
    const oldDay = today - 40n
    const range = { fromNanos: nowNanos - nanosPerDay, toNanos: nowNanos + nanosPerHour }
    let store: Store

    beforeAll(async () => {
      store = await open()
      await migrate(store)
      await createRangeStore(store).insertResources(resources(nowNanos))
    }, migrateMillisMax)
    afterAll(() => store.close())

    const countSpans = async (): Promise<unknown> => ({
      spans: await store.query(sql`SELECT count() AS found FROM spans`),
      searchable: await store.query(sql`SELECT count() AS found FROM span_search`),
      counted: await store.query(sql`SELECT sum(span_count) AS found FROM service_red_1h`),
    })

    it('is migrated once', async () => {
      expect(await migrate(store)).toEqual({ applied: [] })
    })

    it('comes in once, as ranges that can be asked for', async () => {
      const ranges = createRangeStore(store)
      const inserted: [RangeIdentity, RangeBlock][] = [
        [rangeOf('otlp_spans', 0), spansBlock(today, traceId, nowNanos)],
        [rangeOf('otlp_spans', 10), spansBlock(oldDay, oldTraceId, oldDay * nanosPerDay + nanosPerHour)],
        [rangeOf('otlp_logs', 0), logsBlock(today, nowNanos)],
      ]
      for (const [identity, block] of inserted) {
        expect(await ranges.hasBlock(identity, block)).toBe(false)
        await ranges.insertBlock(identity, 1, block)
        expect(await ranges.hasBlock(identity, block)).toBe(true)
      }
      expect(await ranges.hasBlock(rangeOf('otlp_spans', 20), spansBlock(today, traceId, nowNanos))).toBe(
        false,
      )
      expect(await countSpans()).toEqual({
        spans: [{ found: '6' }],
        searchable: [{ found: '6' }],
        counted: [{ found: '6' }],
      })
    })

    it('is derived again to the same', async () => {
      const before = await countSpans()
      await store.command(sql`DELETE FROM span_search WHERE 1`)
      await store.command(sql`TRUNCATE TABLE service_red_1h`)
      const ranges = createRangeStore(store)
      await ranges.deriveAgain(rangeOf('otlp_spans', 0), spansBlock(today, traceId, nowNanos))
      await ranges.deriveAgain(rangeOf('otlp_spans', 10), spansBlock(oldDay, oldTraceId, 0n))
      expect(await countSpans()).toEqual(before)
    })

    it('is read back: a trace, services, logs', async () => {
      const trace = await createTraceStore(store).getTrace(scope, traceId)
      expect(trace?.spans.map((span) => [span.name, span.spanId, span.parentSpanId, span.kind])).toEqual([
        ['POST /checkout', '1111111111111111', '', 2],
        ['charge card', '2222222222222222', '1111111111111111', 3],
        ['save order', '3333333333333333', '1111111111111111', 1],
      ])
      expect(trace?.spans[1]?.attributes).toEqual([{ key: 'card', value: '결제 "✓"', type: 'string' }])
      expect(trace?.resources.get(String(resourceId))?.serviceName).toBe('checkout')
      expect(await createTraceStore(store).getTrace(scope, 'f'.repeat(32))).toBeUndefined()

      const { services } = await createServiceStore(store).listServices(scope, range, {})
      expect(services.map((service) => [service.name, service.spanCount, service.errorCount])).toEqual([
        ['checkout', 3, 0],
      ])

      const { logs } = await createLogStore(store).logsOfTrace(scope, traceId, 10)
      expect(logs.map((log) => [log.body, log.severityText, log.spanId])).toEqual([
        ['card declined\nat charge', 'ERROR', '2222222222222222'],
        ['retried', 'INFO', '2222222222222222'],
      ])
    })

    it('goes by the day when its retention is over', async () => {
      const retention = {
        tracesSeconds: 7 * secondsPerDay,
        logsSeconds: 7 * secondsPerDay,
        metricsSeconds: 7 * secondsPerDay,
        rollupsSeconds: 90 * secondsPerDay,
      }
      await applyRetention(store, retention)
      await expect
        .poll(
          () =>
            store.query(
              sql`SELECT count() AS found, min(start_time) > now() - INTERVAL 2 DAY AS is_new FROM spans`,
            ),
          {
            timeout: outcomeMillisMax,
          },
        )
        .toEqual([{ found: '3', is_new: 1 }])
      expect(await createTraceStore(store).getTrace(scope, oldTraceId)).toBeUndefined()
      expect((await createTraceStore(store).getTrace(scope, traceId))?.spans).toHaveLength(3)
    })
  })
}

const rangeOf = (log: string, firstOffset: number): RangeIdentity => ({
  partition: `${log}/0@5ea1c0ffee00`,
  firstOffset,
  lastOffset: firstOffset + 9,
})

/** Rows of a table; what a row does not name is zero or empty. */
const columnsOf = <Table extends PhysicalTable>(
  table: Table,
  rows: readonly Partial<TableRow<Table>>[],
): Columns => {
  const columns = physicalTables[table]()
  for (const row of rows)
    for (const [name, column] of Object.entries(columns)) {
      const value = (row as Record<string, unknown>)[name] ?? emptyOf(column.type)
      ;(column.push as (value: unknown) => void).call(column, value)
    }
  return columns
}

const emptyOf = (type: string): unknown => {
  const fixedLength = /^FixedString\((\d+)\)$/.exec(type)?.[1]
  if (fixedLength !== undefined) return new Uint8Array(Number(fixedLength))
  if (/^(Array|Map)\(/.test(type)) return []
  if (/^U?Int64$/.test(type) || type.startsWith('DateTime64(9')) return 0n
  if (type === 'Bool') return false
  return type.endsWith('String') || type.endsWith('String)') ? '' : 0
}

const resources = (nowNanos: bigint): Columns =>
  columnsOf('resources', [
    {
      tenant: scope.tenant,
      resource_id: resourceId,
      attributes: [
        ['service.name', 'checkout'],
        ['k8s.pod.name', 'checkout-1'],
      ],
      seen_at: Number(nowNanos / 1_000_000_000n),
    },
  ])

const blockOf = (table: RangeTable, day: bigint, columns: Columns): RangeBlock => ({
  table,
  day: Number(day),
  rowCount: Object.values(columns)[0]?.rowCount ?? 0,
  columns,
})

const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex')

const spansBlock = (day: bigint, trace: string, startNanos: bigint): RangeBlock => {
  const root = '1'.repeat(16)
  const common = {
    tenant: scope.tenant,
    resource_id: resourceId,
    service_name: 'checkout',
    trace_id: bytes(trace),
    ingested_at: Number(startNanos / 1_000_000n),
  }
  const columns = columnsOf('spans', [
    {
      ...common,
      span_ids: bytes(root + '0'.repeat(16)),
      name: 'POST /checkout',
      kind: 2,
      start_time: startNanos,
      duration_nanos: 9_000_000n,
    },
    {
      ...common,
      span_ids: bytes('3'.repeat(16) + root),
      name: 'save order',
      kind: 1,
      start_time: startNanos + 2000n,
      duration_nanos: 2_000_000n,
    },
    {
      ...common,
      span_ids: bytes('2'.repeat(16) + root),
      name: 'charge card',
      kind: 3,
      start_time: startNanos + 1000n,
      duration_nanos: 5_000_000n,
      attributes: [['card', '결제 "✓"']],
    },
  ])
  return blockOf('spans', day, columns)
}

const logsBlock = (day: bigint, nanos: bigint): RangeBlock => {
  const common = {
    tenant: scope.tenant,
    resource_id: resourceId,
    service_name: 'checkout',
    trace_id: bytes(traceId),
    span_id: bytes('2'.repeat(16)),
    body_type: 's',
    ingested_at: Number(nanos / 1_000_000n),
  }
  const columns = columnsOf('log_records', [
    { ...common, time: nanos + 5000n, severity_number: 9, severity_text: 'INFO', body: 'retried' },
    {
      ...common,
      time: nanos + 1000n,
      severity_number: 17,
      severity_text: 'ERROR',
      body: 'card declined\nat charge',
    },
  ])
  return blockOf('log_records', day, columns)
}
