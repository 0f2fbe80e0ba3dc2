import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type Store, openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { sql } from '#storage/sql.ts'
import { atRest } from './at-rest.ts'
import { createCorpus, spansPerTrace } from './corpus.ts'
import { createWriting, recordsOf } from './fill-store.ts'
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
const nanosPerMilli = 1_000_000n

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
    const start = BigInt(startMillis + block * everyMillis) * nanosPerMilli
    const requests = corpus.nextExports(tracesPerBlock, start, everyMillis * Number(nanosPerMilli))
    return recordsOf('traces', requests, start)
  })
}

const folder = await mkdtemp(join(tmpdir(), 'aftertrace-bench-block-'))
const store = await openStore({ dataDir: folder, database: 'otel' })
try {
  await prepare(store)
  const records = makeRecords()
  const write = createWriting(store)
  const before = await cpuSecondsByThread(process.pid)
  const beganAt = performance.now()
  let rowCount = 0
  let writeMillis = 0
  for (const [block, ofBlock] of records.entries()) {
    await delay(Math.max(0, beganAt + block * everyMillis - performance.now()))
    const startedAt = performance.now()
    rowCount += await write('traces', ofBlock)
    writeMillis += performance.now() - startedAt
  }
  await atRest(store)
  const after = await cpuSecondsByThread(process.pid)
  process.stdout.write(
    `${rowCount} rows in ${blockCount} blocks, one every ${everyMillis} ms${options.without && `, without ${options.without}`}${options.setting.map((setting) => `, ${setting}`).join('')}; one is in after ${(writeMillis / blockCount).toFixed(0)} ms\n`,
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
