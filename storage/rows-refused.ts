import { messageOf } from '#runtime/errors.ts'
import { codeOf } from './connection.ts'

/**
 * The engine looked at rows and will not take them: trying again does not help, leaving out the rows that it means does.
 * Some of them, or of what is derived from them, may be in all the same: views come after the rows.
 */
export class RowsRefused extends Error {
  override readonly name = 'RowsRefused'
  /** It is their number or their size that is too much just now: fewer may be taken, and so may these, later. */
  readonly isBySize: boolean

  constructor(message: string, options: ErrorOptions & { isBySize: boolean }) {
    super(message, options)
    this.isBySize = options.isBySize
  }
}

/**
 * Codes of the engine that speak of values. All others (no space, too many parts, read only, no such column, no answer)
 * are not the rows' fault: they are waited for, however long that takes, because taking them for it would set aside
 * everything that comes.
 */
const contentCodes = new Map([
  ['6', 'CANNOT_PARSE_TEXT'],
  ['19', 'SIZE_OF_FIXED_STRING_DOESNT_MATCH'],
  ['26', 'CANNOT_PARSE_QUOTED_STRING'],
  ['27', 'CANNOT_PARSE_INPUT_ASSERTION_FAILED'],
  ['32', 'ATTEMPT_TO_READ_AFTER_EOF'],
  ['33', 'CANNOT_READ_ALL_DATA'],
  ['38', 'CANNOT_PARSE_DATE'],
  ['41', 'CANNOT_PARSE_DATETIME'],
  ['69', 'ARGUMENT_OUT_OF_BOUND'],
  ['70', 'CANNOT_CONVERT_TYPE'],
  ['72', 'CANNOT_PARSE_NUMBER'],
  ['117', 'INCORRECT_DATA'],
  ['128', 'TOO_LARGE_ARRAY_SIZE'],
  ['131', 'TOO_LARGE_STRING_SIZE'],
  ['153', 'ILLEGAL_DIVISION'],
  ['190', 'SIZES_OF_ARRAYS_DONT_MATCH'],
  ['248', 'INVALID_PARTITION_VALUE'],
  ['321', 'VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE'],
  ['349', 'CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN'],
  ['366', 'SIZES_OF_NESTED_COLUMNS_ARE_INCONSISTENT'],
  ['395', 'FUNCTION_THROW_IF_VALUE_IS_NON_ZERO'],
  ['407', 'DECIMAL_OVERFLOW'],
  ['469', 'VIOLATED_CONSTRAINT'],
])

const sizeCodes = new Map([
  ['158', 'TOO_MANY_ROWS'],
  ['159', 'TIMEOUT_EXCEEDED'],
  ['173', 'CANNOT_ALLOCATE_MEMORY'],
  ['241', 'MEMORY_LIMIT_EXCEEDED'],
  ['307', 'TOO_MANY_BYTES'],
  ['396', 'TOO_MANY_ROWS_OR_BYTES'],
])

/** The error to throw for one that the engine threw while it was given rows. */
export const insertError = (doing: string, error: unknown): Error => {
  const code = codeOf(error)
  const message = `${doing}: ${messageOf(error)}`
  const kind = contentCodes.get(code) ?? sizeCodes.get(code)
  return kind === undefined
    ? new Error(message, { cause: error })
    : new RowsRefused(`${message.trimEnd()} (${kind})`, { cause: error, isBySize: sizeCodes.has(code) })
}
