import { messageOf } from '#runtime/errors.ts'

/** Codes of the engine that this interface speaks of itself, or that have an HTTP status of their own. */
export const engineCodes = {
  CANNOT_PARSE_TEXT: 6,
  THERE_IS_NO_COLUMN: 8,
  DUPLICATE_COLUMN: 15,
  CANNOT_PARSE_ESCAPE_SEQUENCE: 25,
  CANNOT_PARSE_QUOTED_STRING: 26,
  CANNOT_PARSE_INPUT_ASSERTION_FAILED: 27,
  CANNOT_READ_ALL_DATA: 33,
  BAD_ARGUMENTS: 36,
  UNKNOWN_ELEMENT_IN_AST: 37,
  CANNOT_PARSE_DATE: 38,
  TOO_LARGE_SIZE_COMPRESSED: 39,
  CHECKSUM_DOESNT_MATCH: 40,
  CANNOT_PARSE_DATETIME: 41,
  ILLEGAL_COLUMN: 44,
  UNKNOWN_FUNCTION: 46,
  UNKNOWN_IDENTIFIER: 47,
  NOT_IMPLEMENTED: 48,
  LOGICAL_ERROR: 49,
  UNKNOWN_TYPE: 50,
  TYPE_MISMATCH: 53,
  UNKNOWN_STORAGE: 56,
  UNKNOWN_TABLE: 60,
  SYNTAX_ERROR: 62,
  UNKNOWN_AGGREGATE_FUNCTION: 63,
  CANNOT_PARSE_NUMBER: 72,
  UNKNOWN_FORMAT: 73,
  CANNOT_OPEN_FILE: 76,
  UNKNOWN_TYPE_OF_QUERY: 78,
  UNKNOWN_DATABASE: 81,
  UNKNOWN_COMPRESSION_METHOD: 89,
  UNKNOWN_SETTING: 115,
  INCORRECT_DATA: 117,
  UNKNOWN_TYPE_OF_AST_NODE: 123,
  UNKNOWN_DIRECTION_OF_SORTING: 152,
  TIMEOUT_EXCEEDED: 159,
  READONLY: 164,
  TOO_DEEP_AST: 167,
  TOO_BIG_AST: 168,
  UNKNOWN_USER: 192,
  WRONG_PASSWORD: 193,
  REQUIRED_PASSWORD: 194,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  SOCKET_TIMEOUT: 209,
  QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING: 216,
  UNEXPECTED_AST_STRUCTURE: 223,
  QUERY_IS_TOO_LARGE: 229,
  ABORTED: 236,
  NOT_ENOUGH_SPACE: 243,
  CANNOT_DECOMPRESS: 271,
  VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE: 321,
  UNKNOWN_DATABASE_ENGINE: 336,
  INTO_OUTFILE_NOT_ALLOWED: 358,
  SESSION_NOT_FOUND: 372,
  SESSION_IS_LOCKED: 373,
  INVALID_SESSION_TIMEOUT: 374,
  CANNOT_PARSE_UUID: 376,
  HTTP_LENGTH_REQUIRED: 381,
  QUERY_WAS_CANCELLED: 394,
  TOO_MANY_ROWS_OR_BYTES: 396,
  CANNOT_COMPILE_REGEXP: 427,
  CANNOT_SCHEDULE_TASK: 439,
  CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING: 441,
  ACCESS_DENIED: 497,
  UNKNOWN_ROLE: 511,
  SET_NON_GRANTED_ROLE: 512,
  AUTHENTICATION_FAILED: 516,
  CANNOT_PARSE_IPV4: 675,
  CANNOT_PARSE_IPV6: 676,
  UNSUPPORTED_MEDIA_TYPE: 779,
} as const

type CodeName = keyof typeof engineCodes

const codesByStatus: readonly (readonly [status: number, codes: readonly CodeName[]])[] = [
  [
    400,
    [
      'BAD_ARGUMENTS',
      'CANNOT_COMPILE_REGEXP',
      'CANNOT_PARSE_TEXT',
      'CANNOT_PARSE_ESCAPE_SEQUENCE',
      'CANNOT_PARSE_QUOTED_STRING',
      'CANNOT_PARSE_DATE',
      'CANNOT_PARSE_DATETIME',
      'CANNOT_PARSE_NUMBER',
      'CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING',
      'CANNOT_PARSE_IPV4',
      'CANNOT_PARSE_IPV6',
      'CANNOT_PARSE_UUID',
      'CANNOT_PARSE_INPUT_ASSERTION_FAILED',
      'DUPLICATE_COLUMN',
      'ILLEGAL_COLUMN',
      'UNKNOWN_ELEMENT_IN_AST',
      'UNKNOWN_TYPE_OF_AST_NODE',
      'THERE_IS_NO_COLUMN',
      'TOO_DEEP_AST',
      'TOO_BIG_AST',
      'UNEXPECTED_AST_STRUCTURE',
      'SYNTAX_ERROR',
      'INCORRECT_DATA',
      'TYPE_MISMATCH',
      'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE',
    ],
  ],
  [401, ['REQUIRED_PASSWORD']],
  [403, ['UNKNOWN_USER', 'WRONG_PASSWORD', 'AUTHENTICATION_FAILED', 'SET_NON_GRANTED_ROLE', 'ACCESS_DENIED']],
  [
    404,
    [
      'UNKNOWN_TABLE',
      'UNKNOWN_FUNCTION',
      'UNKNOWN_IDENTIFIER',
      'UNKNOWN_TYPE',
      'UNKNOWN_STORAGE',
      'UNKNOWN_DATABASE',
      'UNKNOWN_SETTING',
      'UNKNOWN_DIRECTION_OF_SORTING',
      'UNKNOWN_AGGREGATE_FUNCTION',
      'UNKNOWN_FORMAT',
      'UNKNOWN_DATABASE_ENGINE',
      'UNKNOWN_TYPE_OF_QUERY',
      'UNKNOWN_ROLE',
    ],
  ],
  [408, ['TIMEOUT_EXCEEDED']],
  [411, ['HTTP_LENGTH_REQUIRED']],
  [413, ['QUERY_IS_TOO_LARGE']],
  [415, ['UNSUPPORTED_MEDIA_TYPE']],
  [501, ['NOT_IMPLEMENTED']],
  // Not the server's own: there, too many at once is a 500, which few clients try again.
  [503, ['SOCKET_TIMEOUT', 'CANNOT_OPEN_FILE', 'CANNOT_SCHEDULE_TASK', 'TOO_MANY_SIMULTANEOUS_QUERIES']],
]

const statusByCode = new Map<number, number>(
  codesByStatus.flatMap(([status, names]) => names.map((name) => [engineCodes[name], status] as const)),
)
const nameByCode = new Map<number, string>(Object.entries(engineCodes).map(([name, code]) => [code, name]))

/** As a server answers it when nothing was sent yet. */
export const statusOf = (code: number): number => statusByCode.get(code) ?? 500

/** What this interface refuses, in the engine's terms, because that is what clients understand. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly code: number

  constructor(code: number, message: string, options: ErrorOptions = {}) {
    super(message, options)
    this.code = code
  }
}

export interface EngineException {
  code: number
  /** As a server puts it: `Code: 60. DB::Exception: ... (UNKNOWN_TABLE) (version ...)`. */
  text: string
}

/** Of anything thrown: by the engine, by this interface, or by a bug, whose own message nobody outside gets to see. */
export const exceptionOf = (error: unknown, version: string): EngineException => {
  if (error instanceof EngineError) {
    const name = nameByCode.get(error.code) ?? 'UNKNOWN'
    return {
      code: error.code,
      text: `Code: ${error.code}. DB::Exception: ${error.message}. (${name}) (version ${version})`,
    }
  }
  const message = withoutMarks(withoutRepetition(withoutBinding(messageOf(error))))
  const code = Number(/^Code: (\d+)\./.exec(message)?.[1])
  if (Number.isSafeInteger(code)) return { code, text: `${message} (version ${version})` }
  return exceptionOf(
    new EngineError(engineCodes.LOGICAL_ERROR, 'the interface failed; its log says why'),
    version,
  )
}

/** Whether the engine said it, or this interface in its name; everything else is a bug. */
export const isEngineError = (error: unknown): boolean =>
  error instanceof EngineError || /^Code: \d+\./.test(withoutBinding(messageOf(error)))

export const codeOfException = (error: unknown): number =>
  error instanceof EngineError
    ? error.code
    : Number(/^Code: (\d+)\./.exec(withoutBinding(messageOf(error)))?.[1] ?? Number.NaN)

/** Where it shows the statement, it shows what was added to it; see running-statements.ts. */
const withoutMarks = (message: string): string => message.replaceAll(/\s*\/\* query_id [^*]* \*\//g, '')

const withoutBinding = (message: string): string => message.replace(/^Query failed: /, '')

/** The engine wraps exceptions of its own in themselves: `Code: N. DB::Exception: Code: N. DB::Exception: ... (version ..)...`. */
const withoutRepetition = (message: string): string => {
  const inner = message
    .trimEnd()
    .replace(/^(Code: \d+\. DB::Exception: )\1([^]*) (\([A-Z0-9_]+\)) \(version [^()]*\)\. \3$/, '$1$2 $3')
  return inner.length < message.trimEnd().length ? withoutRepetition(inner) : inner
}
