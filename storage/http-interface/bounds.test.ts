import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../test/harness/eventually.ts'
import { type OpenInterface, openInterface } from '../../test/harness/http-interface.ts'
import { sql } from '../sql.ts'

const outcomeMillisMax = 15_000
const slow = `SELECT count() FROM numbers(3000) WHERE NOT ignore(sleepEachRow(0.02)) SETTINGS max_block_size = 1`

const untilRunning = (server: OpenInterface, count: number): Promise<void> =>
  eventually(async () => {
    const [row] = await server.store.query<{ count: string }>(
      sql`SELECT count() AS count FROM system.processes WHERE position(query, 'sleepEachRow') > 0 AND position(query, 'system.processes') = 0`,
    )
    expect(Number(row?.count)).toBe(count)
  }, outcomeMillisMax)

const killAll = (server: OpenInterface): Promise<unknown> =>
  server.ask(`KILL QUERY WHERE position(query, 'sleep' || 'EachRow') > 0 ASYNC`)

describe('requests beyond what can be', () => {
  let server: OpenInterface
  beforeAll(async () => void (server = await openInterface({ statementsMax: 2 })))
  afterAll(() => server.stop())

  it('wait in line, and are told to come back when that is long', async () => {
    const busy = [server.ask(slow), server.ask(slow)]
    await untilRunning(server, 2)
    const waiting = Array.from({ length: 64 }, (_, n) => server.ask(`SELECT ${n}`))
    // They have come when one more finds no place.
    await eventually(async () => {
      const late = await Promise.race([
        server.ask('SELECT 1'),
        new Promise((resolve) => setTimeout(resolve, 100)),
      ])
      expect(late).toMatchObject({ status: 503, text: expect.stringContaining('2 run and 64 wait') })
    }, outcomeMillisMax)
    expect((await server.ask('SELECT 1')).headers.get('retry-after')).toBe('1')
    // What is asked otherwise goes on.
    expect(await (await fetch(`${server.url}/ping`)).text()).toBe('Ok.\n')
    expect(await server.store.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
    await killAll(server)
    expect((await Promise.all(busy)).map(({ status }) => status)).toEqual([500, 500])
    const answers = await Promise.all(waiting)
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(60)
  })

  it('do not run when their client has left the line', async () => {
    const busy = [server.ask(slow), server.ask(slow)]
    await untilRunning(server, 2)
    const abort = new AbortController()
    const left = fetch(server.url, {
      method: 'POST',
      body: 'CREATE TABLE left_the_line (n UInt8) ENGINE = Memory',
      signal: abort.signal,
    }).catch(() => 'left')
    const next = server.ask('SELECT 1')
    await server.store.query(sql`SELECT sleep(0.2) AS slept`)
    abort.abort()
    expect(await left).toBe('left')
    await killAll(server)
    await Promise.all(busy)
    expect((await next).status).toBe(200)
    expect((await server.ask('EXISTS TABLE left_the_line')).text).toBe('0\n')
  })

  it('that are too large are refused while they come', async () => {
    const { hostname, port } = new URL(server.url)
    const address = connect(Number(port), hostname)
    let answered = ''
    address.on('error', () => undefined).on('data', (chunk) => (answered += chunk.toString()))
    const closed = new Promise((resolve) => address.once('close', resolve))
    address.write(`GET /?query=${'x'.repeat(2 << 20)} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await closed
    expect(answered).toMatch(/^HTTP\/1\.1 431 /)
    const form = new FormData()
    form.set('query', 'SELECT 1')
    form.set('large', new Blob([new Uint8Array(65 << 20)]), 'large')
    const answer = await fetch(`${server.url}/?large_structure=n%20UInt8`, { method: 'POST', body: form })
    expect([answer.status, await answer.text()]).toEqual([
      413,
      expect.stringContaining('a form can have at most 67108864 bytes'),
    ])
  })

  it('keep only so many sessions', async () => {
    for (let n = 0; n < 64; n++)
      expect((await server.ask('SELECT 1', { session_id: `session ${n}` })).status).toBe(200)
    expect(await server.ask('SELECT 1', { session_id: 'one more' })).toMatchObject({
      status: 503,
      text: expect.stringContaining('64 sessions are kept'),
    })
    await server.ask('SELECT 1', { session_id: 'session 0', close_session: '1' })
    expect((await server.ask('SELECT 1', { session_id: 'one more' })).status).toBe(200)
  })
})

describe('many requests beside one that is long', () => {
  it('leave nothing behind while that runs', async () => {
    const server = await openInterface()
    const busy = server.ask(slow)
    await untilRunning(server, 1)
    const round = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++)
        await server.ask('SELECT {n:UInt32}', { param_n: String(n), max_threads: '1' })
    }
    await round(300)
    const before = process.memoryUsage().rss
    await round(700)
    // With connections that pile up it was a quarter of a megabyte for each.
    expect(process.memoryUsage().rss - before).toBeLessThan(80 << 20)
    await killAll(server)
    expect((await busy).status).toBe(500)
    await server.stop()
  }, 120_000)
})

describe('stopping', () => {
  it('lets statements end that end soon, and takes no others', async () => {
    const server = await openInterface({ drainMillisMax: 10_000 })
    const { hostname, port } = new URL(server.url)
    // A connection that stays open, as those of clients do.
    const kept = connect(Number(port), hostname)
    kept.write('GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await new Promise((resolve) => kept.once('data', resolve))
    const answer = server.ask(
      `SELECT count() FROM numbers(50) WHERE NOT ignore(sleepEachRow(0.02)) SETTINGS max_block_size = 1`,
    )
    await untilRunning(server, 1)
    const stopping = server.stop()
    await expect(fetch(server.url, { method: 'POST', body: 'SELECT 1' })).rejects.toThrow('fetch failed')
    expect(await answer).toMatchObject({ status: 200, text: '50\n' })
    await stopping
    kept.destroy()
  })

  it('ends what does not end by itself', async () => {
    const server = await openInterface({ drainMillisMax: 200 })
    const answers = [server.ask(slow), server.ask(slow)]
    await untilRunning(server, 2)
    const startedAt = performance.now()
    await server.stop()
    expect(performance.now() - startedAt).toBeLessThan(outcomeMillisMax)
    for (const { status, text } of await Promise.all(answers))
      expect([status, text]).toEqual([500, expect.stringContaining('QUERY_WAS_CANCELLED')])
  })
})
