import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { BodyFile, BodyFiles } from './body-files.ts'
import { EngineError, engineCodes } from './exceptions.ts'
import { type FormTable, readForm } from './form.ts'
import { fileEncodingOf, readBody } from './request-body.ts'
import type { NamedValue, RequestOptions } from './request-options.ts'
import { type Statement, beginsInsert, parseStatement } from './statement.ts'

/** A request that is complete: its statement, and what came with it. */
export interface ReadRequest {
  statement: Statement
  /** The rows of an INSERT, in its format. */
  rows: BodyFile | undefined
  /** What only the engine can undo of the rows' encoding. */
  rowsEncoding: string | undefined
  parameters: readonly NamedValue[]
  /** Tables that came in a form, to be seen by this statement only. */
  tables: readonly FormTable[]
  removeFiles(): Promise<void>
}

/** @throws EngineError where the statement is none, is too long or cannot be read. @throws ClientGone */
export const readRequest = async (
  request: IncomingMessage,
  options: RequestOptions,
  files: BodyFiles,
): Promise<ReadRequest> => {
  if (options.body.isForm) return readFromForm(request, options, files)
  const { parameters } = options
  const fileEncoding = fileEncodingOf(options.body.encoding)
  const { statement, data } = await splitBody(options, readBody(request, options.body))
  if (statement.kind !== 'insert') return { statement, ...nothing, parameters }
  if (fileEncoding !== undefined && statement.dataStart < byteLength(options.query))
    throw new EngineError(engineCodes.BAD_ARGUMENTS, 'rows stand in the address, and in the body, too')
  const rows = await files.write(data)
  return {
    statement,
    rows,
    rowsEncoding: fileEncoding,
    parameters,
    tables: [],
    removeFiles: () => rows.remove(),
  }
}

const nothing = {
  rows: undefined,
  rowsEncoding: undefined,
  tables: [],
  removeFiles: () => Promise.resolve(),
} as const

const byteLength = (text: string): number => Buffer.byteLength(text)

const readFromForm = async (
  request: IncomingMessage,
  options: RequestOptions,
  files: BodyFiles,
): Promise<ReadRequest> => {
  const form = await readForm(request, options, files)
  const parameters = [...options.parameters, ...form.parameters]
  const text = Buffer.from(options.query + form.query)
  try {
    const statement = parseUtf8(text)
    if (statement.kind !== 'insert') return { ...nothing, ...form, statement, parameters }
    const rows = await files.write(restOf([].values(), text.subarray(statement.dataStart)))
    const removeFiles = async (): Promise<void> => {
      await form.removeFiles()
      await rows.remove()
    }
    return { statement, rows, rowsEncoding: undefined, parameters, tables: form.tables, removeFiles }
  } catch (error) {
    await form.removeFiles()
    throw error
  }
}

interface SplitBody {
  statement: Statement
  /** What follows it: the rows of an INSERT. */
  data: AsyncIterable<Uint8Array>
}

/**
 * The statement is what the address says, a line break, and the body. Only an INSERT is over before its body is, which is read no
 * further than that here.
 */
const splitBody = async (
  { query, statementBytesMax, body }: RequestOptions,
  source: AsyncIterable<Uint8Array>,
): Promise<SplitBody> => {
  const start = Buffer.from(query === '' ? '' : `${query}\n`)
  const bytes = source[Symbol.asyncIterator]()
  if (start.length > 0) {
    const split = tryInsert(start, bytes, false)
    if (split !== undefined) return split
  }
  if (fileEncodingOf(body.encoding) !== undefined)
    throw new EngineError(
      engineCodes.UNKNOWN_COMPRESSION_METHOD,
      `a body with Content-Encoding ${body.encoding} can only be the rows of an INSERT that is in the address`,
    )
  let text = start
  let pieces: Uint8Array[] = []
  let pendingBytes = 0
  for (;;) {
    const { done, value } = await bytes.next()
    if (done === true) break
    pieces.push(value)
    pendingBytes += value.length
    // Looked at whenever it has doubled, so that a long statement is not looked at again and again.
    if (pendingBytes < text.length) continue
    text = Buffer.concat([text, ...pieces])
    pieces = []
    pendingBytes = 0
    const split = tryInsert(text, bytes, false)
    if (split !== undefined) return split
    if (text.length > statementBytesMax) throw tooLong(statementBytesMax)
  }
  text = Buffer.concat([text, ...pieces])
  const split = tryInsert(text, bytes, true)
  if (split !== undefined) return split
  if (text.length > statementBytesMax + 1) throw tooLong(statementBytesMax)
  return { statement: parseUtf8(text), data: restOf(bytes, text.subarray(text.length)) }
}

const tooLong = (bytesMax: number): EngineError =>
  new EngineError(
    engineCodes.SYNTAX_ERROR,
    `Max query size exceeded (can be increased with the max_query_size setting): it has more than ${bytesMax} bytes`,
  )

/** The INSERT that the text begins with, once it is clear where its rows begin. */
const tryInsert = (
  text: Buffer,
  rest: AsyncIterator<Uint8Array>,
  isWhole: boolean,
): SplitBody | undefined => {
  const latin1 = text.toString('latin1')
  if (!beginsInsert(latin1)) return undefined
  let statement: Statement
  try {
    statement = parseStatement(latin1)
  } catch {
    // What is wrong with it is said of the whole.
    return undefined
  }
  if (statement.kind !== 'insert') return undefined
  // The name of its format, or the line break behind that, may go on in what has not come yet.
  if (!isWhole && statement.dataStart >= text.length && text.at(-1) !== newline) return undefined
  checkUtf8(text.subarray(0, statement.dataStart))
  return { statement, data: restOf(rest, text.subarray(statement.dataStart)) }
}

const newline = 0x0a

async function* restOf(
  rest: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
  start: Uint8Array,
): AsyncGenerator<Uint8Array> {
  if (start.length > 0) yield start
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}

const parseUtf8 = (text: Buffer): Statement => {
  checkUtf8(text)
  return parseStatement(text.toString('latin1'))
}

const checkUtf8 = (text: Buffer): void => {
  if (!isUtf8(text))
    throw new EngineError(
      engineCodes.SYNTAX_ERROR,
      String.raw`Syntax error: the query is not UTF-8; bytes of other kinds can be written as \xHH`,
    )
}
