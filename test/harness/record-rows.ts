/**
 * Records the rows that this program makes of the sample exports, one file per physical table, so that later programs can
 * be tested on them. To be run once when a schema is released; a later program writes other rows.
 *
 *     UV_THREADPOOL_SIZE=16 node test/harness/record-rows.ts test/fixtures/NAME
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openLocalLog } from '#collector/queue/local-log.ts'
import { createDeadLetters } from '#collector/writer/dead-letters.ts'
import { createWriter } from '#collector/writer/writer.ts'
import { createLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { type Store, openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { createRangeStore } from '#storage/range-store.ts'
import { type Sql, sql } from '#storage/sql.ts'
import { signals } from '#telemetry/otlp/messages.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { eventually } from './eventually.ts'
import { sampleDays } from './sample-exports.ts'

const writtenMillisMax = 30_000

/** Each day's exports through the real queue and writer, at that day's time. */
const fill = async (store: Store, dataDir: string): Promise<void> => {
  const logger = createLogger({ name: 'record-rows', level: 'warn' })
  const selfMetrics = createSelfMetrics()
  let nowMillis = 0
  const queue = await openLocalLog({ dataDir, logger, now: () => nowMillis })
  const writer = createWriter({
    queue,
    store: createRangeStore(store, logger),
    deadLetters: createDeadLetters({ dataDir, logger }),
    logger,
    selfMetrics,
    gatherMillis: 10,
  })
  writer.start()
  for (const { queuedAtMillis, exports } of sampleDays()) {
    nowMillis = queuedAtMillis
    for (const { signal, tenant, request } of exports)
      await queue.append(signal, { tenant, payload: encodeExportRequest(signal, request) })
    await eventually(() => {
      if (signals.some((signal) => queue.partition(signal).lag().recordsBehind > 0))
        throw new Error(writer.failure() ?? 'not yet written')
    }, writtenMillisMax)
  }
  await writer.stop()
  await queue.close()
  await selfMetrics.stop()
}

/** Of the columns that are stored as they were inserted; those that the engine computes follow from them. */
const record = async (store: Store, folder: string): Promise<void> => {
  const tables = await store.query<{ table: string; columns: string[]; key: string }>(sql`
    SELECT table, groupArray(columns.name) AS columns, any(tables.sorting_key) AS key FROM
      (SELECT table, name FROM system.columns WHERE database = currentDatabase() AND default_kind = '' ORDER BY position) AS columns
    INNER JOIN system.tables AS tables ON tables.name = columns.table AND tables.database = currentDatabase()
    WHERE tables.engine LIKE '%MergeTree' AND table NOT LIKE 'schema_%' GROUP BY table ORDER BY table`)
  for (const { table, columns, key } of tables) {
    const list = sql.join(columns.map(sql.identifier), sql`, `)
    const file = join(folder, `${table}.native.gz`)
    await rm(file, { force: true })
    await store.command(
      sql`INSERT INTO FUNCTION file(${sql.string(file)}, 'Native') SELECT ${list} FROM ${sql.identifier(table)} ORDER BY ${keyOf(key)} SETTINGS max_threads = 1`,
    )
    const [row] = await store.query<{ rows: string }>(
      sql`SELECT count() AS rows FROM ${sql.identifier(table)}`,
    )
    process.stdout.write(`${table}: ${row?.rows ?? '?'} rows\n`)
  }
}

/** A key is our own schema's text, as the engine gives it back. */
const keyOf = (key: string): Sql => sql.ownFile(key)

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('name the folder of the fixture, such as test/fixtures/first-light')
await mkdir(folder, { recursive: true })
const dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-record-'))
const store = await openStore({ dataDir, database: 'otel' })
try {
  await migrate(store)
  await fill(store, dataDir)
  await record(store, resolve(folder))
} finally {
  await store.close()
  await rm(dataDir, { recursive: true, force: true })
}
