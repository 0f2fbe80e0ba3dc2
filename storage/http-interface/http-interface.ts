import { join } from 'node:path'
import { mkdir, rm } from 'node:fs/promises'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { messageOf } from '#runtime/errors.ts'
import { type Logger, logListening } from '#runtime/logger.ts'
import { blockFolders, chdbPath } from '../engine/data-folder.ts'
import { createNameSync } from '../engine/durable-names.ts'
import { type Credentials, createCheckAccess } from './access.ts'
import { type AnswerPipe, createAnswerPipe } from './answer-pipe.ts'
import { type InterfaceParts, answerRequest } from './answer-request.ts'
import { createBodyFiles } from './body-files.ts'
import { openEngineSession } from './engine-session.ts'
import { EngineError, engineCodes } from './exceptions.ts'
import { createKeptSessions } from './kept-sessions.ts'
import type { NamedValue } from './request-options.ts'
import { createRunningStatements } from './running-statements.ts'
import { type ServerFacts, readServerFacts } from './server-facts.ts'
import { createSlots } from './slots.ts'

/**
 * The embedded store behind ClickHouse's HTTP interface, for ordinary clients of ClickHouse: other processes of this program, and
 * the owner's own. Whoever is let in has full access, files of this machine included.
 */
export interface HttpInterface {
  url: string
  /** Takes nothing new, lets statements end for a while, then stops them. May be called twice. */
  stop(): Promise<void>
}

export interface HttpInterfaceOptions {
  /** Its store has to be open in this process, and stay so until this is stopped. */
  dataDir: string
  host: string
  port: number
  credentials: Credentials
  /** How many statements may run at once. UV_THREADPOOL_SIZE has to exceed them. */
  statementsMax: number
  /** Of the engine, for every statement that does not say otherwise. */
  defaultSettings: readonly NamedValue[]
  /** How long statements may go on when the process stops. */
  drainMillisMax: number
  logger: Logger
}

/** What may wait for its turn, beside what runs. */
const waitingMax = 64
const killsMax = 2
/** Address and headers: statements may stand in the address. */
const headerBytesMax = 1 << 20
const headerMillisMax = 30_000
const keepAliveMillis = 30_000
const connectionsMax = 1024
/** How long statements that are stopped may take, with their answers. */
const killMillisMax = 5000

/** @throws Error when the address cannot be listened on */
export const startHttpInterface = async (options: HttpInterfaceOptions): Promise<HttpInterface> => {
  const { dataDir, statementsMax, logger } = options
  const path = chdbPath(dataDir)
  const { memory, disk } = blockFolders(dataDir)
  const folders = {
    memory: memory === undefined ? undefined : join(memory, 'http'),
    disk: join(disk, 'http'),
  }
  const files = await createBodyFiles(folders)
  const pipeFolder = folders.memory ?? folders.disk
  await mkdir(pipeFolder, { recursive: true, mode: 0o700 })
  const pipes = await Promise.all(
    Array.from({ length: statementsMax + killsMax }, (_, index) =>
      createAnswerPipe(join(pipeFolder, `answer-${index}`)),
    ),
  )
  const parts: InterfaceParts = {
    path,
    logger,
    defaultSettings: options.defaultSettings,
    facts: await factsOf(path),
    files,
    running: createRunningStatements(path),
    kept: createKeptSessions(path, options.defaultSettings),
    makeDurable: createNameSync(path),
    slots: createSlots<AnswerPipe>(pipes.slice(0, statementsMax), waitingMax),
    killSlots: createSlots<AnswerPipe>(pipes.slice(statementsMax), waitingMax),
  }
  const underway = new Set<Promise<void>>()
  const state: State = {
    parts,
    underway,
    isStopping: false,
    checkAccess: createCheckAccess(options.credentials),
  }
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: headerMillisMax,
      requestTimeout: 0,
      keepAliveTimeout: keepAliveMillis,
    },
    (request, response) => {
      const answered = handle(state, request, response).finally(() => underway.delete(answered))
      underway.add(answered)
    },
  )
  server.maxConnections = connectionsMax
  const url = await listen(server, options)
  logListening(logger, { name: 'clickhouse-http', url })
  let stopping: Promise<void> | undefined
  const stopAll = async (): Promise<void> => {
    await drain(server, state, options.drainMillisMax)
    parts.kept.close()
    await parts.running.close()
    for (const folder of [folders.memory, folders.disk])
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
  return { url, stop: () => (stopping ??= stopAll()) }
}

const factsOf = async (path: string): Promise<ServerFacts> => {
  const session = openEngineSession(path)
  try {
    return await readServerFacts(session)
  } finally {
    session.close()
  }
}

interface State {
  parts: InterfaceParts
  underway: Set<Promise<void>>
  isStopping: boolean
  checkAccess: (request: IncomingMessage) => void
}

const handle = async (state: State, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const address = URL.parse(request.url ?? '/', 'http://localhost')
  const isQuery =
    address?.pathname === '/' && (request.method === 'POST' || address.searchParams.has('query'))
  if (isQuery) await answerRequest(state.parts, request, response, () => check(state, request))
  else answerPlain(state, address?.pathname, response)
}

const check = ({ isStopping, checkAccess }: State, request: IncomingMessage): void => {
  if (isStopping) throw new EngineError(engineCodes.CANNOT_SCHEDULE_TASK, 'the store is stopping')
  const { method, headers } = request
  if (method !== 'GET' && method !== 'HEAD' && method !== 'POST')
    throw new EngineError(engineCodes.NOT_IMPLEMENTED, `${method} is none of GET, HEAD and POST`)
  if (
    method === 'POST' &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  )
    throw new EngineError(
      engineCodes.HTTP_LENGTH_REQUIRED,
      'the Transfer-Encoding is not chunked and there is no Content-Length header for POST request',
    )
  checkAccess(request)
}

const answerPlain = ({ parts }: State, path: string | undefined, response: ServerResponse): void => {
  const isKnown = path === '/' || path === '/ping' || path === '/replicas_status'
  response.writeHead(isKnown ? 200 : 404, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Server-Display-Name': parts.facts.displayName,
  })
  response.end(isKnown ? 'Ok.\n' : 'There is nothing here. Statements go to /, health checks to /ping.\n')
}

const listen = async (server: Server, { host, port }: HttpInterfaceOptions): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, resolve)
  try {
    await promise
  } catch (error) {
    throw new Error(
      `cannot listen on ${host}:${port} for ClickHouse's HTTP interface (CLICKHOUSE_HTTP_PORT): ${messageOf(error)}`,
      { cause: error },
    )
  }
  const address = server.address() as AddressInfo
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return `http://${shownHost}:${address.port}`
}

const drain = async (server: Server, state: State, drainMillisMax: number): Promise<void> => {
  const { logger, running } = state.parts
  state.isStopping = true
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  if (!(await haveEnded(state.underway, drainMillisMax))) {
    logger.warn(
      { count: state.underway.size, drainMillisMax },
      'statements are stopped: they ran for too long',
    )
    await running.killAll()
    if (!(await haveEnded(state.underway, killMillisMax)))
      logger.error({ count: state.underway.size }, 'statements did not end when they were stopped')
  }
  server.closeAllConnections()
  await closed
}

const haveEnded = async (underway: ReadonlySet<Promise<void>>, millisMax: number): Promise<boolean> => {
  const late = AbortSignal.timeout(millisMax)
  const { promise, resolve } = Promise.withResolvers<void>()
  late.addEventListener('abort', () => resolve(), { once: true })
  // While it lasts, more may come on connections that are open, which are answered that the store is stopping.
  while (underway.size > 0 && !late.aborted) await Promise.race([Promise.allSettled(underway), promise])
  return underway.size === 0
}
