import { cp, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { samplingThreshold } from '#telemetry/sampling.ts'
import { openFirstLightStore } from '../../test/harness/first-light.ts'
import { trialMigrations, trialVersion } from '../../test/harness/trial-migration.ts'
import { type ViewSums, readViewSums, rowViews } from '../../test/harness/view-sums.ts'
import { type Store, openStore } from '../connection.ts'
import { readMigrations } from './known-migrations.ts'
import { migrate, planMigrations } from './migrate.ts'
import { type Migration, type MigrationStep, statements } from './migration.ts'
import { type RowMove, moveRows } from './move-rows.ts'
import { type Sql, sql } from '../sql.ts'

let folder: string
/** A closed data folder as First light left it, to be copied. */
let firstLight: string
let firstLightSums: ViewSums
/** The same with only some days of spans in it, for what is repeated often. */
let small: string
let smallSums: ViewSums
let migrations: Migration[]
let open: Store | undefined
let copyCount = 0

beforeAll(async () => {
  folder = await mkdtemp(join(inject('sharedFolder'), 'migrate-'))
  firstLight = join(folder, 'first-light')
  small = join(folder, 'small')
  migrations = await trialMigrations()
  const store = await openFirstLightStore(firstLight)
  firstLightSums = await readViewSums(store, rowViews)
  await store.close()
  await cp(firstLight, small, { recursive: true })
  const pruned = await openStore({ dataDir: small, database: 'otel' })
  for (const day of ['20261114', '20261115', '20261118', '20261119'])
    await pruned.command(sql`ALTER TABLE spans DROP PARTITION ID ${sql.string(day)}`)
  for (const table of ['log_records', 'metric_gauge_points', 'metric_sum_points', 'metric_histogram_points'])
    await pruned.command(sql`TRUNCATE TABLE ${sql.identifier(table)}`)
  smallSums = await readViewSums(pruned, ['otel_traces'])
  await pruned.close()
})
afterEach(async () => {
  await open?.close()
  open = undefined
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A copy of its own for each test. The engine has one folder at a time, so the one before is closed. */
const openCopy = async (template: string): Promise<Store> => {
  await open?.close()
  const dataDir = join(folder, `copy-${copyCount++}`)
  await cp(template, dataDir, { recursive: true })
  open = await openStore({ dataDir, database: 'otel' })
  return open
}

const openEmpty = async (): Promise<Store> => {
  await open?.close()
  open = await openStore({ dataDir: join(folder, `copy-${copyCount++}`), database: 'otel' })
  return open
}

const tableNames = async (store: Store): Promise<string[]> => {
  const rows = await store.query<{ name: string }>(
    sql`SELECT name FROM system.tables WHERE database = 'otel' ORDER BY name`,
  )
  return rows.map(({ name }) => name)
}
const expectNothingLeft = async (store: Store): Promise<void> =>
  expect((await tableNames(store)).filter((name) => /_(before|after|staging)_/.test(name))).toEqual([])
const sortingKey = async (store: Store, table: string): Promise<string> => {
  const [row] = await store.query<{ key: string }>(
    sql`SELECT sorting_key AS key FROM system.tables WHERE database = 'otel' AND name = ${sql.string(table)}`,
  )
  return row?.key ?? ''
}
const count = async (store: Store, from: Sql): Promise<number> => {
  const [row] = await store.query<{ rows: string }>(sql`SELECT count() AS rows FROM ${from}`)
  return Number(row?.rows)
}

/** A migration that moves spans, and no more. */
const moving = (move: Partial<RowMove> & Pick<RowMove, 'create'>): Migration => ({
  version: trialVersion,
  name: '003-moving.ts',
  steps: [
    statements('drop', sql`DROP VIEW IF EXISTS resource_sightings_from_spans`),
    moveRows({ table: 'spans', ...move }),
  ],
})

const createSpans = (name: Sql, { order = 'tenant', partition = 'toDate(start_time)', column = '' }): Sql =>
  column === ''
    ? sql`CREATE TABLE ${name} AS spans_before_3 ENGINE = MergeTree PARTITION BY ${sql.ownFile(partition)} ORDER BY (${sql.ownFile(order)})`
    : sql`CREATE TABLE ${name} (start_time DateTime64(9, 'UTC'), tenant String, ${sql.ownFile(column)}) ENGINE = MergeTree PARTITION BY ${sql.ownFile(partition)} ORDER BY ${sql.ownFile(order)}`

const withOrder =
  (order: string): RowMove['create'] =>
  (name) =>
    createSpans(name, { order })
const withPartition =
  (partition: string): RowMove['create'] =>
  (name) =>
    createSpans(name, { partition })
const withColumn =
  (column: string): RowMove['create'] =>
  (name) =>
    createSpans(name, { column })

describe('a new store', () => {
  it('gets every migration once, in order', async () => {
    const store = await openEmpty()
    const names = (await readMigrations()).map(({ name }) => name)
    expect(names.slice(0, 2)).toEqual(['001-first-light.sql', '002-exporter-views.sql'])
    expect(await migrate(store)).toEqual({ applied: names })
    expect(await migrate(store)).toEqual({ applied: [] })
    expect(await planMigrations(store)).toEqual([])
  })

  it('gets a migration that moves rows, though it has none', async () => {
    const store = await openEmpty()
    const { applied } = await migrate(store, { migrations })
    expect(applied.at(-1)).toBe('003-trial.ts')
    expect(await sortingKey(store, 'spans')).toBe('tenant, name, toStartOfHour(start_time), trace_key')
    await expectNothingLeft(store)
  })

  it('that is not there yet is planned without being made', async () => {
    const store = await openEmpty()
    expect((await planMigrations(store, { migrations })).map(({ version }) => version)).toEqual([1, 2, 3])
    expect(await tableNames(store)).toEqual([])
  })
})

describe('a database with rows of First light', () => {
  it('has every row after the migrations of this program', async () => {
    const store = await openCopy(firstLight)
    await migrate(store)
    expect(await readViewSums(store, rowViews, firstLightSums)).toEqual(firstLightSums)
  })

  it('has the services of its rows when power was lost while they moved', async () => {
    const store = await openCopy(firstLight)
    await killAt(store, 'INSERT INTO `log_records_staging', await readMigrations())
    // The engine Join does not sync what it keeps.
    await store.command(sql`TRUNCATE TABLE resource_services_003`)
    await migrate(store)
    expect(await readViewSums(store, rowViews, firstLightSums)).toEqual(firstLightSums)
  })

  it('has the sampling thresholds of its spans, as the writer reads them', async () => {
    const store = await openCopy(firstLight)
    const kept = ['ot=th:8', 'ot=th:c', 'ot=th:ffffffffffffff', 'ot=th:8 ,a=b', 'a=b, ot=rv:1;th:4;p:1,x=y']
    const always = ['', 'ot=th:0', 'ot=th:fffffffffffffff', 'ot=th:8x', 'ot=th:A', 'ot=th:', 'ot=rv:1']
    const others = ['a=th:8', 'xot=th:8', 'OT=th:8', 'ot=xth:8', 'ot=rv:1;th:4,ot=th:8']
    const states = [...kept, ...always, ...others]
    for (const [index, state] of states.entries())
      await store.command(
        sql`INSERT INTO spans (tenant, start_time, name, flags, trace_state) VALUES ('sampled', '2026-11-21 00:00:00', 'a', ${sql.uint64(index)}, ${sql.string(state)})`,
      )
    await migrate(store)
    const rows = await store.query<{ trace_state: string; threshold: string }>(
      sql`SELECT trace_state, toString(sampling_threshold) AS threshold FROM spans WHERE tenant = 'sampled' ORDER BY flags`,
    )
    expect(rows).toEqual(
      states.map((state) => ({ trace_state: state, threshold: String(samplingThreshold(state)) })),
    )
  })

  it('has every row of each view on each day after its tables got another order, and new columns are filled', async () => {
    const store = await openCopy(firstLight)
    expect(await migrate(store, { migrations })).toEqual({ applied: ['003-trial.ts'] })
    expect(await readViewSums(store, rowViews, firstLightSums)).toEqual(firstLightSums)
    expect(firstLightSums['otel_traces']?.days).toHaveLength(6)
    expect(await sortingKey(store, 'spans')).toBe('tenant, name, toStartOfHour(start_time), trace_key')
    expect(await count(store, sql`spans WHERE trace_key != cityHash64(trace_id)`)).toBe(0)
    expect(await sortingKey(store, 'log_records')).toBe('tenant, resource_id, time')
    expect(await count(store, sql`log_records WHERE shard != concat('s', toString(severity_number))`)).toBe(0)
    await expectNothingLeft(store)
  })

  it('derives from new rows again, and is refused while a view still reads the table that moves', async () => {
    const store = await openCopy(firstLight)
    const [, ...withoutDrop] = migrations.at(-1)?.steps ?? []
    const careless = [
      ...migrations.slice(0, 2),
      { version: trialVersion, name: 'careless', steps: withoutDrop },
    ]
    await expect(migrate(store, { migrations: careless })).rejects.toThrow('resource_sightings_from_spans')
    await migrate(store, { migrations })
    const before = await count(store, sql`resource_sightings`)
    await store.command(
      sql`INSERT INTO spans (tenant, resource_id, start_time, name) VALUES ('new', 1, '2026-11-21 00:00:00', 'a')`,
    )
    expect(await count(store, sql`resource_sightings`)).toBe(before + 1)
  })

  it('has every row of a part that is too large for one statement', async () => {
    const store = await openEmpty()
    const rows = 2_300_000
    const table = (name: Sql, order: string): Sql =>
      sql`CREATE TABLE ${name} (day Date, a UInt64) ENGINE = MergeTree PARTITION BY day ORDER BY ${sql.ownFile(order)}`
    const first: Migration = { version: 1, name: '001', steps: [statements('table', table(sql`work`, 'a'))] }
    await migrate(store, { migrations: [first] })
    await store.command(
      sql`INSERT INTO work SELECT '2026-11-20', number FROM numbers(${sql.uint64(rows)}) SETTINGS max_insert_block_size = 10000000, min_insert_block_size_rows = 10000000, min_insert_block_size_bytes = 1000000000`,
    )
    expect(await count(store, sql`system.parts WHERE active AND table = 'work'`)).toBe(1)
    const steps = [moveRows({ table: 'work', create: (name) => table(name, 'cityHash64(a)') })]
    const made: string[] = []
    const watched = withCommand(store, ({ text }) => void made.push(text))
    await migrate(watched, { migrations: [first, { version: 2, name: '002', steps }] })
    expect(made.filter((text) => text.includes('INSERT INTO `work_staging'))).toHaveLength(3)
    expect(
      await store.query(sql`SELECT uniqExact(a) AS numbers, count() AS rows, max(a) AS last FROM work`),
    ).toEqual([{ numbers: String(rows), rows: String(rows), last: String(rows - 1) }])
  })

  it('has every row where merges may not be stopped and go on while rows are copied', async () => {
    const store = await openEmpty()
    const table = (name: Sql, order: string): Sql =>
      sql`CREATE TABLE ${name} (a UInt64, b UInt64) ENGINE = ReplacingMergeTree ORDER BY ${sql.ownFile(order)}`
    const first: Migration = { version: 1, name: '001', steps: [statements('table', table(sql`work`, 'a'))] }
    await migrate(store, { migrations: [first] })
    const rowsOfPart = 600_000
    // Each too large for one statement with the other.
    for (const start of [0, rowsOfPart])
      await store.command(
        sql`INSERT INTO work SELECT number, 0 FROM numbers(${sql.uint64(start)}, ${sql.uint64(rowsOfPart)})`,
      )
    let copies = 0
    const merging: Store = {
      ...store,
      command: async (statement) => {
        if (statement.text.includes('SYSTEM STOP MERGES'))
          throw Object.assign(new Error('Not enough privileges'), { code: '497' })
        if (statement.text.includes('INSERT INTO `work_staging') && ++copies === 2)
          await store.command(sql`OPTIMIZE TABLE work_before_2 FINAL`)
        await store.command(statement)
      },
    }
    const steps = [moveRows({ table: 'work', create: (name) => table(name, '(a, b)') })]
    await migrate(merging, { migrations: [first, { version: 2, name: '002', steps }] })
    expect(await store.query(sql`SELECT uniqExact(a) AS numbers FROM work`)).toEqual([
      { numbers: String(2 * rowsOfPart) },
    ])
  })

  it('is planned with the rows and bytes that would move', async () => {
    const store = await openCopy(firstLight)
    const [planned] = await planMigrations(store, { migrations })
    expect(planned?.moves).toMatchObject([
      { table: 'spans', partitionCount: 6, rowCount: 444 },
      { table: 'log_records', partitionCount: 4, rowCount: 444 },
    ])
    expect(planned?.moves[0]?.byteCount).toBeGreaterThan(10_000)
    expect(planned?.bytesFree).toBeGreaterThan(planned?.bytesNeeded ?? 0)
    expect(await sortingKey(store, 'spans')).toContain('span_id')
  })

  it('is left as it is where the disk has no room, with the bytes that are needed and free', async () => {
    const store = await openCopy(small)
    const spacious = migrations.with(2, moving({ create: withOrder('tenant'), growth: 1e12 }))
    await expect(migrate(store, { migrations: spacious })).rejects.toThrow(
      /needs \d{15,} bytes of free disk space to move rows, and \d+ are free/,
    )
    expect(await readViewSums(store, ['otel_traces'])).toEqual(smallSums)
    expect(await tableNames(store)).toContain('spans')
  })
})

describe('a migration that is killed', () => {
  it('between any two statements is taken up again without a row lost or doubled', async () => {
    const [trial] = migrations.slice(2)
    // Moving a second table adds nothing here but time.
    const steps = trial?.steps.filter(({ name }) => name !== 'move the rows of log_records') ?? []
    const shorter = migrations.with(2, { version: trialVersion, name: '003-shorter.ts', steps })
    let statementsMade = 0
    for (let isComplete = false; !isComplete; statementsMade++) {
      const store = await openCopy(small)
      isComplete = await migrate(killedAfter(store, statementsMade), { migrations: shorter }).then(
        () => true,
        (error: unknown) => {
          if (!(error instanceof Killed)) throw error
          return false
        },
      )
      await migrate(store, { migrations: shorter })
      expect(await readViewSums(store, ['otel_traces'], smallSums)).toEqual(smallSums)
      expect(await sortingKey(store, 'spans')).toContain('trace_key')
      await expectNothingLeft(store)
    }
    expect(statementsMade).toBeGreaterThan(25)
  }, 240_000)

  it('does not run a step again that is recorded', async () => {
    const store = await openEmpty()
    const runs: string[] = []
    let isFailing = true
    const step = (name: string): MigrationStep => ({
      name,
      run: async () => {
        runs.push(name)
        if (name === 'second' && isFailing) throw new Killed()
      },
    })
    const steps = ['first', 'second', 'third'].map(step)
    const counted: Migration[] = [{ version: 1, name: '001-counted.ts', steps }]
    await expect(migrate(store, { migrations: counted })).rejects.toThrow(Killed)
    isFailing = false
    expect(await migrate(store, { migrations: counted })).toEqual({ applied: ['001-counted.ts'] })
    expect(runs).toEqual(['first', 'second', 'second', 'third'])
  })

  it('while a partition was being dropped does not take the rest for all of it', async () => {
    const store = await openCopy(small)
    await killAt(store, 'ALTER TABLE `spans_before_3` DROP PARTITION')
    const [part] = await store.query<{ name: string }>(
      sql`SELECT name FROM system.parts WHERE active AND table = 'spans_before_3' AND partition_id = '20261117' LIMIT 1`,
    )
    await store.command(sql`ALTER TABLE spans_before_3 DROP PART ${sql.string(part?.name ?? '')}`)
    await migrate(store, { migrations })
    expect(await readViewSums(store, ['otel_traces'], smallSums)).toEqual(smallSums)
  })

  it('while a partition was being put in place does not keep the part of it that was there', async () => {
    const store = await openCopy(small)
    await killAt(store, 'ALTER TABLE `spans_after_3` REPLACE PARTITION')
    await store.command(
      sql`INSERT INTO spans_after_3 (tenant, start_time, name) SELECT tenant, start_time, name FROM spans_before_3 WHERE _partition_id = '20261117' LIMIT 5`,
    )
    await migrate(store, { migrations })
    expect(await readViewSums(store, ['otel_traces'], smallSums)).toEqual(smallSums)
  })
})

describe('a mistake in a migration', () => {
  it.each([
    [
      'a column that nothing fills',
      { create: withColumn('extra String') },
      'what fills the new column extra',
    ],
    [
      'a column that is not there',
      { columns: { nowhere: sql`1` } },
      'columns are to be filled that are not there: nowhere',
    ],
    [
      'another partitioning',
      { create: withPartition('toMonday(start_time)') },
      'partition the new table as the old',
    ],
    ['rows left out', { columns: { name: sql`throwIf(name != '', 'no')` } }, 'no'],
  ] as [string, Partial<RowMove>, string][])('is told and loses nothing: %s', async (_, mistake, message) => {
    const store = await openCopy(small)
    const wrong = moving({ create: withOrder('tenant'), ...mistake })
    await expect(migrate(store, { migrations: migrations.with(2, wrong) })).rejects.toThrow(message)
    const right = moving({ create: withOrder('tenant, start_time') })
    await migrate(store, { migrations: migrations.with(2, right) })
    expect(await readViewSums(store, ['otel_traces'])).toEqual(smallSums)
  })
})

describe('the schema of a newer program', () => {
  it('is refused with what to do, also when only planned', async () => {
    const store = await openCopy(small)
    await migrate(store, { migrations })
    const older = migrations.slice(0, 2)
    await expect(migrate(store, { migrations: older })).rejects.toThrow(
      'has schema 3, but this program knows only 2: use the program that wrote it or a newer one',
    )
    await expect(planMigrations(store, { migrations: older })).rejects.toThrow('schema 3')
  })
})

describe('processes that start at once', () => {
  it('migrate once', async () => {
    const store = await openCopy(small)
    const { dataDir } = latestCopy()
    const others = await Promise.all([1, 2].map(() => openStore({ dataDir, database: 'otel' })))
    const outcomes = await Promise.all(
      [store, ...others].map((each) => migrate(each, { migrations, lockTimes: { pollMillis: 20 } })),
    )
    expect(outcomes.flatMap(({ applied }) => applied)).toEqual(['003-trial.ts'])
    expect(await count(store, sql`schema_version WHERE version = 3`)).toBe(1)
    expect(await readViewSums(store, ['otel_traces'])).toEqual(smallSums)
    for (const other of others) await other.close()
  })
})

const latestCopy = (): { dataDir: string } => ({ dataDir: join(folder, `copy-${copyCount - 1}`) })

class Killed extends Error {}

/** Statements made under the lock, and then none any more: what is left of the database when the process dies there. */
const killedAfter = (store: Store, statementsMax: number): Store => {
  let made = 0
  return withCommand(store, (statement) => {
    if (made === statementsMax) throw new Killed(`killed before ${statement.text.slice(0, 100)}`)
    made += 1
  })
}

const killAt = async (store: Store, text: string, applied = migrations): Promise<void> => {
  const killed = withCommand(store, (statement) => {
    if (statement.text.includes(text)) throw new Killed()
  })
  await expect(migrate(killed, { migrations: applied })).rejects.toThrow(Killed)
}

const withCommand = (store: Store, before: (statement: Sql) => void): Store => ({
  ...store,
  command: async (statement) => {
    if (statement.text.startsWith('/* `schema_lock_')) before(statement)
    await store.command(statement)
  },
})
