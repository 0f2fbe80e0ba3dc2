import { Readable } from 'node:stream'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../test/harness/eventually.ts'
import { type OpenInterface, openInterface } from '../../test/harness/http-interface.ts'
import { type Exchange, isGreeting, readExchanges } from '../../test/harness/recorded-exchanges.ts'
import { column, encodeBlock } from '../native-block.ts'
import { sql } from '../sql.ts'
import { compressBlock, compressBlocks, decompressBlocks } from './compressed-blocks/blocks.ts'

let server: OpenInterface
beforeAll(async () => void (server = await openInterface()))
afterAll(() => server.stop())

const gather = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(source))
const plainOf = (blocks: Buffer): Promise<Buffer> => gather(decompressBlocks(Readable.from([blocks])))

describe('@clickhouse/client', () => {
  const open: ClickHouseClient[] = []
  const clientWith = (options: NonNullable<Parameters<typeof createClient>[0]> = {}): ClickHouseClient => {
    const client = createClient({ url: server.url, log: { level: ClickHouseLogLevel.OFF }, ...options })
    open.push(client)
    return client
  }
  let client: ClickHouseClient
  beforeAll(async () => {
    client = clientWith()
    await client.command({ query: 'CREATE TABLE clients (n UInt32, s String) ENGINE = MergeTree ORDER BY n' })
  })
  afterAll(() => Promise.all(open.map((each) => each.close())))

  const countRows = async (): Promise<number> => {
    const answer = await client.query({
      query: 'SELECT count() AS count FROM clients',
      format: 'JSONEachRow',
    })
    const [row] = await answer.json<{ count: string }>()
    return Number(row?.count)
  }
  const rowsOf = function* (count: number): Generator<{ n: number; s: string }> {
    for (let n = 0; n < count; n++) yield { n, s: `row ${n}` }
  }

  it('pings', async () => {
    expect(await client.ping()).toEqual({ success: true })
    expect(await client.ping({ select: true })).toEqual({ success: true })
  })

  it('inserts rows, streams of rows, and blocks, and reads them', async () => {
    await client.insert({ table: 'clients', values: [...rowsOf(3)], format: 'JSONEachRow' })
    await client.insert({ table: 'clients', values: Readable.from(rowsOf(20_000)), format: 'JSONEachRow' })
    const [n, s] = [column.uint32(), column.text()]
    for (const row of rowsOf(5)) {
      n.push(row.n)
      s.push(row.s)
    }
    const { summary } = await client.exec({
      query: 'INSERT INTO clients FORMAT Native',
      values: Readable.from([encodeBlock({ n, s })], { objectMode: false }),
    })
    expect(summary).toMatchObject({ written_rows: '5' })
    expect(await countRows()).toBe(20_008)
    const answer = await client.query({ query: 'SELECT * FROM clients ORDER BY n', format: 'JSONEachRow' })
    let count = 0
    for await (const rows of answer.stream<{ n: number; s: string }>())
      for (const row of rows) {
        const { n: number, s: words } = row.json()
        if (words !== `row ${number}`) throw new Error(`${number} is ${words}`)
        count += 1
      }
    expect(count).toBe(20_008)
  })

  it('compresses what it sends and what it gets', async () => {
    for (const codec of ['gzip', 'zstd', 'br'] as const) {
      const compressing = clientWith({ compression: { request: { codec }, response: { codec } } })
      const before = await countRows()
      await compressing.insert({
        table: 'clients',
        values: Readable.from(rowsOf(1000)),
        format: 'JSONEachRow',
      })
      expect(await countRows()).toBe(before + 1000)
      const answer = await compressing.query({ query: 'SELECT * FROM clients', format: 'JSONEachRow' })
      expect(answer.response_headers['content-encoding']).toBe(codec)
      expect(await answer.json()).toHaveLength(before + 1000)
      await expect(compressing.query({ query: 'SELECT * FROM no_such_table' })).rejects.toMatchObject({
        code: '60',
      })
    }
  })

  it('binds values, in the address and in a form', async () => {
    const values = {
      text: `it's "\\" \n\t;`,
      list: ['a', `b'c`],
      map: { k: 'v' },
      none: null,
      at: new Date(1000),
    }
    const query = `SELECT {text:String} AS text, {list:Array(String)} AS list, {map:Map(String, String)} AS map,
      {none:Nullable(String)} AS none, {at:DateTime64(3, 'UTC')} AS at`
    for (const isForm of [false, true]) {
      const answer = await client.query({
        query,
        query_params: values,
        use_multipart_params: isForm,
        format: 'JSONEachRow',
      })
      expect(await answer.json()).toEqual([{ ...values, at: '1970-01-01 00:00:01.000' }])
    }
  })

  it('sets what holds for one statement', async () => {
    const query = `SELECT getSetting('max_block_size') AS size`
    const sizes = await Promise.all(
      [undefined, '7', undefined].map(async (size) => {
        const answer = await client.query({
          query,
          format: 'JSONEachRow',
          ...(size === undefined ? {} : { clickhouse_settings: { max_block_size: size } }),
        })
        const [row] = await answer.json<{ size: unknown }>()
        return String(row?.size)
      }),
    )
    expect(sizes[1]).toBe('7')
    expect(sizes[0]).toBe(sizes[2])
    expect(sizes[0]).not.toBe('7')
  })

  it('hears of what fails, before the first row and after', async () => {
    await expect(client.command({ query: 'SELEKT 1' })).rejects.toMatchObject({ code: '62' })
    await expect(
      client.insert({ table: 'clients', values: [{ n: 'x' }], format: 'JSONEachRow' }),
    ).rejects.toMatchObject({
      code: '27',
    })
    const answer = await client.query({
      query: `SELECT throwIf(number = 3000000, 'late') AS x FROM numbers(4000000)`,
      format: 'JSONEachRow',
    })
    const reading = (async () => {
      for await (const rows of answer.stream()) if (rows.length === 0) throw new Error('no rows')
    })()
    await expect(reading).rejects.toMatchObject({ code: '395', message: expect.stringContaining('late') })
  })

  it('aborts', async () => {
    const abort = new AbortController()
    const asked = client.query({
      query: `SELECT count() FROM numbers(3000) WHERE NOT ignore(sleepEachRow(0.02), 'aborted') SETTINGS max_block_size = 1`,
      abort_signal: abort.signal,
    })
    const running = async (): Promise<string | undefined> => {
      const [row] = await server.store.query<{ count: string }>(
        sql`SELECT count() AS count FROM system.processes WHERE position(query, 'aborted') > 0 AND position(query, 'system.processes') = 0`,
      )
      return row?.count
    }
    await eventually(async () => expect(await running()).toBe('1'), 10_000)
    abort.abort()
    await expect(asked).rejects.toThrow('aborted')
    await eventually(async () => expect(await running()).toBe('0'), 10_000)
  })
})

describe("ClickHouse's own compression", () => {
  const post = async (address: string, body: Buffer | string): Promise<{ status: number; body: Buffer }> => {
    const response = await fetch(`${server.url}/?${address}`, { method: 'POST', body: body as BodyInit })
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()) }
  }

  it('is in answers that are asked for so, exceptions included', async () => {
    const bytesMaxByMethod = { LZ4: 2_500_000, ZSTD: 2_000_000, NONE: 4_000_000 }
    for (const [method, bytesMax] of Object.entries(bytesMaxByMethod)) {
      const address = `compress=1&network_compression_method=${method}`
      const answer = await post(address, 'SELECT number FROM numbers(500000)')
      expect((await plainOf(answer.body)).toString().split('\n')).toHaveLength(500_001)
      expect(answer.body.length).toBeLessThan(bytesMax)
      const refused = await post(address, 'SELECT no_such_column')
      expect(refused.status).toBe(404)
      expect((await plainOf(refused.body)).toString()).toMatch(/^Code: 47\. /)
    }
    const unknown = await post('compress=1&network_compression_method=rot13', 'SELECT 1')
    expect(unknown.body.toString()).toContain('network_compression_method is none of')
  })

  it('is read from bodies, of statements and of rows', async () => {
    await post('', 'CREATE TABLE framed (n UInt64) ENGINE = MergeTree ORDER BY n')
    const rows = Buffer.from(Array.from({ length: 200_000 }, (_, n) => `${n}\n`).join(''))
    for (const method of ['lz4', 'zstd', 'none'] as const) {
      const body = await gather(compressBlocks(Readable.from([rows]), method))
      expect(await post('decompress=1&query=INSERT+INTO+framed+FORMAT+TSV', body)).toMatchObject({
        status: 200,
      })
    }
    const statement = compressBlock(Buffer.from('SELECT count(), sum(n) FROM framed'), 'lz4')
    expect((await post('decompress=1', statement)).body.toString()).toBe(`600000\t${3 * 19_999_900_000}\n`)
    const damaged = compressBlock(Buffer.from('1\n'), 'lz4')
    damaged[0] = (damaged[0] as number) ^ 1
    const refused = await post('decompress=1&query=INSERT+INTO+framed+FORMAT+TSV', damaged)
    expect(refused.body.toString()).toContain('CHECKSUM_DOESNT_MATCH')
  })
})

/** As clickhouse-go sent and understood it, under every compression that it has; see record-store-clients.ts. */
describe('clickhouse-go, as recorded', () => {
  const decoded = async (body: Buffer, { request, answer }: Exchange): Promise<Buffer> => {
    if (request.url.includes('compress=1') && body.length > 0) return plainOf(body)
    const encoding = answer.headers['content-encoding']
    if (encoding === 'gzip') return gunzipSync(body)
    return encoding === 'br' ? brotliDecompressSync(body) : body
  }
  /** The version of the engine may be another. */
  const comparable = (plain: Buffer, { request, answer }: Exchange): string => {
    if (isGreeting(Buffer.from(request.body, 'base64'))) return ''
    return answer.status === 200 ? plain.toString('hex') : plain.toString().replace(/\(version .*/s, '')
  }

  it('is answered the same', async () => {
    const exchanges = readExchanges()
    expect(exchanges.length).toBeGreaterThan(50)
    for (const exchange of exchanges) {
      const { request, answer } = exchange
      const response = await fetch(server.url + request.url, {
        method: 'POST',
        headers: request.headers,
        body: Buffer.from(request.body, 'base64'),
      })
      const body = Buffer.from(await response.arrayBuffer())
      const expected = await decoded(Buffer.from(answer.body, 'base64'), exchange)
      // What HTTP knows is decoded by now.
      const isDecoded = response.headers.has('content-encoding')
      const plain = isDecoded ? body : await decoded(body, exchange)
      expect([request.url, response.status, comparable(plain, exchange)]).toEqual([
        request.url,
        answer.status,
        comparable(expected, exchange),
      ])
      for (const [name, value] of Object.entries(answer.headers))
        expect(response.headers.get(name)).toBe(value)
    }
  })
})
