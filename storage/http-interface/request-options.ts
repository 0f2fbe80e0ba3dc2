import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { BlockMethod } from './compressed-blocks/blocks.ts'
import { EngineError, engineCodes } from './exceptions.ts'

/** What a request says beside its statement, in its address and headers. */
export interface RequestOptions {
  /** The statement, or how it begins: what comes in the body goes on. */
  query: string
  queryId: string
  database: string | undefined
  defaultFormat: string
  /** For the engine, for this request only. Names are identifiers. */
  settings: readonly NamedValue[]
  /** For `{name:Type}` in the statement, each as the engine reads it from a line of tab-separated values. */
  parameters: readonly NamedValue[]
  session: SessionOptions | undefined
  isReadonly: boolean
  statementBytesMax: number
  /** The whole answer is held until it is known how the statement ends, else so many bytes of it. */
  isHeldWhole: boolean
  heldBytes: number
  progressMillis: number | undefined
  body: BodyOptions
  answer: AnswerOptions
}

export type NamedValue = readonly [name: string, value: string]

export interface SessionOptions {
  id: string
  timeoutMillis: number
  mustExist: boolean
  isClosedAfter: boolean
}

export interface BodyOptions {
  encoding: string
  hasBlocks: boolean
  isForm: boolean
}

export interface AnswerOptions {
  encoding: AnswerEncoding | undefined
  compressionLevel: number
  /** ClickHouse's own blocks (`compress=1`). */
  blocks: BlockMethod | undefined
  /** Of the client's native protocol, which the Native format follows; 0 where it said none. */
  revision: number
}

export type AnswerEncoding = 'zstd' | 'br' | 'gzip' | 'deflate'

const answerEncodings: readonly AnswerEncoding[] = ['zstd', 'br', 'gzip', 'deflate']

const formatDefault = 'TabSeparated'
const statementBytesDefault = 262_144
/** A statement is in memory as a whole. */
export const statementBytesLimit = 64 << 20
const sessionSecondsDefault = 60
const sessionSecondsMax = 3600
/** As a server does: an error within the first bytes still has its HTTP status. */
const heldBytesMin = 1 << 20
const heldBytesLimit = 64 << 20
const progressMillisMin = 50
const progressMillisDefault = 100
const compressionLevelDefault = 3
const queryIdLengthMax = 256

/** Parameters of the interface that are no settings of the engine. */
const ownParameters = new Set([
  'query',
  'query_id',
  'database',
  'default_format',
  'session_id',
  'session_timeout',
  'session_check',
  'close_session',
  'compress',
  'decompress',
  'wait_end_of_query',
  'buffer_size',
  'client_protocol_version',
  'user',
  'password',
  'quota_key',
  'stacktrace',
  'role',
])

/** Settings that a server acts on in its HTTP handler, and so does this. */
const ownSettings = new Set([
  'max_query_size',
  'enable_http_compression',
  'http_zlib_compression_level',
  'http_response_buffer_size',
  'http_wait_end_of_query',
  'http_write_exception_in_output_format',
  'http_headers_progress_interval_ms',
  'send_progress_in_http_headers',
  'add_http_cors_header',
  'cancel_http_readonly_queries_on_client_close',
  'network_compression_method',
  'network_zstd_compression_level',
])

/** @throws EngineError where something of it cannot be */
export const readOptions = (request: IncomingMessage): RequestOptions => {
  const address = new URL(request.url ?? '/', 'http://localhost').searchParams
  const header = (name: string): string | undefined => {
    const value = request.headers[name]
    return Array.isArray(value) ? value[0] : value
  }
  const flag = (name: string): boolean => ['1', 'true'].includes(address.get(name) ?? '')
  const integer = (name: string): number | undefined => integerOf(name, address.get(name))
  const isForm = header('content-type')?.startsWith('multipart/form-data') ?? false
  if (address.has('role'))
    throw new EngineError(engineCodes.UNKNOWN_ROLE, 'there are no roles here: the store has one user')

  return {
    query: address.get('query') ?? '',
    queryId: readQueryId(address.get('query_id') ?? header('x-clickhouse-query-id') ?? ''),
    database: header('x-clickhouse-database') || address.get('database') || undefined,
    defaultFormat: readFormat(header('x-clickhouse-format') || address.get('default_format')),
    settings: readSettings(address, isForm),
    parameters: parametersOf(address),
    session: readSession(address, integer('session_timeout'), flag),
    isReadonly: request.method !== 'POST',
    statementBytesMax: Math.min(integer('max_query_size') || statementBytesDefault, statementBytesLimit),
    isHeldWhole: flag('wait_end_of_query') || flag('http_wait_end_of_query'),
    heldBytes: Math.min(
      heldBytesLimit,
      Math.max(heldBytesMin, integer('buffer_size') ?? integer('http_response_buffer_size') ?? 0),
    ),
    progressMillis: flag('send_progress_in_http_headers')
      ? Math.max(progressMillisMin, integer('http_headers_progress_interval_ms') ?? progressMillisDefault)
      : undefined,
    body: {
      encoding: header('content-encoding')?.trim().toLowerCase() ?? '',
      hasBlocks: flag('decompress'),
      isForm,
    },
    answer: {
      encoding: flag('enable_http_compression') ? acceptedEncoding(header('accept-encoding')) : undefined,
      compressionLevel: integer('http_zlib_compression_level') ?? compressionLevelDefault,
      blocks: flag('compress') ? blockMethodOf(address.get('network_compression_method')) : undefined,
      revision: integer('client_protocol_version') ?? 0,
    },
  }
}

/** Of the address, or of the fields of a form. */
export const parametersOf = (fields: Iterable<NamedValue>): NamedValue[] =>
  [...fields]
    .filter(([name]) => name.startsWith('param_'))
    .map(([name, value]) => {
      const parameter = name.slice('param_'.length)
      if (!isIdentifier(parameter))
        throw new EngineError(
          engineCodes.BAD_ARGUMENTS,
          `'${parameter}' cannot be the name of a query parameter`,
        )
      return [parameter, value]
    })

const isIdentifier = (name: string): boolean => /^[A-Za-z_]\w{0,127}$/.test(name)

const integerOf = (name: string, text: string | null): number | undefined => {
  if (text === null || text === '') return undefined
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0)
    throw new EngineError(engineCodes.CANNOT_PARSE_NUMBER, `${name} has to be a whole number`)
  return value
}

const readQueryId = (text: string): string => {
  if (text === '') return randomUUID()
  // It goes into a header of the answer.
  if (text.length > queryIdLengthMax || !/^[\x20-\x7e]+$/.test(text))
    throw new EngineError(
      engineCodes.BAD_ARGUMENTS,
      `a query_id has at most ${queryIdLengthMax} printable characters of ASCII`,
    )
  return text
}

const readFormat = (name: string | null): string => {
  if (name === null || name === '') return formatDefault
  if (!isIdentifier(name))
    throw new EngineError(engineCodes.UNKNOWN_FORMAT, 'Unknown format in default_format')
  return name
}

const readSettings = (address: URLSearchParams, isForm: boolean): NamedValue[] =>
  [...address].filter(([name]) => {
    if (name === '' || ownParameters.has(name) || ownSettings.has(name) || name.startsWith('param_'))
      return false
    // They say of a table in the form what it is.
    if (isForm && /_(?:format|types|structure)$/.test(name)) return false
    if (!isIdentifier(name)) throw new EngineError(engineCodes.UNKNOWN_SETTING, `Unknown setting '${name}'`)
    return true
  })

const readSession = (
  address: URLSearchParams,
  timeoutSeconds: number | undefined,
  flag: (name: string) => boolean,
): SessionOptions | undefined => {
  const id = address.get('session_id')
  if (id === null || id === '') return undefined
  const seconds = timeoutSeconds ?? sessionSecondsDefault
  if (seconds > sessionSecondsMax)
    throw new EngineError(
      engineCodes.INVALID_SESSION_TIMEOUT,
      `session_timeout is ${seconds}; it can be at most ${sessionSecondsMax}`,
    )
  return {
    id,
    timeoutMillis: seconds * 1000,
    mustExist: flag('session_check'),
    isClosedAfter: flag('close_session'),
  }
}

const acceptedEncoding = (accepted = ''): AnswerEncoding | undefined => {
  const names = accepted.split(',').flatMap((entry) => {
    const [name = '', weight = ''] = entry.trim().toLowerCase().split(';')
    return /q=0(?:\.0*)?$/.test(weight.trim()) ? [] : [name]
  })
  return answerEncodings.find((encoding) => names.includes(encoding))
}

const blockMethodOf = (name: string | null): BlockMethod => {
  const method = (name ?? 'lz4').toLowerCase()
  if (method === 'lz4hc') return 'lz4'
  if (method === 'lz4' || method === 'zstd' || method === 'none') return method
  throw new EngineError(
    engineCodes.UNKNOWN_COMPRESSION_METHOD,
    'network_compression_method is none of LZ4, LZ4HC, ZSTD and NONE',
  )
}
