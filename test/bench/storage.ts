import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Store, openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { sql } from '#storage/sql.ts'
import { atRest } from './at-rest.ts'
import { exporterLogs, exporterMetrics, exporterTraces } from './exporter-schema.ts'
import { type Filled, fillStore } from './fill-store.ts'
import { compareLogSearch } from './storage/log-search.ts'
import { compareReaders } from './storage/reader-queries.ts'
import { compareRed } from './storage/red.ts'
import { printSizes } from './storage/sizes.ts'
import { compareTraces } from './storage/traces.ts'

/**
 * How telemetry lies and what reading it costs: fills a store with the seeded corpus through the writer's own path, copies
 * the same rows into the OpenTelemetry exporter's schema, lets merges come to rest, and compares bytes and reads in one run.
 *
 *     npm run bench:storage -- --spans 10000000 --hours 24
 *
 * With `--data FOLDER` what was filled is kept there and used again by the next run.
 */
const sections = { sizes: true, traces: true, red: true, logs: true, readers: true } as const
type Section = keyof typeof sections

const { values: options } = parseArgs({
  options: {
    spans: { type: 'string', default: '1000000' },
    hours: { type: 'string', default: '24' },
    'metric-minutes': { type: 'string', default: '10' },
    reads: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    data: { type: 'string' },
    only: { type: 'string', default: Object.keys(sections).join(',') },
  },
})

const filling = {
  spanCount: Number(options.spans),
  hours: Number(options.hours),
  metricMinutes: Number(options['metric-minutes']),
  seed: Number(options.seed),
}

const fillAll = async (store: Store): Promise<Filled> => {
  await migrate(store)
  const startedAt = performance.now()
  const filled = await fillStore(store, filling)
  process.stderr.write(`filled in ${((performance.now() - startedAt) / 1000).toFixed(0)} s\n`)
  const tables = [
    ...(['none', 'bloom', 'text'] as const).map(exporterTraces),
    exporterLogs(),
    ...exporterMetrics(),
  ]
  for (const { name, create, view, columns } of tables) {
    const list = columns.join(', ')
    await store.command(sql.ownFile(create))
    await store.command(
      sql.ownFile(
        `INSERT INTO ${name} (${list}) SELECT ${list} FROM ${view} SETTINGS max_partitions_per_insert_block = 0, max_execution_time = 0`,
      ),
    )
    process.stderr.write(`copied into ${name}\n`)
  }
  await atRest(store)
  return filled
}

/** What a folder was filled with, so that a later run does not measure something else. */
const openFilled = async (folder: string): Promise<{ store: Store; filled: Filled }> => {
  await mkdir(folder, { recursive: true })
  const note = join(folder, 'filled.json')
  const known = await readFile(note, 'utf8').catch(() => undefined)
  const store = await openStore({ dataDir: folder, database: 'otel' })
  if (known === undefined) {
    const filled = await fillAll(store)
    await writeFile(
      note,
      JSON.stringify({ filling, filled }, (_key, value: unknown) => bigText(value)),
    )
    return { store, filled }
  }
  const { filling: before, filled } = JSON.parse(known) as { filling: unknown; filled: FilledText }
  if (JSON.stringify(before) !== JSON.stringify(filling))
    throw new Error(`${folder} was filled with ${JSON.stringify(before)}: choose another folder`)
  return {
    store,
    filled: { ...filled, fromNanos: BigInt(filled.fromNanos), toNanos: BigInt(filled.toNanos) },
  }
}
interface FilledText {
  traceIds: string[]
  fromNanos: string
  toNanos: string
}
const bigText = (value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

const folder = options.data ?? (await mkdtemp(join(tmpdir(), 'aftertrace-bench-storage-')))
const { store, filled } = await openFilled(folder)
try {
  const chosen = new Set(options.only.split(',') as Section[])
  const setup = { store, filled, readCount: Number(options.reads), hours: filling.hours }
  process.stdout.write(
    `${filling.spanCount} spans over ${filling.hours} h, metrics of ${filling.metricMinutes} minutes, seed ${filling.seed}\n`,
  )
  if (chosen.has('sizes')) await printSizes(setup)
  if (chosen.has('traces')) await compareTraces(setup)
  if (chosen.has('red')) await compareRed(setup)
  if (chosen.has('logs')) await compareLogSearch(setup)
  if (chosen.has('readers')) await compareReaders(setup)
} finally {
  await store.close()
  if (options.data === undefined) await rm(folder, { recursive: true, force: true })
}
