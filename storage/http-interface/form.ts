import type { IncomingMessage } from 'node:http'
import { EngineError, engineCodes } from './exceptions.ts'
import type { BodyFile, BodyFiles } from './body-files.ts'
import { readBody } from './request-body.ts'
import { type NamedValue, type RequestOptions, parametersOf } from './request-options.ts'

/** What came as `multipart/form-data`: a statement with its parameters, and tables to be queried by it. */
export interface Form {
  query: string
  parameters: NamedValue[]
  tables: FormTable[]
  removeFiles(): Promise<void>
}

export interface FormTable {
  name: string
  /** As of a CREATE TABLE. */
  structure: string
  format: string
  rows: BodyFile
}

/** A form is in memory as a whole. */
const formBytesMax = 64 << 20

/** @throws EngineError for what is no form, or one that is too large */
export const readForm = async (
  request: IncomingMessage,
  options: RequestOptions,
  files: BodyFiles,
): Promise<Form> => {
  const fields = await parseForm(request, options)
  const address = new URL(request.url ?? '/', 'http://localhost').searchParams
  const texts: NamedValue[] = []
  const tables: FormTable[] = []
  const removeFiles = async (): Promise<void> => {
    for (const { rows } of tables) await rows.remove()
  }
  try {
    for (const [name, value] of fields) {
      if (typeof value === 'string') texts.push([name, value])
      else tables.push(await readTable(name, value, address, files))
    }
  } catch (error) {
    await removeFiles()
    throw error
  }
  const query = texts.filter(([name]) => name === 'query').map(([, value]) => value)
  return { query: query.join(''), parameters: parametersOf(texts), tables, removeFiles }
}

const parseForm = async (request: IncomingMessage, { body }: RequestOptions): Promise<FormData> => {
  const pieces: Uint8Array[] = []
  let byteCount = 0
  for await (const piece of readBody(request, body)) {
    byteCount += piece.length
    if (byteCount > formBytesMax)
      throw new EngineError(engineCodes.QUERY_IS_TOO_LARGE, `a form can have at most ${formBytesMax} bytes`)
    pieces.push(piece)
  }
  const headers = { 'content-type': request.headers['content-type'] ?? '' }
  try {
    return await new Response(Buffer.concat(pieces), { headers }).formData()
  } catch (error) {
    throw new EngineError(engineCodes.BAD_ARGUMENTS, 'the body is not multipart/form-data', { cause: error })
  }
}

const readTable = async (
  name: string,
  content: Blob,
  address: URLSearchParams,
  files: BodyFiles,
): Promise<FormTable> => {
  const structure = address.get(`${name}_structure`)
  const types = address.get(`${name}_types`)
  if (structure === null && types === null)
    throw new EngineError(
      engineCodes.BAD_ARGUMENTS,
      `the address has no ${name}_structure for the table ${name}`,
    )
  return {
    name,
    structure: structure ?? namedTypes(types ?? ''),
    format: address.get(`${name}_format`) ?? 'TabSeparated',
    rows: await files.write(content.stream()),
  }
}

/** Without names, columns are called _1, _2 and so on. */
const namedTypes = (types: string): string =>
  types
    .split(',')
    .map((type, index) => `_${index + 1} ${type}`)
    .join(', ')
