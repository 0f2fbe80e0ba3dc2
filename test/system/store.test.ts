import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { blockFolders } from '#storage/engine/data-folder.ts'
import { startBackendProcess } from '../harness/backend.ts'
import { eventually } from '../harness/eventually.ts'
import { type StoreProcess, startStoreProcess } from '../harness/store-process.ts'

const program = fileURLToPath(new URL('../../cli/aftertrace.js', import.meta.url))
const outcomeMillisMax = 20_000

let folder: string
const started = new Set<StoreProcess>()
beforeAll(async () => void (folder = await mkdtemp(join(inject('sharedFolder'), 'store-'))))
afterEach(async () => {
  for (const store of started) await store.stop()
  started.clear()
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const start = async (name: string, env: Record<string, string> = {}): Promise<StoreProcess> => {
  const store = await startStoreProcess({ dataDir: join(folder, name), env })
  started.add(store)
  return store
}
const ask = async (url: string, statement: string): Promise<string> => {
  const response = await fetch(url, { method: 'POST', body: statement })
  const text = await response.text()
  if (!response.ok) throw new Error(text)
  return text.trimEnd()
}

/** The program with these arguments, which is expected to end by itself: what it says on stderr. */
const failure = async (args: readonly string[], env: Record<string, string>): Promise<string> => {
  const outcome = await promisify(execFile)(process.execPath, [program, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
  }).catch((error: unknown) => error as { code: number; stderr: string })
  expect(outcome).toMatchObject({ code: 1 })
  return outcome.stderr
}

describe('aftertrace store', () => {
  it('killed at any moment starts again with every row that was acknowledged, and nothing of what came in part', async () => {
    let store = await start('killed')
    await ask(store.url, 'CREATE TABLE rows (n UInt64) ENGINE = MergeTree ORDER BY n')
    const { memory, disk } = blockFolders(join(folder, 'killed'))
    const leftBodies = [memory ?? disk, disk].map((folder) => join(folder, 'http', 'body-left'))
    let acknowledged = 0
    for (let life = 0; life < 3; life++) {
      const { url } = store
      const writer = async (): Promise<void> => {
        for (;;) {
          const from = acknowledged
          const rows = Array.from({ length: 500 }, (_, n) => from + n).join('\n')
          await ask(url, `INSERT INTO rows FORMAT TSV\n${rows}`)
          acknowledged += 500
        }
      }
      const broken = writer().catch((error: unknown) => String(error))
      const before = acknowledged
      await eventually(() => expect(acknowledged).toBeGreaterThan(before + 2000), outcomeMillisMax)
      await store.kill()
      expect(await broken).toContain('fetch failed')
      for (const left of leftBodies) await writeFile(left, 'rows of a request that was being read')
      store = await start('killed')
      for (const left of leftBodies) expect(existsSync(left)).toBe(false)
      const [count, distinct] = (await ask(store.url, 'SELECT count(), uniqExact(n) FROM rows'))
        .split('\t')
        .map(Number)
      // The last insert may be in, though nobody heard of it; then it is in as a whole.
      expect(count).toBe(distinct)
      expect([acknowledged, acknowledged + 500]).toContain(count)
      acknowledged = count ?? 0
    }
  }, 90_000)

  it('ends well when it is asked to, and finishes what runs', async () => {
    const store = await start('asked')
    const slow = ask(
      store.url,
      'SELECT count() FROM numbers(100) WHERE NOT ignore(sleepEachRow(0.02)) SETTINGS max_block_size = 1',
    )
    const running = `SELECT count() FROM system.processes WHERE position(query, 'sleep' || 'EachRow') > 0`
    await eventually(async () => expect(await ask(store.url, running)).toBe('1'), outcomeMillisMax)
    const ended = store.terminate()
    expect(await slow).toBe('100')
    expect(await ended).toBe(0)
    expect(store.logLines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(
      expect.arrayContaining(['listening', 'stopping', 'stopped']),
    )
  })

  it('is refused a data folder that another process has open, and says which', async () => {
    const store = await start('taken')
    const env = { DATA_DIR: join(folder, 'taken'), CLICKHOUSE_HTTP_PORT: '0' }
    expect(await failure(['store'], env)).toMatch(
      new RegExp(
        `aftertrace: the data folder .*taken is in use by process ${store.pid}: one process can have`,
      ),
    )
    expect(await ask(store.url, 'SELECT 1')).toBe('1')
  })

  it('does not let others than this machine in without a password', async () => {
    const env = { DATA_DIR: join(folder, 'open'), CLICKHOUSE_HTTP_PORT: '0', LISTEN_HOST: '0.0.0.0' }
    expect(await failure(['store'], env)).toContain(
      'CLICKHOUSE_PASSWORD: expected one where LISTEN_HOST="0.0.0.0"',
    )
    const store = await start('guarded', { LISTEN_HOST: '0.0.0.0', CLICKHOUSE_PASSWORD: 'a long password' })
    const url = store.url.replace('0.0.0.0', '127.0.0.1')
    expect((await fetch(`${url}/?query=SELECT%201`)).status).toBe(401)
    const headers = { 'x-clickhouse-user': 'default', 'x-clickhouse-key': 'a long password' }
    expect(await (await fetch(`${url}/?query=SELECT%201`, { headers })).text()).toBe('1\n')
  })
})

describe('role all', () => {
  it("offers its owner the same, on this machine, beside the product's own work", async () => {
    const dataDir = join(folder, 'all')
    const backend = await startBackendProcess({
      dataDir,
      env: { CLICKHOUSE_HTTP_PORT: '0', LISTEN_HOST: '0.0.0.0' },
    })
    try {
      const line = backend.logLines.find((logged) => logged.includes('"clickhouse-http"')) ?? '{}'
      const { url = '' } = JSON.parse(line) as { url?: string }
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      expect(await ask(url, `SELECT count() FROM otel.otel_traces`)).toBe('0')
      // All that it may have at once, and long.
      const abort = new AbortController()
      const busy = Array.from({ length: 6 }, () =>
        fetch(url, {
          method: 'POST',
          body: 'SELECT count() FROM numbers(1000000000000)',
          signal: abort.signal,
        }).catch(() => undefined),
      )
      const startedAt = performance.now()
      for (let n = 0; n < 5; n++)
        expect(
          (await fetch(`${backend.apiUrl.replace('0.0.0.0', '127.0.0.1')}/api/v1/services`)).status,
        ).toBe(200)
      expect(performance.now() - startedAt).toBeLessThan(outcomeMillisMax)
      abort.abort()
      await Promise.all(busy)
      expect(await backend.stop()).toBe(0)
    } finally {
      await backend.kill()
    }
  }, 90_000)

  it('has no such address where the store is a server, which has its own', async () => {
    const env = {
      DATA_DIR: join(folder, 'server'),
      CLICKHOUSE_HTTP_PORT: '0',
      CLICKHOUSE_URL: 'http://127.0.0.1:1',
    }
    expect(await failure(['all'], env)).toContain(
      'CLICKHOUSE_HTTP_PORT: expected none where CLICKHOUSE_URL is set',
    )
  })

  it('clears what a store that was killed left of bodies, in memory too', async () => {
    const dataDir = join(folder, 'left')
    const left = join(dataDir, 'blocks', 'http')
    await mkdir(left, { recursive: true })
    await writeFile(join(left, 'body-of-a-dead-process'), 'rows')
    const backend = await startBackendProcess({ dataDir })
    expect(existsSync(left)).toBe(false)
    expect(await backend.stop()).toBe(0)
  }, 60_000)
})
