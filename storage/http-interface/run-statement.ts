import type { ChdbResult } from 'chdb'
import { sql } from '../sql.ts'
import type { AnswerPipe } from './answer-pipe.ts'
import { type EngineSession, quotedName } from './engine-session.ts'
import { EngineError, codeOfException, engineCodes } from './exceptions.ts'
import type { ReadRequest } from './read-request.ts'
import type { RunningStatement } from './running-statements.ts'
import type { InsertStatement, OtherStatement, RowsStatement } from './statement.ts'

/** A statement under way. */
export interface StatementRun {
  /** What it answers with, as it comes; throws where it fails. */
  bytes: AsyncGenerator<Uint8Array>
  /** Of the answer; undefined where there is none, or it cannot be told from the statement. */
  format: string | undefined
  /** Once it has ended. */
  result(): ChdbResult | undefined
}

export interface RunParts {
  session: EngineSession
  pipe: AnswerPipe
  running: RunningStatement
  defaultFormat: string
  /** Of what was written; see durable-names.ts. */
  makeDurable: () => Promise<void>
}

/** Words that begin what changes nothing in the store. */
const harmlessWords = new Set([
  'SHOW',
  'DESCRIBE',
  'DESC',
  'EXPLAIN',
  'EXISTS',
  'CHECK',
  'USE',
  'SET',
  'KILL',
])

export const runStatement = (request: ReadRequest, parts: RunParts): StatementRun => {
  const { statement } = request
  let result: ChdbResult | undefined
  const run = async (text: string): Promise<ChdbResult> =>
    (result = await parts.session.run(toUtf8(text), parts.defaultFormat))
  if (statement.kind === 'rows')
    return {
      bytes: queryRows(statement, parts, run),
      format: statement.format ?? parts.defaultFormat,
      result: () => result,
    }
  const text =
    statement.kind === 'insert' ? insertText(statement, request, parts) : otherText(statement, parts)
  const isHarmless = statement.kind === 'other' && harmlessWords.has(statement.firstWord)
  const runDurably = async (): Promise<ChdbResult> => {
    const written = await run(text)
    await parts.makeDurable()
    return written
  }
  return {
    bytes: answerWhole(() => (isHarmless ? run(text) : runDurably())),
    format: statement.kind === 'insert' ? undefined : (statement.format ?? parts.defaultFormat),
    result: () => result,
  }
}

/** The engine is given text, not bytes. */
const toUtf8 = (text: string): string => Buffer.from(text, 'latin1').toString()

async function* queryRows(
  { text, rest, format }: RowsStatement,
  { pipe, running, defaultFormat }: RunParts,
  run: (text: string) => Promise<ChdbResult>,
): AsyncGenerator<Uint8Array> {
  const outfile = `INTO OUTFILE ${sql.string(pipe.path).text} TRUNCATE`
  const clauses = format === undefined ? `${outfile} FORMAT ${defaultFormat}` : `${outfile} ${rest}`
  try {
    yield* pipe.read(
      () => run(`${text}\n${running.mark} ${clauses}`),
      (ended) => running.kill(ended),
    )
  } catch (error) {
    if (codeOfException(error) !== engineCodes.SYNTAX_ERROR) throw error
    // Nothing ran. The engine's words should be about the client's own text; and if that is right, it was cut in a wrong place.
    yield* answerWhole(() => run(`${text}${rest}\n${running.mark}`))
  }
}

async function* answerWhole(run: () => Promise<ChdbResult>): AsyncGenerator<Uint8Array> {
  const bytes = (await run()).bytes()
  if (bytes.length > 0) yield bytes
}

const otherText = ({ text }: OtherStatement, { running }: RunParts): string => `${text}\n${running.mark}`

const insertText = (
  { into, rest, format, isThroughInput }: InsertStatement,
  { rows, rowsEncoding }: ReadRequest,
  { running }: RunParts,
): string => {
  const path = sql.string(rows?.path ?? '').text
  if (!isThroughInput) {
    const compression = `COMPRESSION ${sql.string(rowsEncoding ?? 'none').text}`
    return `${into}\n${running.mark} FROM INFILE ${path} ${compression} ${rest} FORMAT ${quotedName(format)}`
  }
  if (rowsEncoding !== undefined)
    throw new EngineError(
      engineCodes.NOT_IMPLEMENTED,
      `rows for input() cannot come with Content-Encoding ${rowsEncoding}`,
    )
  // What reads rows from the request reads them from a file instead.
  const structure = /^\s*\)/.test(rest) ? `'auto'` : ''
  const head = into.replace(/\binput\s*\($/i, 'file(')
  return `${head}${path}, ${sql.string(format).text}, ${structure}${rest}\n${running.mark}`
}
