/**
 * Records what clickhouse-go sends to `aftertrace store`, and what it is answered, into fixtures/clickhouse-go: needs Go, and its
 * module proxy. `node test/harness/record-store-clients.ts`
 */
import { execFile, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { type IncomingMessage, type ServerResponse, createServer, request as sendRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Exchange, checksumsFile, exchangesFile, isGreeting } from './recorded-exchanges.ts'
import { startStoreProcess } from './store-process.ts'

/** What is longer proves nothing more. */
const bodyBytesMax = 32 << 10
/** What the answer to a request depends on. */
const requestHeaders = ['accept-encoding', 'content-encoding', 'content-type']
const answerHeaders = [
  'content-encoding',
  'content-type',
  'x-clickhouse-format',
  'x-clickhouse-exception-code',
]

const pick = (message: IncomingMessage, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = message.headers[name]
      return typeof value === 'string' ? [[name, value]] : []
    }),
  )

const exchanges: Exchange[] = []

const relay = async (storeUrl: string, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const body = await buffer(request)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { method, url = '/' } = request
  const headers = pick(request, requestHeaders)
  sendRequest(
    new URL(url, storeUrl),
    { method, headers: { ...headers, 'content-length': body.length } },
    resolve,
  )
    .once('error', reject)
    .end(body)
  const answer = await promise
  const { statusCode: status = 0 } = answer
  response.writeHead(status, answer.headers)
  answer.pipe(response)
  const answered = await buffer(answer).catch(() => undefined)
  // An answer that breaks off has to do so for the client, too, after all that came of it.
  if (answered === undefined) return void response.socket?.end()
  if (Math.max(body.length, answered.length) > bodyBytesMax) return
  exchanges.push({
    request: { url, headers, body: body.toString('base64') },
    answer: {
      status,
      headers: pick(answer, answerHeaders),
      // It has the name of the machine.
      body: isGreeting(body) ? '' : answered.toString('base64'),
    },
  })
}

const store = await startStoreProcess()
const server = createServer((request, response) => {
  relay(store.url, request, response).catch(() => response.destroy())
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const go = process.env['GO'] ?? 'go'
const folder = fileURLToPath(new URL('../store-clients', import.meta.url))
const client = spawn(go, ['run', '.', url], { cwd: folder, stdio: 'inherit' })
const code = await new Promise<number | null>((resolve) => client.once('exit', resolve))
server.close()
await store.stop()
if (code === 0) {
  await writeFile(exchangesFile, JSON.stringify(exchanges))
  const { stdout } = await promisify(execFile)(go, ['run', '.', 'checksums'], { cwd: folder })
  await writeFile(checksumsFile, stdout)
  await promisify(execFile)('npx', [
    'oxfmt',
    ...[exchangesFile, checksumsFile].map((file) => fileURLToPath(file)),
  ])
}
process.exitCode = code ?? 1
