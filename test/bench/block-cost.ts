import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { decodeBatch } from '#collector/writer/decode-batch.ts'
import { createResourceRows } from '#collector/writer/resource-rows.ts'
import { silentLogger } from '#runtime/logger.ts'
import { type Store, openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { createRangeStore } from '#storage/range-store.ts'
import { sql } from '#storage/sql.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { createCorpus, spansPerTrace } from './corpus.ts'
import { cpuSecondsByThread } from './process-usage.ts'

/**
 * What a block of spans costs the engine by its size, at a steady pace, and how much of that its materialised views and its
 * merges are: blocks of the corpus go through the writer's own path, and CPU is told by thread.
 *
 *     npm run bench:block -- --rows 10000 --every 500
 *     npm run bench:block -- --rows 10000 --every 500 --without tiers --setting merge_selector_base=12
 */
const { values: options } = parseArgs({
  options: {
    blocks: { type: 'string', default: '40' },
    rows: { type: 'string', default: '10000' },
    /** Milliseconds from one block to the next. */
    every: { type: 'string', default: '500' },
    /** `tiers`: no rollups are added up; `views`: nothing is derived. */
    without: { type: 'string', default: '' },
    /** A setting of MergeTree for all tables that spans come into, such as `merge_selector_base=12`. */
    setting: { type: 'string', multiple: true, default: [] },
  },
})
const blockCount = Number(options.blocks)
const everyMillis = Number(options.every)
const nanosPerMilli = 1_000_000

const tiers = ['10s', '1m', '1h'].flatMap((tier) => [`operation_red_${tier}`, `service_red_${tier}`])
const tables = ['spans', 'span_search', 'resource_sightings', ...tiers]
const viewsWithout: Readonly<Record<string, readonly string[]>> = {
  '': [],
  tiers: tiers.map((table) => `${table}_from_red_additions`),
  views: ['resource_sightings_from_spans', 'span_search_from_spans', 'red_additions_from_spans'],
}

const prepare = async (store: Store): Promise<void> => {
  await migrate(store)
  const views = viewsWithout[options.without]
  if (views === undefined) throw new Error(`--without takes ${Object.keys(viewsWithout).join(', ')}`)
  for (const view of views) await store.command(sql`DROP TABLE ${sql.identifier(view)}`)
  for (const setting of options.setting)
    for (const table of tables)
      await store.command(sql`ALTER TABLE ${sql.identifier(table)} MODIFY SETTING ${sql.ownFile(setting)}`)
}

const makeRecords = () => {
  const corpus = createCorpus(1)
  const startMillis = Date.now()
  const tracesPerBlock = Math.ceil(Number(options.rows) / spansPerTrace)
  return Array.from({ length: blockCount }, (_, block) => {
    const queuedAtMillis = startMillis + block * everyMillis
    const start = BigInt(queuedAtMillis) * BigInt(nanosPerMilli)
    return corpus.nextExports(tracesPerBlock, start, everyMillis * nanosPerMilli).map((request, offset) => ({
      offset,
      queuedAtMillis,
      tenant: 'default',
      payload: encodeExportRequest('traces', request),
    }))
  })
}

const untilAtRest = async (store: Store): Promise<void> => {
  for (let quiet = 0; quiet < 12; await delay(250)) {
    const [row] = await store.query<{ merges: string }>(sql`SELECT count() AS merges FROM system.merges`)
    quiet = row?.merges === '0' ? quiet + 1 : 0
  }
}

const folder = await mkdtemp(join(tmpdir(), 'aftertrace-bench-block-'))
const store = await openStore({ dataDir: folder, database: 'otel' })
try {
  await prepare(store)
  const records = makeRecords()
  const rangeStore = createRangeStore(store, silentLogger)
  const resourceRows = createResourceRows(rangeStore)
  const before = await cpuSecondsByThread(process.pid)
  const beganAt = performance.now()
  let rowCount = 0
  let insertMillis = 0
  for (const [block, ofBlock] of records.entries()) {
    await delay(Math.max(0, beganAt + block * everyMillis - performance.now()))
    const batch = await decodeBatch('traces', ofBlock, (_record, error) => {
      throw error
    })
    await resourceRows.write(batch.resources(), ofBlock)
    const identity = { partition: 'otlp_traces/0@5ea1c0ffee00', firstOffset: block, lastOffset: block }
    const startedAt = performance.now()
    for (const ofDay of batch.blocks()) {
      await rangeStore.insertBlock(identity, 1, ofDay)
      rowCount += ofDay.rowCount
    }
    insertMillis += performance.now() - startedAt
  }
  await untilAtRest(store)
  const after = await cpuSecondsByThread(process.pid)
  process.stdout.write(
    `${rowCount} rows in ${blockCount} blocks, one every ${everyMillis} ms${options.without && `, without ${options.without}`}${options.setting.map((setting) => `, ${setting}`).join('')}; an insert takes ${(insertMillis / blockCount).toFixed(0)} ms\n`,
  )
  for (const [thread, seconds] of after) {
    const micros = ((seconds - (before.get(thread) ?? 0)) / rowCount) * 1e6
    if (micros >= 0.1)
      process.stdout.write(`${thread.padEnd(20)} ${micros.toFixed(1).padStart(6)} µs of CPU a row\n`)
  }
} finally {
  await store.close()
  await rm(folder, { recursive: true, force: true })
}
