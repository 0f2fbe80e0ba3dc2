import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '#storage/connection.ts'
import { migrate } from '#storage/migrations/migrate.ts'
import { type Sql, sql } from '#storage/sql.ts'
import { encodeExportRequest } from '#telemetry/otlp/protobuf.ts'
import { type BackendProcess, startBackendProcess } from '../harness/backend.ts'
import { eventually } from '../harness/eventually.ts'
import { makeSpan } from '../harness/make-span.ts'

const program = fileURLToPath(new URL('../../cli/aftertrace.js', import.meta.url))

let dataDir: string
let backend: BackendProcess | undefined

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'aftertrace-replay-'))
})
afterEach(async () => {
  await backend?.kill()
  backend = undefined
  await rm(dataDir, { recursive: true, force: true })
})

/** What the program prints, and how it ends. */
const replay = (...options: string[]): Promise<{ code: number; out: string; err: string }> => {
  const { promise, resolve } = Promise.withResolvers<{ code: number; out: string; err: string }>()
  const env = { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: '24', DATA_DIR: dataDir, LOG_LEVEL: 'warn' }
  execFile(
    process.execPath,
    [program, 'replay', ...options],
    { cwd: dataDir, env },
    (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout, err: stderr })
    },
  )
  return promise
}

/** While no backend has the store open. */
const inStore = async <T>(
  act: (query: <Row>(statement: Sql) => Promise<Row[]>, run: (statement: Sql) => Promise<void>) => Promise<T>,
): Promise<T> => {
  const store = await openStore({ dataDir, database: 'otel' })
  try {
    await migrate(store)
    return await act(store.query, store.command)
  } finally {
    await store.close()
  }
}

const sendSpan = async (name: string): Promise<void> => {
  const bytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))
  const now = BigInt(Date.now()) * 1_000_000n
  const span = makeSpan({ traceId: bytes(16), spanId: bytes(8), name, startTimeUnixNano: now })
  const payload = encodeExportRequest('traces', {
    resourceSpans: [{ scopeSpans: [{ spans: [span], schemaUrl: '' }], schemaUrl: '' }],
  })
  const response = await fetch(`${backend?.otlpHttpUrl}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Uint8Array.from(payload),
  })
  expect(response.status).toBe(200)
}

interface Status {
  queue: { recordsBehind: number }[]
  deadLetters: { count: number; latest: { signal: string; cause: string; reason: string }[] }
}
const status = async (): Promise<Status> =>
  (await (await fetch(`${backend?.apiUrl}/api/v1/status`)).json()) as Status
const writtenWith = (letterCount: number) =>
  eventually(async () => {
    const { queue, deadLetters } = await status()
    expect(queue.map(({ recordsBehind }) => recordsBehind)).toEqual([0, 0, 0])
    expect(deadLetters.count).toBe(letterCount)
  }, 30_000)

/** A store that will not have spans of this name, and a backend that was sent some. */
const makeLetters = async (...names: string[]): Promise<void> => {
  await inStore((_, run) => run(sql`ALTER TABLE spans ADD CONSTRAINT unloved CHECK name != 'unloved'`))
  backend = await startBackendProcess({ dataDir })
  for (const name of names) await sendSpan(name)
  await writtenWith(names.filter((name) => name === 'unloved').length)
}
const forgive = () => inStore((_, run) => run(sql`ALTER TABLE spans DROP CONSTRAINT unloved`))
const storedNames = () =>
  inStore(async (query) =>
    (await query<{ name: string }>(sql`SELECT name FROM spans ORDER BY name`)).map(({ name }) => name),
  )

describe('aftertrace replay --dead-letter', () => {
  it(
    'sends what was set aside through the backend that runs, once the store has it',
    { timeout: 120_000 },
    async () => {
      await makeLetters('good', 'unloved', 'unloved')
      const { latest } = (await status()).deadLetters
      expect(latest).toHaveLength(2)
      expect(latest[0]).toMatchObject({ signal: 'traces', cause: 'refused_by_store' })
      expect(latest[0]?.reason).toContain('Constraint `unloved`')
      const metrics = await (await fetch(`${backend?.apiUrl}/metrics`)).text()
      expect(metrics).toMatch(/dead_letters(\{[^}]*\})? 2/)

      const dry = await replay('--dead-letter', '--dry-run')
      expect(dry).toMatchObject({ code: 0, err: '' })
      expect(dry.out.match(/^Would send traces-.*Constraint `unloved`/gm)).toHaveLength(2)
      expect(await replay('--dead-letter', '--signal', 'logs')).toMatchObject({
        code: 0,
        out: expect.stringContaining('There are no dead letters'),
      })

      await backend?.stop()
      await forgive()
      backend = await startBackendProcess({ dataDir })
      const sent = await replay('--dead-letter', '--signal', 'traces')
      expect(sent).toMatchObject({ code: 0, err: '' })
      expect(sent.out).toContain(`Sending 2 dead letters to the backend at ${backend.otlpHttpUrl}.`)
      expect(sent.out).toContain('2 taken, 0 left.')
      await writtenWith(0)
      await backend.stop()
      expect(await storedNames()).toEqual(['good', 'unloved', 'unloved'])
    },
  )

  it(
    'puts it into the queue when no backend runs, and sets it aside again while the store will not have it',
    { timeout: 120_000 },
    async () => {
      await makeLetters('unloved')
      await backend?.stop()
      const sent = await replay('--dead-letter')
      expect(sent).toMatchObject({ code: 0, err: '' })
      expect(sent.out).toContain('1 taken, 0 left.')
      backend = await startBackendProcess({ dataDir })
      await writtenWith(1)
      await backend.stop()
      await forgive()
      expect(await replay('--dead-letter')).toMatchObject({ code: 0 })
      backend = await startBackendProcess({ dataDir })
      await writtenWith(0)
      await backend.stop()
      expect(await storedNames()).toEqual(['unloved'])
    },
  )

  it('leaves what the receiver would not take, and says why with an exit code', async () => {
    await makeLetters('unloved')
    await backend?.stop()
    const [letter] = await listNames()
    await writeFile(join(dataDir, 'dead-letter', `${letter}.otlp`), Uint8Array.of(0x0a, 0xff, 0xff))
    const sent = await replay('--dead-letter')
    expect(sent.code).toBe(1)
    expect(sent.out).toContain(`Left ${letter}: `)
    expect(sent.out).toContain('0 taken, 1 left.')
    expect(await listNames()).toEqual([letter])
  })

  it('says what it can replay', async () => {
    expect((await replay('--help')).out).toContain('--dead-letter')
    const bare = await replay()
    expect(bare.code).toBe(1)
    expect(bare.err).toContain("required option '--dead-letter' not specified")
  })
})

const listNames = async (): Promise<string[]> => {
  const files = await readdir(join(dataDir, 'dead-letter'))
  return files.filter((file) => file.endsWith('.otlp')).map((file) => file.slice(0, -'.otlp'.length))
}
