import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHealth } from '#runtime/health.ts'
import { createLogger } from '#runtime/logger.ts'
import { createSelfMetrics } from '#runtime/self-metrics.ts'
import { type SeededStore, openSeededStore } from '../test/harness/seeded-store.ts'
import { type QueryApi, createQueryApi } from './server.ts'

let seeded: SeededStore
let folder: string
let uiFolder: string
let api: QueryApi
let url: string
const lines: string[] = []

const create = (options: { uiFolder: string; port?: number }): QueryApi =>
  createQueryApi({
    store: seeded.store,
    health: createHealth(),
    selfMetrics: createSelfMetrics(),
    logger: createLogger({ name: 'test', destination: { write: (line) => void lines.push(line) } }),
    host: '127.0.0.1',
    port: 0,
    apiTokens: new Map(),
    version: '1.2.3',
    queueLags: () => [{ signal: 'traces', recordsBehind: 2, bytes: 10, oldestUnwrittenAgeMillis: 5 }],
    receiverCounts: () => ({ acceptedSpans: 7 }),
    ...options,
  })

beforeAll(async () => {
  seeded = await openSeededStore()
  folder = await mkdtemp(join(tmpdir(), 'aftertrace-ui-'))
  uiFolder = join(folder, 'dist')
  await mkdir(join(uiFolder, 'assets'), { recursive: true })
  await writeFile(join(uiFolder, 'index.html'), '<!doctype html><title>Aftertrace</title>')
  await writeFile(join(uiFolder, 'assets', 'main-abc123.js'), 'export const answer = 42\n')
  await writeFile(join(folder, 'secret.txt'), 'secret')
  api = create({ uiFolder })
  ;({ url } = await api.start())
})
afterAll(async () => {
  await api.stop()
  await seeded.close()
  await rm(folder, { recursive: true, force: true })
})

/** Without the normalisation of paths that fetch does. */
const rawGet = (path: string): Promise<{ status: number | undefined; text: string }> => {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>()
  const { hostname, port } = new URL(url)
  request({ hostname, port, path }, (response) => {
    let text = ''
    response.on('data', (chunk) => (text += chunk))
    response.on('end', () => resolve({ status: response.statusCode, text }))
  })
    .on('error', reject)
    .end()
  return promise
}

describe('the server', () => {
  it('says where it listens and answers there', async () => {
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({ msg: 'listening', name: 'http', url }),
    )
    const status = (await (await fetch(`${url}/api/v1/status`)).json()) as object
    expect(status).toMatchObject({
      version: '1.2.3',
      queue: [{ signal: 'traces', recordsBehind: 2 }],
      receiver: { acceptedSpans: 7 },
    })
  })

  it('refuses to start on an address in use, naming the setting', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    await expect(create({ uiFolder, port }).start()).rejects.toThrow(/HTTP_PORT.*EADDRINUSE/)
    other.close()
  })

  it('can be stopped twice', async () => {
    const second = create({ uiFolder })
    const { url: secondUrl } = await second.start()
    expect((await fetch(`${secondUrl}/livez`)).status).toBe(200)
    await Promise.all([second.stop(), second.stop()])
    await second.stop()
    await expect(fetch(`${secondUrl}/livez`)).rejects.toThrow('fetch failed')
  })
})

describe('the UI', () => {
  it('is served at / and at the addresses of its screens, never from a cache', async () => {
    for (const path of [
      '/',
      '/traces',
      '/traces/00000000000000000000000000000001?from=now-1h',
      '/index.html',
    ]) {
      const response = await fetch(url + path)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(response.headers.get('cache-control')).toBe('no-cache')
      expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      expect(await response.text()).toContain('Aftertrace')
    }
  })

  it('has assets that may be kept for ever', async () => {
    const response = await fetch(`${url}/assets/main-abc123.js`)
    expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect((await fetch(`${url}/assets/main-old.js`)).status).toBe(404)
  })

  it.each([
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%5c..%5csecret.txt',
    '//secret.txt',
    '/assets/%00main-abc123.js',
  ])('does not lead out of its folder: %s', async (path) => {
    const { status, text } = await rawGet(path)
    expect(text).not.toContain('secret\n')
    expect(text).not.toBe('secret')
    expect([400, 404]).toContain(status)
  })

  it('that is not built says how to build it, and is found once it is there', async () => {
    const later = join(folder, 'later')
    const without = create({ uiFolder: later })
    const { url: withoutUrl } = await without.start()
    const response = await fetch(withoutUrl)
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('npm run build')
    expect((await fetch(`${withoutUrl}/api/v1/status`)).status).toBe(200)
    await mkdir(later)
    await writeFile(join(later, 'index.html'), 'built')
    await expect.poll(async () => (await fetch(withoutUrl)).text(), { timeout: 5000 }).toBe('built')
    await without.stop()
  })

  it('is found under its new names when it is built anew', async () => {
    const rebuilt = join(folder, 'rebuilt')
    await mkdir(join(rebuilt, 'assets'), { recursive: true })
    await writeFile(join(rebuilt, 'index.html'), 'first')
    await writeFile(join(rebuilt, 'assets', 'main-1.js'), '1')
    const server = create({ uiFolder: rebuilt })
    const { url: serverUrl } = await server.start()
    expect(await (await fetch(`${serverUrl}/assets/main-1.js`)).text()).toBe('1')
    await rm(join(rebuilt, 'assets', 'main-1.js'))
    await writeFile(join(rebuilt, 'index.html'), 'second')
    await writeFile(join(rebuilt, 'assets', 'main-2.js'), '2')
    expect(await (await fetch(`${serverUrl}/traces`)).text()).toBe('second')
    await expect
      .poll(async () => (await fetch(`${serverUrl}/assets/main-2.js`)).text(), { timeout: 5000 })
      .toBe('2')
    expect((await fetch(`${serverUrl}/assets/main-1.js`)).status).toBe(404)
    await server.stop()
  })
})
