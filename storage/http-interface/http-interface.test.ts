import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { buffer, text as textOf } from 'node:stream/consumers'
import {
  brotliCompressSync,
  deflateSync,
  gzipSync,
  gunzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../test/harness/eventually.ts'
import { type OpenInterface, openInterface } from '../../test/harness/http-interface.ts'
import { sql } from '../sql.ts'
import { blockFolders } from '../engine/data-folder.ts'

let server: OpenInterface
beforeAll(async () => void (server = await openInterface()))
afterAll(() => server.stop())

const outcomeMillisMax = 10_000
const ask: OpenInterface['ask'] = (statement, parameters) => server.ask(statement, parameters)
const askRows = async (statement: string, parameters?: Record<string, string>): Promise<string> => {
  const { status, text } = await ask(statement, parameters)
  if (status !== 200) throw new Error(text)
  return text.trimEnd()
}
const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${server.url}${path}`, init)
let tableCount = 0
const createTable = async (
  columns = '(n UInt32, s String) ENGINE = MergeTree ORDER BY n',
): Promise<string> => {
  const table = `t${tableCount++}`
  await askRows(`CREATE TABLE ${table} ${columns}`)
  return table
}
/** Statements that the engine is at and that have this in their text. */
const running = async (token: string): Promise<number> => {
  const [row] = await server.store.query<{ count: string }>(
    sql`SELECT count() AS count FROM system.processes WHERE position(query, ${sql.string(token)}) > 0 AND position(query, 'system.processes') = 0`,
  )
  return Number(row?.count)
}
const untilRunning = (token: string, count: number): Promise<void> =>
  eventually(async () => expect(await running(token)).toBe(count), outcomeMillisMax)
const slow = (token: string): string =>
  `SELECT count() FROM numbers(3000) WHERE NOT ignore(sleepEachRow(0.02), '${token}') SETTINGS max_block_size = 1`

describe('addresses', () => {
  it('answer health checks as a server does', async () => {
    for (const path of ['/', '/ping', '/replicas_status']) {
      const response = await get(path)
      expect([path, response.status, await response.text()]).toEqual([path, 200, 'Ok.\n'])
    }
    expect((await get('/play')).status).toBe(404)
  })

  it('take statements in the address, in the body, or in both', async () => {
    expect(await (await get('/?query=SELECT%201')).text()).toBe('1\n')
    expect(await askRows('SELECT 2')).toBe('2')
    expect(await askRows('3', { query: 'SELECT' })).toBe('3')
    expect(await askRows('SELECT 4;')).toBe('4')
    expect((await get('/?query=SELECT%201', { method: 'HEAD' })).status).toBe(200)
  })

  it('refuse what is no statement', async () => {
    expect(await ask('')).toMatchObject({ status: 400, text: expect.stringContaining('query is empty') })
    expect(await ask('SELECT 1; SELECT 2')).toMatchObject({
      status: 400,
      text: expect.stringContaining('Multi-statements are not allowed'),
    })
    expect((await get('/?query=SELECT%201', { method: 'PUT', body: '' })).status).toBe(501)
    const latin1 = await get('/', { method: 'POST', body: Buffer.from("SELECT '\xe9'", 'latin1') })
    expect(latin1.status).toBe(400)
    expect(await latin1.text()).toContain('not UTF-8')
    const long = `SELECT length('${'x'.repeat(300_000)}')`
    expect((await ask(long)).text).toContain('Max query size exceeded')
    expect(await askRows(long, { max_query_size: '400000' })).toBe('300000')
  })

  it('that are none are refused, and harm nobody', async () => {
    const { hostname, port } = new URL(server.url)
    for (const path of ['//', '//[', '/%', '/?%zz=%'])
      for (const method of ['GET', 'POST']) {
        const socket = connect(Number(port), hostname)
        socket.write(`${method} ${path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n`)
        expect(await textOf(socket)).toMatch(/^HTTP\/1\.1 (?:200|400|404) /)
      }
    expect((await ask('SELECT 1', { session_timezone: 'Asia/Seoul\r\nx-injected: 1' })).status).toBe(400)
    expect((await ask('SELECT 1', { query_id: 'a\r\nx-injected: 1' })).status).toBe(400)
    expect(await askRows('SELECT 1')).toBe('1')
  })

  it('let nothing be written by GET', async () => {
    const created = await get('/?query=CREATE%20TABLE%20no%20(n%20UInt8)%20ENGINE%20%3D%20Memory')
    expect(created.headers.get('x-clickhouse-exception-code')).toBe('164')
    const table = await createTable()
    const inserted = await get(`/?query=INSERT%20INTO%20${table}%20VALUES%20(1,%20'a')`)
    expect(inserted.headers.get('x-clickhouse-exception-code')).toBe('164')
    const unlocked = await get('/?query=SELECT%201%20SETTINGS%20readonly%20%3D%200')
    expect(unlocked.headers.get('x-clickhouse-exception-code')).toBe('164')
    expect(await askRows(`SELECT count() FROM ${table}`)).toBe('0')
  })
})

describe('an answer', () => {
  it('says of itself what a server does', async () => {
    const { headers } = await ask('SELECT 1 FORMAT JSON', {
      query_id: 'an id',
      session_timezone: 'Asia/Seoul',
    })
    expect(headers.get('content-type')).toBe('application/json; charset=UTF-8')
    expect(headers.get('x-clickhouse-format')).toBe('JSON')
    expect(headers.get('x-clickhouse-query-id')).toBe('an id')
    expect(headers.get('x-clickhouse-timezone')).toBe('Asia/Seoul')
    expect(headers.get('x-clickhouse-server-display-name')).toBeTruthy()
    expect(headers.get('x-clickhouse-exception-tag')).toMatch(/^[a-z0-9]{16}$/)
    expect(JSON.parse(headers.get('x-clickhouse-summary') ?? '')).toMatchObject({ result_rows: '1' })
    const table = await createTable()
    const inserted = await ask(`INSERT INTO ${table} VALUES (1, 'a'), (2, 'b')`)
    expect(JSON.parse(inserted.headers.get('x-clickhouse-summary') ?? '')).toMatchObject({
      written_rows: '2',
    })
  })

  it('has an id of its own where none was given', async () => {
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await ask('SELECT 1')).headers.get('x-clickhouse-query-id')),
    )
    expect(new Set(ids).size).toBe(3)
  })

  it('has the format of the statement, of a header, or of the address, in this order', async () => {
    const parameters = { default_format: 'CSV' }
    expect(await askRows(`SELECT 'a', 1`)).toBe('a\t1')
    expect(await askRows(`SELECT 'a', 1`, parameters)).toBe('"a",1')
    expect(await askRows(`SELECT 'a', 1 FORMAT Values`, parameters)).toBe(`('a',1)`)
    const headed = await get('/?default_format=CSV', {
      method: 'POST',
      body: 'SELECT 1 AS x',
      headers: { 'x-clickhouse-format': 'JSONEachRow' },
    })
    expect(await headed.text()).toBe('{"x":1}\n')
    expect(await askRows("SHOW DATABASES LIKE 'otel'", parameters)).toBe('"otel"')
    expect(await ask('SELECT 1', { default_format: 'Nonsense' })).toMatchObject({ status: 404 })
    expect(await ask('SELECT 1', { default_format: 'CSV INTO OUTFILE' })).toMatchObject({ status: 404 })
  })

  it('comes whole in every format that has a beginning and an end', async () => {
    const query = 'SELECT toUInt32(number) AS n, toString(number) AS s FROM numbers(200000)'
    const rows = JSON.parse(await askRows(`${query} FORMAT JSON`)) as { rows: number; data: unknown[] }
    expect([rows.rows, rows.data.length]).toEqual([200_000, 200_000])
    const table = await createTable()
    for (const format of [
      'Parquet',
      'ArrowStream',
      'Native',
      'RowBinary',
      'CSVWithNames',
      'JSONCompactEachRow',
    ]) {
      const answer = await get('/', { method: 'POST', body: `${query} FORMAT ${format}` })
      const inserted = await get(`/?query=INSERT%20INTO%20${table}%20FORMAT%20${format}`, {
        method: 'POST',
        body: await answer.arrayBuffer(),
      })
      expect([format, inserted.status]).toEqual([format, 200])
      const [count] = await server.store.query(sql`
        SELECT count() AS count, sum(n) AS sum, countIf(s = toString(n)) AS same FROM default.${sql.identifier(table)}`)
      expect([format, count]).toEqual([format, { count: '200000', sum: '19999900000', same: '200000' }])
      await askRows(`TRUNCATE TABLE ${table}`)
    }
  })

  it('is no larger in this process than what is on its way, however large it is', async () => {
    const response = await get('/?query=SELECT%20*%20FROM%20numbers(30000000)%20FORMAT%20RowBinary')
    const before = process.memoryUsage().rss
    let byteCount = 0
    let most = 0
    for await (const chunk of response.body ?? []) {
      byteCount += (chunk as Uint8Array).length
      most = Math.max(most, process.memoryUsage().rss - before)
    }
    expect(byteCount).toBe(240_000_000)
    expect(most).toBeLessThan(150 << 20)
  })

  it('is stopped in the engine when nobody reads on', async () => {
    for (const encoding of ['identity', 'gzip']) {
      const token = `unread-${encoding}`
      const abort = new AbortController()
      const response = await fetch(`${server.url}/?enable_http_compression=1`, {
        method: 'POST',
        body: `SELECT number, '${token}' FROM numbers(10000000000)`,
        headers: { 'accept-encoding': encoding },
        signal: abort.signal,
      })
      expect(response.status).toBe(200)
      expect(await running(token)).toBe(1)
      abort.abort()
      await untilRunning(token, 0)
    }
    // Every place was given back.
    const answers = Array.from({ length: 8 }, (_, n) => askRows(`SELECT ${n}`))
    expect(await Promise.all(answers)).toEqual(answers.map((_, n) => String(n)))
  })

  it('is stopped in the engine when its client goes before its first row', async () => {
    const token = 'early-leaver'
    const abort = new AbortController()
    const asked = fetch(server.url, { method: 'POST', body: slow(token), signal: abort.signal }).catch(
      () => 'gone',
    )
    await untilRunning(token, 1)
    abort.abort()
    expect(await asked).toBe('gone')
    await untilRunning(token, 0)
  })

  it('is held until its end is known where that is wanted, in a file where it is long', async () => {
    const query = `SELECT throwIf(number = 2999999), repeat('x', 10) FROM numbers(3000000)`
    expect((await ask(query, { wait_end_of_query: '1' })).status).toBe(500)
    const whole = await askRows('SELECT number FROM numbers(3000000)', { wait_end_of_query: '1' })
    expect(whole.split('\n').length).toBe(3_000_000)
    const { memory, disk } = blockFolders(server.dataDir)
    const files = await Promise.all([memory ?? disk, disk].map((folder) => readdir(`${folder}/http`)))
    expect(files.flat().filter((name) => name.startsWith('body-'))).toEqual([])
  })
})

describe('an exception', () => {
  it('has the status of its code, and the words of the engine', async () => {
    const known: [statement: string, status: number, code: number, words: RegExp][] = [
      [
        'SELECT * FROM no_such_table',
        404,
        60,
        /^Code: 60\. DB::Exception: .*no_such_table.* \(UNKNOWN_TABLE\) \(version /,
      ],
      ['SELECT no_such_column', 404, 47, /\(UNKNOWN_IDENTIFIER\) \(version /],
      ['SELEKT 1', 400, 62, /failed at position 1 \(SELEKT\).*\(SYNTAX_ERROR\) \(version /],
      ['SELECT 1 FROM', 400, 62, /end of query/],
      ['SELECT 1 AS', 400, 62, /SYNTAX_ERROR/],
      [`SELECT throwIf(1, 'as asked')`, 500, 395, /as asked/],
      [
        'SELECT 1 FORMAT AvroConfluent',
        400,
        36,
        /^Code: 36\. DB::Exception: Empty Schema Registry URL\. \(BAD_ARGUMENTS\) \(version [^()]*\)\n$/,
      ],
      [`SELECT toUInt8('x')`, 400, 6, /CANNOT_PARSE_TEXT/],
      ['SELECT sleep(1) SETTINGS max_execution_time = 0.1', 408, 159, /TIMEOUT_EXCEEDED/],
      [`INSERT INTO no_such_table FORMAT CSV\n1`, 404, 60, /UNKNOWN_TABLE/],
    ]
    for (const [statement, status, code, words] of known) {
      const answer = await ask(statement)
      expect([statement, answer.status, answer.headers.get('x-clickhouse-exception-code')]).toEqual([
        statement,
        status,
        String(code),
      ])
      expect(answer.text).toMatch(words)
      expect(answer.text).not.toContain('query_id')
      expect(answer.text).not.toContain('OUTFILE')
    }
  })

  it('after the first rows ends the answer in the way that clients look for, and breaks it off', async () => {
    const response = await get('/', {
      method: 'POST',
      body: `SELECT throwIf(number = 3000000, 'late') FROM numbers(4000000)`,
    })
    expect(response.status).toBe(200)
    const tag = response.headers.get('x-clickhouse-exception-tag')
    const chunks: Buffer[] = []
    const reading = async (): Promise<void> => {
      for await (const chunk of response.body ?? []) chunks.push(Buffer.from(chunk as Uint8Array))
    }
    await expect(reading()).rejects.toThrow('terminated')
    const text = Buffer.concat(chunks).toString()
    const [, message = '', length] =
      new RegExp(`\r\n__exception__\r\n${tag}\r\n(Code: 395[^]*\n)(\\d+) ${tag}\r\n__exception__\r\n$`).exec(
        text,
      ) ?? []
    expect(message).toContain('late')
    expect(Number(length)).toBe(message.length)
  })
})

describe('parameters', () => {
  it('are values for the engine, of the types that the statement says', async () => {
    const known: [type: string, value: string, shown: string][] = [
      ['UInt8', '255', '255'],
      ['String', `it's "x" \\\\ ; DROP TABLE a; --`, `it's "x" \\ ; DROP TABLE a; --`],
      ['String', 'a\\tb\\nc', 'a\tb\nc'],
      ['String', '값 🙂', '값 🙂'],
      ['Array(String)', `['a','b\\'c']`, `['a','b\\'c']`],
      ['Map(String, UInt8)', `{'a':1}`, `{'a':1}`],
      ['Nullable(String)', '\\N', '\\N'],
      ['DateTime64(3)', '2026-01-02 03:04:05.678', '2026-01-02 03:04:05.678'],
    ]
    for (const [type, value, shown] of known)
      expect([type, await askRows(`SELECT {x:${type}} FORMAT TSVRaw`, { param_x: value })]).toEqual([
        type,
        shown,
      ])
    expect(
      await askRows('SELECT name FROM {table:Identifier} LIMIT 1', {
        param_table: 'databases',
        database: 'system',
      }),
    ).not.toBe('')
    expect(await askRows('SELECT length({x:String})', { param_x: 'x'.repeat(700_000) })).toBe('700000')
    const table = await createTable()
    await askRows(`INSERT INTO ${table} VALUES ({n:UInt32}, {s:String})`, { param_n: '7', param_s: 'seven' })
    expect(await askRows(`SELECT * FROM ${table}`)).toBe('7\tseven')
  })

  it('that do not fit are refused, and are gone with their request', async () => {
    expect((await ask('SELECT {x:UInt8}', { param_x: '1; DROP' })).text).toContain('BAD_QUERY_PARAMETER')
    expect((await ask('SELECT {x:UInt8}')).text).toContain('UNKNOWN_QUERY_PARAMETER')
    expect((await ask('SELECT 1', { 'param_x = 1, y': '1' })).text).toContain('cannot be the name')
  })

  it('may come in a form, with tables', async () => {
    const form = new FormData()
    form.set('query', 'SELECT sum(n), any(name), {x:String} FROM given')
    form.set('param_x', `'x'`)
    form.set('given', new Blob(['1\ta\n2\ta\n']), 'given.tsv')
    const answer = await get('/?given_structure=n%20UInt8,%20name%20String', { method: 'POST', body: form })
    expect(await answer.text()).toBe(`3\ta\t\\'x\\'\n`)
    expect((await ask('SELECT * FROM given')).status).toBe(404)
  })

  it('side by side do not meet', async () => {
    const values = Array.from({ length: 40 }, (_, n) => `value ${n}`)
    expect(
      await Promise.all(values.map((value) => askRows('SELECT {x:String}', { param_x: value }))),
    ).toEqual(values)
  })
})

describe('settings', () => {
  const shown = (name: string, parameters?: Record<string, string>): Promise<string> =>
    askRows(`SELECT getSetting('${name}')`, parameters)

  it('hold for their request only', async () => {
    const before = await shown('max_block_size')
    expect(await shown('max_block_size', { max_block_size: '7' })).toBe('7')
    await ask('SELECT throwIf(1)', { max_block_size: '8', readonly: '1' })
    const everywhere = await Promise.all(Array.from({ length: 12 }, () => shown('max_block_size')))
    expect(new Set(everywhere)).toEqual(new Set([before]))
    expect(await askRows('SELECT timezone()', { session_timezone: 'Asia/Seoul' })).toBe('Asia/Seoul')
  })

  it('that are none, or wrong, are refused', async () => {
    expect(await ask('SELECT 1', { no_such_setting: '1' })).toMatchObject({
      status: 404,
      text: expect.stringContaining(`Unknown setting 'no_such_setting'`),
    })
    expect((await ask('SELECT 1', { max_threads: `1', readonly = '0` })).status).not.toBe(200)
    expect((await ask('SELECT 1', { 'max_threads = 1, x': '1' })).status).toBe(404)
    expect((await ask('SELECT 1', { session_timeout: 'soon' })).status).toBe(400)
  })

  it('say in which database names are', async () => {
    await askRows('CREATE DATABASE `od``d; name`')
    expect(await askRows('SELECT currentDatabase()', { database: 'od`d; name' })).toBe('od`d; name')
    expect(
      await (
        await get('/?query=SELECT%20currentDatabase()', { headers: { 'x-clickhouse-database': 'otel' } })
      ).text(),
    ).toBe('otel\n')
    expect(await askRows('SELECT currentDatabase()')).toBe('default')
    expect((await ask('SELECT 1', { database: 'no_such_database' })).status).toBe(404)
  })
})

describe('rows that come in', () => {
  const insert = async (
    query: string,
    body: Buffer | string,
    init: RequestInit = {},
    more = '',
  ): Promise<Response> =>
    get(`/?query=${encodeURIComponent(query)}${more}`, { method: 'POST', body: body as BodyInit, ...init })

  it('are read in the format that the statement says, wherever it ends', async () => {
    const table = await createTable()
    expect(
      (await insert(`INSERT INTO ${table} FORMAT JSONEachRow`, '{"n":1,"s":"a"}\n{"n":2,"s":"b"}')).status,
    ).toBe(200)
    await askRows(`INSERT INTO ${table} FORMAT CSV\n3,c\n4,"d; e"\n`)
    await askRows(`INSERT INTO ${table} (s, n) VALUES ('it''s', 5), (concat('a', 'b'), 6)`)
    await askRows(`INSERT INTO ${table} SELECT n + 10, s FROM input('n UInt32, s String') FORMAT TSV\n7\tg`)
    await askRows(`INSERT INTO ${table} SELECT n + 100, s FROM ${table} WHERE n < 3`)
    expect(await askRows(`SELECT * FROM ${table} ORDER BY n FORMAT Values`)).toBe(
      `(1,'a'),(2,'b'),(3,'c'),(4,'d; e'),(5,'it\\'s'),(6,'ab'),(17,'g'),(101,'a'),(102,'b')`,
    )
    expect((await insert(`INSERT INTO ${table} FORMAT JSONEachRow`, '')).status).toBe(200)
  })

  it('are taken in every encoding that is known', async () => {
    const table = await createTable()
    const body = Buffer.from('1\ta\n'.repeat(1000))
    const encodings: Record<string, Buffer> = {
      gzip: gzipSync(body),
      deflate: deflateSync(body),
      br: brotliCompressSync(body),
      zstd: zstdCompressSync(body),
    }
    for (const [encoding, bytes] of Object.entries(encodings)) {
      const answer = await insert(`INSERT INTO ${table} FORMAT TSV`, bytes, {
        headers: { 'content-encoding': encoding },
      })
      expect([encoding, answer.status]).toEqual([encoding, 200])
    }
    // Only the engine knows LZ4's frames; it writes one, and has to read it back.
    const path = `${server.dataDir}/rows.lz4`
    await askRows(
      `INSERT INTO FUNCTION file('${path}', 'TSV', 'n UInt32, s String', 'lz4') SELECT 1, 'a' FROM numbers(1000)`,
    )
    const { readFile } = await import('node:fs/promises')
    const lz4 = await insert(`INSERT INTO ${table} FORMAT TSV`, await readFile(path), {
      headers: { 'content-encoding': 'lz4' },
    })
    expect([lz4.status, await lz4.text()]).toEqual([200, ''])
    expect(await askRows(`SELECT count() FROM ${table}`)).toBe('5000')
    const broken = await insert(`INSERT INTO ${table} FORMAT TSV`, Buffer.from('no gzip'), {
      headers: { 'content-encoding': 'gzip' },
    })
    expect(await broken.text()).toContain('CANNOT_DECOMPRESS')
    const unknown = await insert(`INSERT INTO ${table} FORMAT TSV`, body, {
      headers: { 'content-encoding': 'rot13' },
    })
    expect(await unknown.text()).toContain('Content-Encoding is none of')
    expect(await askRows(`SELECT count() FROM ${table}`)).toBe('5000')
  })

  it('are in as a whole or not at all, where the client leaves half-way', async () => {
    const table = await createTable()
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    const body = '1\ta\n'.repeat(10_000)
    socket.write(
      `POST /?query=INSERT%20INTO%20${table}%20FORMAT%20TSV HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length + 4}\r\n\r\n${body}`,
    )
    const { memory, disk } = blockFolders(server.dataDir)
    const bodies = async (): Promise<string[]> =>
      (await readdir(`${memory ?? disk}/http`)).filter((name) => name.startsWith('body-'))
    await eventually(async () => expect(await bodies()).toHaveLength(1), outcomeMillisMax)
    socket.destroy()
    await eventually(async () => expect(await bodies()).toEqual([]), outcomeMillisMax)
    expect(await askRows(`SELECT count() FROM ${table}`)).toBe('0')
  })

  it('may be many megabytes, of which few are in memory', async () => {
    const table = await createTable()
    const block = Buffer.from(
      await (
        await get(
          `/?query=SELECT%20toUInt32(number)%20AS%20n,%20repeat('x',%20100)%20AS%20s%20FROM%20numbers(20000)%20FORMAT%20Native`,
        )
      ).arrayBuffer(),
    )
    const blocks = 60
    let most = 0
    const before = process.memoryUsage().rss
    let given = 0
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        most = Math.max(most, process.memoryUsage().rss - before)
        if (given++ < blocks) controller.enqueue(block)
        else controller.close()
      },
    })
    const answer = await insert(`INSERT INTO ${table} FORMAT Native`, '', {
      body,
      duplex: 'half',
    } as RequestInit)
    expect(answer.status).toBe(200)
    expect(block.length * blocks).toBeGreaterThan(100_000_000)
    expect(await askRows(`SELECT count() FROM ${table}`)).toBe(String(20_000 * blocks))
    expect(most).toBeLessThan(150 << 20)
  })
})

describe('compressed answers', () => {
  it('come in the encoding that the client prefers, when it asks for any', async () => {
    const query = '/?query=SELECT%20number%20FROM%20numbers(1000)&enable_http_compression=1'
    const plain = await askRows('SELECT number FROM numbers(1000)')
    const { hostname, port } = new URL(server.url)
    const raw = async (path: string, accepted: string): Promise<Buffer> => {
      const socket = connect(Number(port), hostname)
      socket.write(`GET ${path} HTTP/1.0\r\nAccept-Encoding: ${accepted}\r\n\r\n`)
      return buffer(socket)
    }
    const bodyOf = (answer: Buffer): Buffer => answer.subarray(answer.indexOf('\r\n\r\n') + 4)
    const gzip = await raw(query, 'gzip, identity')
    expect(gzip.toString('latin1')).toContain('Content-Encoding: gzip')
    expect(gunzipSync(bodyOf(gzip)).toString().trimEnd()).toBe(plain)
    const zstd = await raw(query, 'gzip, zstd')
    expect(zstdDecompressSync(bodyOf(zstd)).toString().trimEnd()).toBe(plain)
    expect(
      bodyOf(await raw(query, 'rot13'))
        .toString()
        .trimEnd(),
    ).toBe(plain)
    expect(
      bodyOf(await raw(query.replace('=1', '=0'), 'gzip'))
        .toString()
        .trimEnd(),
    ).toBe(plain)
  })
})

describe('a query id', () => {
  it('stands for one statement that runs, which can be killed by it', async () => {
    const id = `it's id 1`
    const asked = ask(slow('killed-by-id'), { query_id: 'id-1' })
    const other = ask(slow('not-killed'), { query_id: id })
    await untilRunning('killed-by-id', 1)
    await untilRunning('not-killed', 1)
    expect((await ask('SELECT 1', { query_id: 'id-1' })).text).toContain(
      'QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING',
    )
    expect(await askRows(`KILL QUERY WHERE query_id = 'id-1' SYNC FORMAT JSONEachRow`)).toContain(
      'killed-by-id',
    )
    expect(await asked).toMatchObject({ status: 500, text: expect.stringContaining('QUERY_WAS_CANCELLED') })
    expect(await running('not-killed')).toBe(1)
    await askRows(`KILL QUERY WHERE position(query, 'not-' || 'killed') > 0 ASYNC`)
    expect((await other).status).toBe(500)
    expect(await askRows('SELECT 1', { query_id: 'id-1' })).toBe('1')
  })

  it('of what waits for its turn keeps it from running', async () => {
    const token = 'fills-all'
    const busy = Array.from({ length: 4 }, () => ask(slow(token)))
    await untilRunning(token, 4)
    const table = `t${tableCount++}`
    const waiting = ask(`CREATE TABLE ${table} (n UInt8) ENGINE = Memory`, { query_id: 'waiting' })
    await eventually(async () => {
      await askRows(`KILL QUERY WHERE query_id = 'waiting' ASYNC`)
      const outcome = await Promise.race([waiting, Promise.resolve('still waiting')])
      expect(outcome).toMatchObject({ text: expect.stringContaining('before it began') })
    }, outcomeMillisMax)
    await askRows(`KILL QUERY WHERE position(query, 'fills' || '-all') > 0 ASYNC`)
    expect((await Promise.all(busy)).map(({ status }) => status)).toEqual([500, 500, 500, 500])
    expect(await askRows(`EXISTS TABLE ${table}`)).toBe('0')
  })
})

describe('progress', () => {
  const rawAnswer = async (path: string, statement: string): Promise<string> => {
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${statement.length}\r\n\r\n${statement}`,
    )
    return textOf(socket)
  }
  const path = '/?send_progress_in_http_headers=1&http_headers_progress_interval_ms=50'

  it('comes in headers while the statement runs', async () => {
    const answer = await rawAnswer(
      path,
      'SELECT count() FROM numbers(100) WHERE NOT ignore(sleepEachRow(0.01)) SETTINGS max_block_size = 5',
    )
    const [head = '', body] = answer.split('\r\n\r\n', 2)
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    const progress = [...head.matchAll(/X-ClickHouse-Progress: (.*)/g)].map(
      ([, json = '']) => JSON.parse(json) as Record<string, string>,
    )
    expect(progress.length).toBeGreaterThan(2)
    const rows = progress.map((entry) => Number(entry['read_rows']))
    expect(rows).toEqual(rows.toSorted((a, b) => a - b))
    expect(Number(progress.at(-1)?.['read_rows'])).toBeGreaterThan(0)
    expect(head).toContain('X-ClickHouse-Summary: ')
    expect(head.match(/X-ClickHouse-Query-Id/g)).toHaveLength(1)
    expect(body).toBe('4\r\n100\n\r\n0')
  })

  it('is followed by the exception where the statement fails', async () => {
    const answer = await rawAnswer(
      path,
      `SELECT throwIf(number = 90, 'as asked') FROM numbers(100) WHERE NOT ignore(sleepEachRow(0.01)) SETTINGS max_block_size = 5`,
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toContain('X-ClickHouse-Exception-Code: 395\r\n')
    expect(answer).toMatch(/__exception__\r\n\w{16}\r\nCode: 395\. DB::Exception: .*as asked/)
    expect(answer.endsWith('0\r\n\r\n')).toBe(true)
  })

  it('of what fails at once leaves the status as it is', async () => {
    expect(await rawAnswer(path, 'SELECT no_such_column')).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
  })
})

describe('a session that a client names', () => {
  const inSession = (statement: string, more: Record<string, string> = {}) =>
    ask(statement, { session_id: 'one', ...more })

  it('keeps what its statements leave, and nothing of what an address says', async () => {
    await inSession('CREATE TEMPORARY TABLE kept (n UInt8)')
    await inSession('INSERT INTO kept VALUES (1), (2)')
    await inSession('SET max_block_size = 77')
    await inSession('USE otel')
    const shown = `SELECT sum(n), getSetting('max_block_size'), getSetting('max_threads'), currentDatabase() FROM kept`
    const usual = (await inSession(shown)).text
    expect(usual).toMatch(/^3\t77\t\d+\totel\n$/)
    expect((await inSession(shown, { max_block_size: '5', max_threads: '3' })).text).toBe('3\t5\t3\totel\n')
    expect((await inSession(shown)).text).toBe(usual)
    expect((await inSession('SELECT 1', { no_such_setting: '1' })).status).toBe(404)
    expect((await inSession(shown)).text).toBe(usual)
    expect((await ask('SELECT * FROM kept')).status).toBe(404)
    expect((await inSession('SELECT * FROM kept', { session_id: 'two' })).status).toBe(404)
  })

  it('is used by one statement at a time', async () => {
    const busy = inSession(slow('in-session'), { session_id: 'busy' })
    await untilRunning('in-session', 1)
    expect((await inSession('SELECT 1', { session_id: 'busy' })).text).toContain('SESSION_IS_LOCKED')
    await askRows(`KILL QUERY WHERE position(query, 'in-' || 'session') > 0 ASYNC`)
    expect((await busy).status).toBe(500)
    expect((await inSession('SELECT 1', { session_id: 'busy' })).text).toBe('1\n')
  })

  it('ends when it is closed, or nobody comes back to it', async () => {
    await inSession('CREATE TEMPORARY TABLE gone (n UInt8)', { session_id: 'closed' })
    await inSession('SELECT 1', { session_id: 'closed', close_session: '1' })
    const check = { session_id: 'closed', session_check: '1' }
    expect((await inSession('SELECT 1', check)).text).toContain('SESSION_NOT_FOUND')
    const short = { session_id: 'short', session_timeout: '0' }
    await inSession('SELECT 1', short)
    await eventually(async () => {
      const { text } = await inSession('SELECT 1', { ...short, session_check: '1' })
      expect(text).toContain('SESSION_NOT_FOUND')
    }, outcomeMillisMax)
    expect((await inSession('SELECT 1', { session_timeout: '4000' })).text).toContain(
      'INVALID_SESSION_TIMEOUT',
    )
  })

  it('cannot be read-only for one request', async () => {
    await inSession('CREATE TEMPORARY TABLE stays (n UInt8)')
    const answer = await get('/?session_id=one&query=SELECT%201')
    expect(await answer.text()).toContain('use POST')
    expect((await inSession('SELECT 1', { readonly: '1' })).status).toBe(501)
    expect((await inSession('SELECT count() FROM stays')).text).toBe('0\n')
  })
})
