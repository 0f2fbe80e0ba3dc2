import { type ChildProcess, spawn } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { type Store, openStore } from '#storage/connection.ts'
import { readMigrations } from '#storage/migrations/known-migrations.ts'
import { sql } from '#storage/sql.ts'
import { eventually } from '../harness/eventually.ts'
import { openFirstLightStore } from '../harness/first-light.ts'
import { seededIntegers } from '../harness/seeded-random.ts'
import { type StoreProcess, startStoreProcess } from '../harness/store-process.ts'
import { type ViewSums, readViewSums, rowViews } from '../harness/view-sums.ts'

const program = fileURLToPath(new URL('../../cli/aftertrace.js', import.meta.url))
const migrateProcess = fileURLToPath(new URL('../harness/migrate-process.ts', import.meta.url))
const outcomeMillisMax = 60_000

let folder: string
let firstLight: string
let sums: ViewSums
const running = new Set<Migrator>()

beforeAll(async () => {
  folder = await mkdtemp(join(inject('sharedFolder'), 'migrate-processes-'))
  firstLight = join(folder, 'first-light')
  const store = await openFirstLightStore(firstLight)
  sums = await readViewSums(store, rowViews)
  await store.close()
})
afterEach(() => {
  for (const migrator of running) migrator.child.kill('SIGKILL')
  running.clear()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A process that migrates, and what it says. */
interface Migrator {
  child: ChildProcess
  output: string
  lines: { msg: string; statement?: string }[]
  /** What it says on stderr beside its log: why it ended, if it was thrown. */
  complaint: string
  /** The exit code, or null where a signal ended it. */
  exited: Promise<number | null>
}

const start = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Migrator => {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: '16', LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const migrator: Migrator = { child, output: '', lines: [], complaint: '', exited }
  child.stdout.on('data', (chunk: Buffer) => (migrator.output += chunk.toString()))
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('{')) migrator.lines.push(JSON.parse(line) as Migrator['lines'][number])
    else migrator.complaint += `${line}\n`
  })
  running.add(migrator)
  return migrator
}

const expectSuccess = async (...migrators: Migrator[]): Promise<void> => {
  for (const migrator of migrators)
    expect({ code: await migrator.exited, complaint: migrator.complaint }).toMatchObject({ code: 0 })
}

const statementsOf = ({ lines }: Migrator): string[] =>
  lines.flatMap(({ statement }) => (statement === undefined ? [] : [statement]))

/** Resolves at the statement's line, which is written before the statement is made. */
const untilStatement = (migrator: Migrator, isMeant: (statement: string, index: number) => boolean) =>
  eventually(() => {
    if (!statementsOf(migrator).some(isMeant))
      throw new Error(`not seen; ${migrator.lines.length} lines so far`)
  }, outcomeMillisMax)

/**
 * The exit code, or null when it was killed at the statement of this number. Each attempt is given more of them than the
 * one before, so that a step of many that begins anew comes to its end, too.
 */
const killedAfter = async (migrator: Migrator, statementsMax: number): Promise<number | null> => {
  migrator.child.stderr?.on('data', () => {
    if (statementsOf(migrator).length >= statementsMax) migrator.child.kill('SIGKILL')
  })
  const code = await migrator.exited
  if (code !== null && code !== 0)
    throw new Error(`it failed: ${migrator.lines.at(-1)?.msg ?? migrator.output}`)
  return code
}

const outputOf = async (dataDir: string, ...options: string[]): Promise<string> => {
  const migrator = start([program, 'migrate', ...options], { DATA_DIR: dataDir })
  await expectSuccess(migrator)
  return migrator.output
}

describe('aftertrace migrate', () => {
  it('says with --plan what it would do, and then does it', async () => {
    const dataDir = join(folder, 'planned')
    await cp(firstLight, dataDir, { recursive: true })
    const pending = (await readMigrations()).slice(2).map(({ name }) => name)
    const plan = await outputOf(dataDir, '--plan')
    for (const name of pending) expect(plan).toContain(`Would apply ${name}`)
    expect(plan).toMatch(/ {2}spans: 444 rows, 0\.\d MB, in 6 partitions\n/)
    expect(plan).toMatch(/It needs \d+\.\d MB of free disk space; \d+\.\d MB are free\./)
    expect(await outputOf(dataDir)).toBe(`Applied ${pending.join(', ')}.\n`)
    expect(await outputOf(dataDir)).toBe('The schema is up to date.\n')
    expect(await outputOf(dataDir, '--plan')).toBe('The schema is up to date.\n')
  }, 60_000)

  it('killed again and again while it moves rows of First light ends with every row', async () => {
    const dataDir = join(folder, 'killed')
    await cp(firstLight, dataDir, { recursive: true })
    const below = seededIntegers(7)
    const newest = (await readMigrations()).at(-1)?.name ?? ''
    const atTheirEnd: (string | undefined)[] = []
    let last: Migrator
    for (;;) {
      last = start([program, 'migrate'], { DATA_DIR: dataDir })
      if ((await killedAfter(last, 5 + below(30) + 3 * atTheirEnd.length)) !== null) break
      atTheirEnd.push(last.lines.at(-1)?.msg)
    }
    expect(last.output).toContain(newest)
    expect(atTheirEnd.length).toBeGreaterThan(3)
    expect(new Set(atTheirEnd)).toEqual(new Set(['schema statement']))
    const store = await openStore({ dataDir, database: 'otel' })
    expect(await readViewSums(store, rowViews, sums)).toEqual(sums)
    await store.close()
  }, 180_000)
})

describe('processes that migrate one server', () => {
  let server: StoreProcess
  let store: Store
  let serverCount = 0

  const startServer = async (): Promise<void> => {
    const dataDir = join(folder, `server-${serverCount++}`)
    await cp(firstLight, dataDir, { recursive: true })
    server = await startStoreProcess({ dataDir })
    store = await openStore({ clickhouseUrl: server.url, database: 'otel' })
  }
  const startMigrator = (): Migrator => start([migrateProcess, server.url])
  const expectEveryRow = async (): Promise<void> => {
    expect(await readViewSums(store, rowViews, sums)).toEqual(sums)
    const [row] = await store.query<{ key: string }>(
      sql`SELECT sorting_key AS key FROM system.tables WHERE database = 'otel' AND name = 'spans'`,
    )
    expect(row?.key).toContain('trace_key')
  }
  afterEach(async () => {
    await store.close()
    await server.stop()
  })

  it('do it once: the second waits for the first and has nothing to do', async () => {
    await startServer()
    const first = startMigrator()
    await untilStatement(first, (_, index) => index > 10)
    const second = startMigrator()
    await expectSuccess(first, second)
    expect([first.output, second.output]).toEqual(['["003-trial.ts"]', '[]'])
    // It may find the lock free in the instant after the first is done, and clears away the term that ended.
    expect(statementsOf(second).filter((statement) => !statement.includes('schema_lock_'))).toEqual([])
    expect(second.lines[0]?.msg).toContain(`waiting for process ${first.child.pid} on `)
    await expectEveryRow()
  }, 120_000)

  it('go on where one was killed', async () => {
    await startServer()
    const first = startMigrator()
    await untilStatement(first, (statement) => statement.includes('`log_records_after_3` REPLACE'))
    first.child.kill('SIGKILL')
    const second = startMigrator()
    await expectSuccess(second)
    expect(second.output).toBe('["003-trial.ts"]')
    expect(second.lines.map(({ msg }) => msg)).toContain('took over the schema lock of a silent process')
    expect(statementsOf(second).filter((statement) => statement.includes('RENAME TABLE `spans`'))).toEqual([])
    await expectEveryRow()
  }, 120_000)

  it('do not hear from one that was frozen and wakes up', async () => {
    await startServer()
    const first = startMigrator()
    await untilStatement(first, (statement) => statement.includes('INSERT INTO `spans_staging'))
    first.child.kill('SIGSTOP')
    const second = startMigrator()
    await untilStatement(second, (_, index) => index > 10)
    const statementsBefore = statementsOf(first).length
    first.child.kill('SIGCONT')
    await expectSuccess(first, second)
    expect([first.output, second.output]).toEqual(['[]', '["003-trial.ts"]'])
    // What was on its way through the pipe when the process was frozen may still arrive.
    expect(statementsOf(first).length - statementsBefore).toBeLessThanOrEqual(1)
    expect(first.lines.map(({ msg }) => msg).join('\n')).toContain('the schema lock of term 2 ended')
    await expectEveryRow()
  }, 120_000)
})
