import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenInterface, openInterface } from '../../test/harness/http-interface.ts'

const query = '/?query=SELECT%201'

/** By Node's own client, which sends any header, also those that a browser would not let a page set. */
const get = async (
  server: OpenInterface,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; challenge: string | undefined }> => {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof get>>>()
  request(new URL(path, server.url), { headers }, (answer) => {
    const { statusCode: status = 0 } = answer
    const challenge = answer.headers['www-authenticate']
    text(answer).then((body) => resolve({ status, text: body, challenge }), reject)
  })
    .once('error', reject)
    .end()
  return promise
}
const basic = (user: string, password: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

describe('without a password', () => {
  let server: OpenInterface
  beforeAll(async () => void (server = await openInterface()))
  afterAll(() => server.stop())

  it('lets in who is on this machine, as the user that there is', async () => {
    for (const headers of [
      {},
      basic('default', ''),
      basic('default', 'any'),
      { 'x-clickhouse-user': 'default' },
    ])
      expect(await get(server, query, headers)).toMatchObject({ status: 200, text: '1\n' })
    expect(await get(server, query, basic('nobody', ''))).toMatchObject({
      status: 403,
      text: expect.stringContaining('nobody: Authentication failed'),
    })
  })

  it('keeps web pages out, that a browser on this machine may show', async () => {
    const port = new URL(server.url).port
    for (const headers of [
      { origin: 'https://example.com' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { host: `rebound.example.com:${port}` },
    ])
      expect(await get(server, query, headers as Record<string, string>)).toMatchObject({
        status: 403,
        text: expect.stringContaining('CLICKHOUSE_PASSWORD'),
      })
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, '[::1]:8123'])
      expect((await get(server, query, { host })).status).toBe(200)
    expect((await get(server, query, { 'sec-fetch-site': 'none' })).status).toBe(200)
  })
})

describe('with a password', () => {
  let server: OpenInterface
  beforeAll(async () => {
    server = await openInterface({ credentials: { user: 'owner', password: 'correct:horse' } })
  })
  afterAll(() => server.stop())

  it('lets in who has both, by headers, by Basic authentication, or in the address', async () => {
    const key = { 'x-clickhouse-user': 'owner', 'x-clickhouse-key': 'correct:horse' }
    for (const headers of [
      key,
      basic('owner', 'correct:horse'),
      { ...key, origin: 'https://grafana.example.com' },
    ])
      expect(await get(server, query, headers)).toMatchObject({ status: 200, text: '1\n' })
    expect(await get(server, `${query}&user=owner&password=correct%3Ahorse`)).toMatchObject({ status: 200 })
  })

  it('asks for them where there are none', async () => {
    expect(await get(server, query)).toMatchObject({
      status: 401,
      challenge: 'Basic realm="ClickHouse server HTTP API"',
      text: expect.stringContaining('REQUIRED_PASSWORD'),
    })
    expect((await get(server, '/ping')).text).toBe('Ok.\n')
  })

  it('refuses who has only one of them', async () => {
    const wrong = [
      basic('owner', ''),
      basic('owner', 'correct:hors'),
      basic('other', 'correct:horse'),
      { 'x-clickhouse-key': 'wrong' },
      { 'x-clickhouse-user': 'owner' },
    ]
    for (const headers of wrong) expect((await get(server, query, headers)).status).toBe(403)
    expect((await get(server, `${query}&user=owner`)).status).toBe(403)
  })
})
