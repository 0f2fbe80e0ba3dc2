import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { decodeBatch } from '#collector/writer/decode-batch.ts'
import { createResourceRows } from '#collector/writer/resource-rows.ts'
import { silentLogger } from '#runtime/logger.ts'
import { type Store, openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrate.ts'
import { createRangeStore } from '#storage/range-store.ts'
import { sql } from '#storage/sql.ts'
import { createTraceStore } from '#storage/trace-store.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createCorpus, oneInThousand, serviceNames, spansPerTrace } from './corpus.ts'
import { exporterTracesColumns, exporterTracesTable } from './exporter-schema.ts'

/**
 * How spans lie and what reading them costs: fills the store with a seeded corpus through the writer's own path, lets
 * merges come to rest, and compares bytes and reads with the exporter's schema holding the same rows, in one run.
 *
 *     npm run bench:storage -- --spans 1000000 --hours 24
 */
const { values: options } = parseArgs({
  options: {
    spans: { type: 'string', default: '1000000' },
    hours: { type: 'string', default: '24' },
    reads: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
  },
})
const spanCount = Number(options.spans)
const readCount = Number(options.reads)
const spanNanos = BigInt(Number(options.hours)) * 3_600_000_000_000n
const tracesPerRange = 3000
const nanosPerDay = 86_400_000_000_000n

const fill = async (store: Store): Promise<{ traceIds: string[]; newestUnixNano: bigint }> => {
  const corpus = createCorpus(Number(options.seed))
  const rangeStore = createRangeStore(store, silentLogger)
  const resourceRows = createResourceRows(rangeStore)
  const rangeCount = Math.ceil(spanCount / spansPerTrace / tracesPerRange)
  const stepNanos = spanNanos / BigInt(rangeCount)
  // Whole days, so that every run has the same partitions.
  const firstUnixNano = ((BigInt(Date.now()) * 1_000_000n - spanNanos) / nanosPerDay) * nanosPerDay
  const traceIds: string[] = []
  for (let range = 0; range < rangeCount; range++) {
    const startUnixNano = firstUnixNano + BigInt(range) * stepNanos
    const requests = corpus.nextExports(tracesPerRange, startUnixNano, Number(stepNanos))
    const sample = requests[range % requests.length]?.resourceSpans[0]?.scopeSpans[0]?.spans[0]
    if (sample !== undefined) traceIds.push(Buffer.from(sample.traceId).toString('hex'))
    const records = requests.map((request, index) => ({
      offset: index,
      queuedAtMillis: Number((startUnixNano + stepNanos) / 1_000_000n),
      tenant: 'default',
      payload: encodeExportRequest('traces', request),
    }))
    const batch = decodeBatch('traces', records, (_record, error) => {
      throw error
    })
    await resourceRows.write(batch.resources(), records)
    const identity = { partition: 'bench/0', firstOffset: range, lastOffset: range }
    for (const block of batch.blocks()) await rangeStore.insertBlock(identity, 1, block)
    if (range % 20 === 0) process.stderr.write(`filled ${range + 1} of ${rangeCount} ranges\n`)
  }
  return { traceIds, newestUnixNano: firstUnixNano + spanNanos }
}

const atRest = async (store: Store): Promise<void> => {
  for (let quiet = 0; quiet < 20;) {
    const [row] = await store.query<{ merges: string }>(sql`SELECT count() AS merges FROM system.merges`)
    quiet = row?.merges === '0' ? quiet + 1 : 0
    await delay(250)
  }
}

const bytesOf = (store: Store) =>
  store.query<{ table: string; rows: string; bytes: string; parts: string }>(sql`
    SELECT table, sum(parts.rows) AS rows, sum(parts.bytes_on_disk) AS bytes, count() AS parts FROM system.parts AS parts
    WHERE active AND database = currentDatabase() AND parts.rows > 0 GROUP BY table ORDER BY sum(parts.bytes_on_disk) DESC`)

/** Milliseconds of each call, the first few left out: they fill the caches of marks and of the operating system. */
const timed = async (calls: readonly (() => Promise<unknown>)[]): Promise<number[]> => {
  const millis: number[] = []
  for (const call of calls) {
    const startedAt = performance.now()
    await call()
    millis.push(performance.now() - startedAt)
  }
  return millis.slice(Math.min(5, millis.length - 1)).toSorted((a, b) => a - b)
}

const print = (name: string, sorted: readonly number[]): void => {
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1)
  process.stdout.write(`${name.padEnd(58)} p50 ${at(0.5).padStart(7)} ms   p95 ${at(0.95).padStart(7)} ms\n`)
}

const dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-bench-storage-'))
const store = await openStore({ dataDir, database: 'otel' })
try {
  await migrate(store)
  const startedAt = performance.now()
  const { traceIds, newestUnixNano } = await fill(store)
  process.stderr.write(`filled in ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`)
  for (const indexes of ['none', 'bloom'] as const) {
    const table = `exporter_${indexes}`
    await store.command(sql.ownFile(exporterTracesTable(table, indexes)))
    await store.command(
      sql.ownFile(
        `INSERT INTO ${table} (${exporterTracesColumns}) SELECT ${exporterTracesColumns} FROM otel_traces SETTINGS max_partitions_per_insert_block = 0`,
      ),
    )
  }
  await atRest(store)

  const sizes = await bytesOf(store)
  const spans = Number(sizes.find(({ table }) => table === 'spans')?.rows ?? 1)
  process.stdout.write(
    `${spans} spans over ${options.hours} h, seed ${options.seed}; bytes per span after merges\n`,
  )
  for (const { table, rows, bytes, parts } of sizes)
    process.stdout.write(
      `${table.padEnd(58)} ${(Number(bytes) / spans).toFixed(1).padStart(7)}   ${rows} rows, ${parts} parts\n`,
    )

  const ids = Array.from({ length: readCount }, (_, index) => traceIds[(index * 7) % traceIds.length] ?? '')
  const traces = createTraceStore(store)
  const scope = { tenant: 'default' }
  print('trace by id, time unknown', await timed(ids.map((id) => () => traces.getTrace(scope, id))))
  for (const table of ['exporter_none', 'exporter_bloom'])
    print(
      `trace by id, ${table}`,
      await timed(
        ids
          .slice(0, table === 'exporter_none' ? 20 : readCount)
          .map(
            (id) => () =>
              store.query(
                sql`SELECT * FROM ${sql.identifier(table)} WHERE TraceId = ${sql.string(id)} ORDER BY Timestamp LIMIT 20000`,
              ),
          ),
      ),
    )
  const hour = { fromNanos: newestUnixNano - 3_600_000_000_000n, toNanos: newestUnixNano }
  const day = { fromNanos: newestUnixNano - spanNanos, toNanos: newestUnixNano }
  for (const [name, range] of [
    ['an hour', hour],
    ['the whole time', day],
  ] as const) {
    print(
      `newest 20 traces of a service with errors, ${name}`,
      await timed(
        serviceNames.map(
          (service) => () =>
            traces.searchTraces(scope, { range, filters: { service, status: 'error' }, limit: 20 }),
        ),
      ),
    )
    print(
      `newest 20 traces by an attribute (1 in 1000 spans), ${name}`,
      await timed(
        serviceNames.map(
          (_service, index) => () =>
            traces.searchTraces(scope, {
              range,
              filters: { attributes: [{ key: oneInThousand.key, value: oneInThousand.value(index * 31) }] },
              limit: 20,
            }),
        ),
      ),
    )
  }
} finally {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
}
