import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '#runtime/logger.ts'
import { encodeAnswer } from './answer-encoding.ts'
import type { AnswerPipe } from './answer-pipe.ts'
import { type AnswerSink, type Head, createAnswerSink } from './answer-sink.ts'
import type { BodyFiles } from './body-files.ts'
import { compressBlock } from './compressed-blocks/blocks.ts'
import { type EngineSession, arrange, openEngineSession } from './engine-session.ts'
import { exceptionOf, isEngineError, statusOf } from './exceptions.ts'
import { exceptionBlock } from './exception-block.ts'
import { holdAnswer } from './held-answer.ts'
import type { KeptSessions } from './kept-sessions.ts'
import { withRevision } from './native-revision/native-revision.ts'
import { type ReadRequest, readRequest } from './read-request.ts'
import { ClientGone } from './request-body.ts'
import { type NamedValue, type RequestOptions, readOptions } from './request-options.ts'
import { type StatementRun, runStatement } from './run-statement.ts'
import type { Progress, RunningStatement, RunningStatements } from './running-statements.ts'
import type { ServerFacts } from './server-facts.ts'
import type { Slots } from './slots.ts'

export interface InterfaceParts {
  path: string
  logger: Logger
  defaultSettings: readonly NamedValue[]
  facts: ServerFacts
  files: BodyFiles
  running: RunningStatements
  kept: KeptSessions
  makeDurable: () => Promise<void>
  /** What runs at once; a KILL QUERY has slots of its own, so that it need not wait for what it kills. */
  slots: Slots<AnswerPipe>
  killSlots: Slots<AnswerPipe>
}

/** Everything from an address with its parameters to the last byte of the answer. Never throws. */
export const answerRequest = async (
  parts: InterfaceParts,
  request: IncomingMessage,
  response: ServerResponse,
  /** Throws where the request may not be answered. */
  check: () => void,
): Promise<void> => {
  let answer: Answer | undefined
  try {
    check()
    const options = readOptions(request)
    answer = createAnswer(parts, options, response)
    await answerStatement(parts, answer, request)
    // Only now, so that whoever has the answer finds its session and its query id free.
    if (answer.isBrokenOff) answer.sink.breakOff()
    else await answer.sink.end()
  } catch (error) {
    await answerError(parts, answer, { request, response, error })
  }
}

/** What is known of an answer while its statement runs. */
interface Answer {
  options: RequestOptions
  sink: AnswerSink
  /** Of this answer only, so that rows cannot look like an exception. */
  exceptionTag: string
  head: Head
  startedAt: number
  progress: Progress | undefined
  /** It ends with an exception, though it began well. */
  isBrokenOff: boolean
  /** Aborts when the client goes away. */
  gone: AbortSignal
}

const createAnswer = (
  { facts }: InterfaceParts,
  options: RequestOptions,
  response: ServerResponse,
): Answer => {
  const gone = new AbortController()
  response.once('close', () => gone.abort(new ClientGone('the client closed the connection')))
  const exceptionTag = randomBytes(8).toString('hex')
  const asked = options.settings.find(([name]) => name === 'session_timezone')?.[1] ?? ''
  return {
    options,
    sink: createAnswerSink(response, options.progressMillis !== undefined),
    exceptionTag,
    head: {
      'X-ClickHouse-Server-Display-Name': facts.displayName,
      'X-ClickHouse-Query-Id': options.queryId,
      'X-ClickHouse-Timezone': /^[\w+/-]+$/.test(asked) ? asked : facts.timezone,
      'X-ClickHouse-Exception-Tag': exceptionTag,
    },
    startedAt: performance.now(),
    progress: undefined,
    isBrokenOff: false,
    gone: gone.signal,
  }
}

const answerStatement = async (
  parts: InterfaceParts,
  answer: Answer,
  request: IncomingMessage,
): Promise<void> => {
  const { options } = answer
  const running = parts.running.add(options.queryId)
  try {
    const read = await readRequest(request, options, parts.files)
    try {
      const isKill = read.statement.kind === 'other' && read.statement.isKill
      const slots = isKill ? parts.killSlots : parts.slots
      const cancelled = AbortSignal.any([answer.gone, running.killed])
      await slots.use((pipe) => runInSession(parts, answer, { read, running, pipe }), cancelled)
    } finally {
      await read.removeFiles()
    }
  } finally {
    running.remove()
  }
}

interface Work {
  read: ReadRequest
  running: RunningStatement
  pipe: AnswerPipe
}

const runInSession = async (parts: InterfaceParts, answer: Answer, work: Work): Promise<void> => {
  const { options } = answer
  const { read } = work
  const { parameters, tables } = read
  const circumstances = { ...options, parameters, tables }
  if (options.session !== undefined)
    return parts.kept.use(options.session, circumstances, (session) => run(parts, answer, work, session))
  const session = openEngineSession(parts.path)
  try {
    const settings = [...parts.defaultSettings, ...options.settings]
    await arrange(session, { ...circumstances, settings })
    await run(parts, answer, work, session)
  } finally {
    session.close()
  }
}

const run = async (
  parts: InterfaceParts,
  answer: Answer,
  { read, running, pipe }: Work,
  session: EngineSession,
): Promise<void> => {
  const { options } = answer
  const { statement } = read
  const isKill = statement.kind === 'other' && statement.isKill
  const translated = isKill ? await translateKill(parts, read) : read
  running.hasBegun = true
  const ended = new AbortController()
  void showProgress(answer, running, ended.signal)
  // What writes goes on without its client, as on a server.
  if (statement.kind === 'rows') killWhenGone(answer.gone, running, ended.signal)
  const { defaultFormat } = options
  const { makeDurable } = parts
  const under = runStatement(translated, { session, pipe, running, defaultFormat, makeDurable })
  const { revision } = options.answer
  const isNative = under.format?.toLowerCase() === 'native' && revision > 0
  const source = isNative ? withRevision(under.bytes, revision) : under.bytes
  try {
    await giveAnswer(parts, answer, under, source)
  } finally {
    ended.abort()
    // Whoever stopped reading before the end ends the statement.
    await source.return(undefined)
  }
}

const killWhenGone = (gone: AbortSignal, running: RunningStatement, ended: AbortSignal): void => {
  const end = new Promise<void>((resolve) => ended.addEventListener('abort', () => resolve(), { once: true }))
  gone.addEventListener('abort', () => running.kill(end), { once: true, signal: ended })
  if (gone.aborted) running.kill(end)
}

const translateKill = async ({ running }: InterfaceParts, read: ReadRequest): Promise<ReadRequest> => {
  const { statement } = read
  if (statement.kind !== 'other') return read
  return { ...read, statement: { ...statement, text: await running.translateKill(statement.text) } }
}

const giveAnswer = async (
  { files, facts }: InterfaceParts,
  answer: Answer,
  under: StatementRun,
  source: AsyncGenerator<Uint8Array>,
): Promise<void> => {
  const { options, sink, exceptionTag } = answer
  const held = await holdAnswer(source, {
    bytesMax: options.heldBytes,
    isHeldWhole: options.isHeldWhole,
    files,
  })
  try {
    const { encoding } = options.answer
    sink.begin(200, {
      ...answer.head,
      ...formatHead(under.format, facts),
      'X-ClickHouse-Summary': summaryOf(answer, held.isWhole ? under : undefined),
      ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
    })
    const encoded = encodeAnswer(held.bytes, options.answer, (error) =>
      exceptionBlock(exceptionOf(error, facts.version).text, exceptionTag),
    )
    for await (const chunk of encoded.bytes) await sink.write(chunk)
    answer.isBrokenOff = encoded.hasFailed()
  } finally {
    await held.release()
  }
}

const formatHead = (format: string | undefined, { contentTypes }: ServerFacts): Head =>
  format === undefined
    ? { 'Content-Type': plainText }
    : { 'Content-Type': contentTypes.get(format.toLowerCase()) ?? plainText, 'X-ClickHouse-Format': format }

const plainText = 'text/plain; charset=UTF-8'

const showProgress = async (answer: Answer, running: RunningStatement, ended: AbortSignal): Promise<void> => {
  const { options, sink, head } = answer
  if (options.progressMillis === undefined) return
  try {
    for (;;) {
      await delay(options.progressMillis, undefined, { signal: ended })
      const progress = await running.progress()
      if (ended.aborted || sink.hasBegun) return
      if (progress === undefined) continue
      answer.progress = progress
      sink.writeEarly('X-ClickHouse-Progress', summaryOf(answer, undefined), head)
    }
  } catch {
    // The statement has ended; or its progress cannot be told, which is no reason to fail.
  }
}

/** As far as the engine tells: what it read and wrote from its own list, as it was last looked at. */
const summaryOf = ({ progress, startedAt }: Answer, ended: StatementRun | undefined): string => {
  const result = ended?.result()
  // Of an INSERT, the engine counts what was written where it counts the rows of an answer.
  const isInsert = ended !== undefined && ended.format === undefined
  const [rows, bytes] = [String(result?.rowsRead ?? 0), String(result?.bytesRead ?? 0)]
  const largest = (...counts: (string | undefined)[]): string =>
    String(Math.max(...counts.map((count) => Number(count ?? 0))))
  return JSON.stringify({
    read_rows: largest(progress?.readRows, rows),
    read_bytes: largest(progress?.readBytes, bytes),
    written_rows: largest(progress?.writtenRows, isInsert ? rows : '0'),
    written_bytes: largest(progress?.writtenBytes, isInsert ? bytes : '0'),
    total_rows_to_read: progress?.totalRowsToRead ?? '0',
    result_rows: rows,
    result_bytes: bytes,
    elapsed_ns: String(Math.round((performance.now() - startedAt) * 1e6)),
    memory_usage: progress?.memoryUsage ?? '0',
  })
}

interface Failure {
  request: IncomingMessage
  response: ServerResponse
  error: unknown
}

const answerError = async (
  { facts, logger }: InterfaceParts,
  answer: Answer | undefined,
  { request, response, error }: Failure,
): Promise<void> => {
  if (error instanceof ClientGone || response.destroyed) {
    logger.debug({ err: error, queryId: answer?.options.queryId }, 'a client went away')
    response.destroy()
    return
  }
  if (!isEngineError(error))
    logger.error({ err: error, queryId: answer?.options.queryId }, 'a request failed')
  const { code, text } = exceptionOf(error, facts.version)
  const sink = answer?.sink ?? createAnswerSink(response, false)
  try {
    if (sink.hasBegun) return sink.breakOff()
    const blocks = answer?.options.answer.blocks
    const status = statusOf(code)
    const body = answer === undefined ? Buffer.from(`${text}\n`) : errorBody(answer, text)
    sink.begin(status, {
      ...answer?.head,
      'Content-Type': plainText,
      'X-ClickHouse-Exception-Code': String(code),
      ...(status === 401 ? { 'WWW-Authenticate': 'Basic realm="ClickHouse server HTTP API"' } : {}),
      ...(status === 503 ? { 'Retry-After': '1' } : {}),
      // What is left of the request is not read, so nothing can follow it.
      ...(request.complete ? {} : { Connection: 'close' }),
    })
    await sink.write(blocks === undefined ? body : compressBlock(body, blocks))
    if (!request.complete) await passOver(request)
    await sink.end()
  } catch (failure) {
    logger.debug({ err: failure }, 'an error could not be answered')
    response.destroy()
  }
}

/** For how long what is left of a request is passed over: a client that is cut off while it sends may not see its answer. */
const passOverMillisMax = 2000

const passOver = async (request: IncomingMessage): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const late = setTimeout(resolve, passOverMillisMax)
  request.removeAllListeners('readable').once('end', resolve).once('close', resolve).resume()
  await promise
  clearTimeout(late)
}

/** Where the status was sent with the first progress, only what stands in the body tells that it failed. */
const errorBody = ({ progress, exceptionTag }: Answer, text: string): Buffer =>
  progress === undefined ? Buffer.from(`${text}\n`) : exceptionBlock(text, exceptionTag)
