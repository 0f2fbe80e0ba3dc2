/**
 * The embedded engine behind ClickHouse's HTTP interface, as far as @clickhouse/client uses it here: a server that several real
 * processes can share in a test. Statements come in the body, or in the address with a Native block in the body; settings in
 * the address hold for one request; a SELECT streams, so that an error after the first rows breaks the answer off, unless
 * `wait_end_of_query` asks for all of it first. It knows no users, no compression, no sessions and no query ids.
 */
import { randomUUID } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { type ClickHouseClient, type ClickHouseClientConfigOptions, createClient } from '@clickhouse/client'
import { type ChdbConnection, createChdbConnection } from 'chdb/connection'
import { messageOf } from '#runtime/errors.ts'

export interface ClickHouseHttp {
  url: string
  stop(): Promise<void>
}

/** Statements that run side by side; one of them may be long. UV_THREADPOOL_SIZE has to exceed it. */
const sessionCount = 12

interface Session {
  client: ClickHouseClient
  connection: ChdbConnection
}

export const startClickHouseHttp = async (path: string): Promise<ClickHouseHttp> => {
  const sessions = Array.from({ length: sessionCount }, () => openSession(path))
  const free = [...sessions]
  const waiting: ((session: Session) => void)[] = []
  const take = (): Promise<Session> | Session => {
    const { promise, resolve } = Promise.withResolvers<Session>()
    return free.pop() ?? (waiting.push(resolve), promise)
  }
  const give = (session: Session): void => {
    const next = waiting.shift()
    if (next === undefined) free.push(session)
    else next(session)
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = await readRequest(request)
    const session = await take()
    try {
      await withSettings(session, asked, () => run(session, asked, response))
    } finally {
      give(session)
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).then(
      () => response.end(),
      (error: unknown) => endWithError(response, error),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await Promise.all(sessions.map(({ client }) => client.close()))
    },
  }
}

const openSession = (path: string): Session => {
  const connection = createChdbConnection({ path })
  const client = createClient({
    connection: connection as unknown as NonNullable<ClickHouseClientConfigOptions['connection']>,
  })
  return { client, connection }
}

interface Asked {
  database: string
  statement: string
  /** Rows in the Native format, for the INSERT that the address holds. */
  block: Buffer | undefined
  settings: [name: string, value: string][]
  isWhole: boolean
}

/** Parameters of the HTTP interface that are no settings of the engine. */
const notSettings = new Set(['query', 'database', 'query_id', 'wait_end_of_query'])

const readRequest = async (request: IncomingMessage): Promise<Asked> => {
  const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
  const inAddress = searchParams.get('query') ?? ''
  const body = await buffer(request)
  const isInsert = /\bFORMAT Native\s*$/.test(inAddress)
  return {
    database: searchParams.get('database') ?? 'default',
    statement: isInsert ? inAddress : inAddress + body.toString(),
    block: isInsert ? body : undefined,
    settings: [...searchParams].filter(([name]) => !notSettings.has(name)),
    isWhole: searchParams.get('wait_end_of_query') === '1',
  }
}

const withSettings = async (
  { client }: Session,
  { database, settings }: Asked,
  act: () => Promise<void>,
): Promise<void> => {
  await client.command({ query: `USE \`${database}\`` })
  try {
    for (const [name, value] of settings)
      await client.command({ query: `SET ${name} = '${value.replaceAll("'", "''")}'` })
    await act()
  } finally {
    for (const [name] of settings) await client.command({ query: `SET ${name} = DEFAULT` })
  }
}

const run = async (
  { client, connection }: Session,
  { statement, block, isWhole }: Asked,
  response: ServerResponse,
): Promise<void> => {
  if (block !== undefined) return insertBlock(client, statement, block)
  if (isWhole || !isStreamed(statement)) {
    const { stream } = await client.exec({ query: statement })
    response.write(await buffer(stream))
    return
  }
  for await (const chunk of connection.chdb.queryStream(statement, { format: 'JSONEachRow' }))
    response.write(chunk.raw())
}

const isStreamed = (statement: string): boolean =>
  /\bSELECT\b.*\bFORMAT JSONEachRow\b/s.test(statement) && !/\b(EXPLAIN|INSERT)\b/.test(statement)

/** chDB takes no bytes beside a statement; it reads them from a file as a client of the server would. */
const insertBlock = async (client: ClickHouseClient, statement: string, block: Buffer): Promise<void> => {
  const file = join(tmpdir(), `clickhouse-http-${randomUUID()}.native`)
  await writeFile(file, block)
  try {
    const query = statement.replace(/(INSERT INTO \S+ \([^)]*\))/, (into) => `${into} FROM INFILE '${file}'`)
    await client.command({ query })
  } finally {
    await rm(file, { force: true })
  }
}

const endWithError = (response: ServerResponse, error: unknown): void => {
  const { code, type } = error as { code?: string; type?: string }
  const text = messageOf(error).startsWith('Code: ')
    ? messageOf(error)
    : `Code: ${code ?? 1}. DB::Exception: ${messageOf(error)} (${type ?? 'UNKNOWN'})`
  if (response.headersSent) {
    response.write(text, () => response.destroy())
    return
  }
  response.writeHead(500, { 'x-clickhouse-exception-code': /^\d+$/.test(code ?? '') ? code : '1' })
  response.end(text)
}
