/**
 * The embedded engine behind ClickHouse's HTTP interface, as far as statements go (no rows in a request's body): a server that
 * several real processes can share in a test.
 */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { type ClickHouseClient, type ClickHouseClientConfigOptions, createClient } from '@clickhouse/client'
import { createChdbConnection } from 'chdb/connection'
import { messageOf } from '#runtime/errors.ts'

export interface ClickHouseHttp {
  url: string
  stop(): Promise<void>
}

/** Statements that run side by side; one of them may be long. */
const sessionCount = 6

export const startClickHouseHttp = async (path: string): Promise<ClickHouseHttp> => {
  const sessions = Array.from({ length: sessionCount }, () =>
    createClient({
      connection: createChdbConnection({ path }) as unknown as NonNullable<
        ClickHouseClientConfigOptions['connection']
      >,
    }),
  )
  const free = [...sessions]
  const waiting: ((session: ClickHouseClient) => void)[] = []
  const take = (): Promise<ClickHouseClient> | ClickHouseClient => {
    const { promise, resolve } = Promise.withResolvers<ClickHouseClient>()
    return free.pop() ?? (waiting.push(resolve), promise)
  }
  const give = (session: ClickHouseClient): void => {
    const next = waiting.shift()
    if (next === undefined) free.push(session)
    else next(session)
  }

  const answer = async (request: IncomingMessage): Promise<Buffer> => {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const query = (searchParams.get('query') ?? '') + (await text(request))
    const session = await take()
    try {
      await session.command({ query: `USE \`${searchParams.get('database') ?? 'default'}\`` })
      const { stream } = await session.exec({ query })
      return await buffer(stream)
    } finally {
      give(session)
    }
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (body) => response.end(body),
      (error: unknown) => {
        const { code, type } = error as { code?: string; type?: string }
        response.writeHead(500, { 'x-clickhouse-exception-code': code ?? '1' })
        response.end(`Code: ${code ?? 1}. DB::Exception: ${messageOf(error)} (${type ?? 'UNKNOWN'})`)
      },
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await Promise.all(sessions.map((session) => session.close()))
    },
  }
}
