import { sql } from '#storage/sql.ts'
import { grafanaQueries } from '../../fixtures/reader-queries/grafana.ts'
import { hyperdxQueries } from '../../fixtures/reader-queries/hyperdx.ts'
import type { ReaderParameters } from '../../fixtures/reader-queries/reader-query.ts'
import { wordOneInThousand } from '../corpus.ts'
import { type Setup, printHeading, printTimes, repeat, timed } from './measuring.ts'

const readsEach = 8
const nanosPerHour = 3_600_000_000_000n

/** What Grafana's ClickHouse plugin and HyperDX send to the views, over the last hour, the slowest first. */
export const compareReaders = async (setup: Setup): Promise<void> => {
  printHeading(`statements of Grafana and HyperDX on the views, the last hour, ${readsEach} times each`)
  const parameters = await chosen(setup)
  const times: { name: string; sorted: number[] }[] = []
  for (const { reader, screen, sql: statement } of [
    ...grafanaQueries(parameters),
    ...hyperdxQueries(parameters),
  ]) {
    const sorted = await timed(
      setup.store,
      repeat(readsEach, () => setup.store.query(statement)),
    )
    times.push({ name: `${reader}: ${screen}`, sorted })
  }
  for (const { name, sorted } of times.toSorted((a, b) => (b.sorted[0] ?? 0) - (a.sorted[0] ?? 0)))
    printTimes(name, sorted)
}

/** A user's choices that match something: an error span of the last hour and what stands around it. */
const chosen = async ({ store, filled }: Setup): Promise<ReaderParameters> => {
  const from = filled.toNanos - nanosPerHour
  const [span] = await store.query<Record<'trace' | 'span' | 'service' | 'operation' | 'pod', string>>(sql`
    SELECT TraceId AS trace, SpanId AS span, ServiceName AS service, SpanName AS operation, ResourceAttributes['k8s.pod.name'] AS pod
    FROM otel_traces WHERE Timestamp >= ${sql.dateTime64(from)} AND StatusCode = 'Error' LIMIT 1`)
  const [log] = await store.query<{ time: string; key: string; value: string }>(sql`
    SELECT toString(toUnixTimestamp64Nano(Timestamp)) AS time, mapKeys(LogAttributes)[1] AS key, mapValues(LogAttributes)[1] AS value
    FROM otel_logs WHERE Timestamp >= ${sql.dateTime64(from)} AND notEmpty(LogAttributes) LIMIT 1`)
  const nameOf = async (table: string): Promise<string> => {
    const [row] = await store.query<{ name: string }>(
      sql`SELECT metric_name AS name FROM ${sql.identifier(table)} LIMIT 1`,
    )
    return row?.name ?? ''
  }
  if (span === undefined || log === undefined) throw new Error('nothing to read in the last hour')
  return {
    database: store.database,
    from,
    to: filled.toNanos,
    bucketSeconds: 60,
    sampleOneIn: 10,
    service: span.service,
    operation: span.operation,
    pod: span.pod,
    traceId: span.trace,
    spanId: span.span,
    logTime: BigInt(log.time),
    word: wordOneInThousand.word(1),
    phrase: wordOneInThousand.word(1),
    operationWord: span.operation.split(/[^a-z]+/i)[0] ?? '',
    spanAttribute: { key: 'http.request.method', value: 'GET' },
    logAttribute: { key: log.key, value: log.value },
    statement: '',
    gauge: await nameOf('metric_gauge_points'),
    sum: await nameOf('metric_sum_points'),
    histogram: await nameOf('metric_histogram_points'),
    exponentialHistogram: await nameOf('metric_exp_histogram_points'),
  }
}
