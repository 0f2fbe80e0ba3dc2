import { EngineError, engineCodes } from './exceptions.ts'
import { type Token, tokensOf } from './tokens.ts'

/**
 * What a request wants to have run, as far as this interface has to know it: where rows come out, where rows go in, and
 * whether it is one statement. Texts are of one character a byte, see tokens.ts.
 */
export type Statement = RowsStatement | InsertStatement | OtherStatement

/** A query whose answer may be large. */
export interface RowsStatement {
  kind: 'rows'
  /** Up to where `INTO OUTFILE` belongs. */
  text: string
  /** From `FORMAT` on, or empty. */
  rest: string
  format: string | undefined
}

/** Rows in some format follow the statement. */
export interface InsertStatement {
  kind: 'insert'
  /** Up to where `FROM INFILE` belongs, or to the bracket behind `input`. */
  into: string
  /** The settings, or what follows `input(`. */
  rest: string
  format: string
  /** Rows are read by `input()`, inside of a query. */
  isThroughInput: boolean
  /** Where its rows begin. */
  dataStart: number
}

/** Whatever is done by one statement and answers with little. */
export interface OtherStatement {
  kind: 'other'
  text: string
  /** In capitals, such as `CREATE`. */
  firstWord: string
  format: string | undefined
  isKill: boolean
}

/** Words that begin what is answered with rows that may be many. */
const queryWords = new Set(['SELECT', 'WITH', 'FROM'])
/** Words that begin an INSERT's own query, whose rows do not come with the request. */
const insertQueryWords = new Set(['SELECT', 'WITH', 'FROM', 'WATCH', 'EXPLAIN'])

/** @throws EngineError where it is none, or more than one */
export const parseStatement = (text: string): Statement => {
  const tokens = tokensOf(text)
  const first = nextOf(tokens)
  if (first === undefined) throw emptyQuery()
  return first.text === 'INSERT' ? parseInsert(text, tokens) : parseQuery(text, first, tokens)
}

export const beginsInsert = (text: string): boolean => nextOf(tokensOf(text))?.text === 'INSERT'

const emptyQuery = (): EngineError =>
  new EngineError(engineCodes.SYNTAX_ERROR, 'Syntax error: the query is empty')

const nextOf = (tokens: Iterator<Token>): Token | undefined => {
  const next = tokens.next()
  return next.done === true ? undefined : next.value
}

/** Behind its last token. A semicolon may follow. */
const endOfStatement = (tokens: readonly Token[]): number => {
  const semicolon = tokens.findIndex(({ text }) => text === ';')
  if (semicolon === -1) return tokens.at(-1)?.end ?? 0
  const next = tokens.slice(semicolon).find(({ text }) => text !== ';')
  if (next !== undefined)
    throw new EngineError(
      engineCodes.SYNTAX_ERROR,
      `Syntax error (Multi-statements are not allowed): failed at position ${next.start + 1}`,
    )
  return tokens[semicolon - 1]?.end ?? 0
}

const parseQuery = (text: string, first: Token, others: Iterable<Token>): RowsStatement | OtherStatement => {
  let opening = first
  // Long lists lie in brackets: what is outside of all is little.
  const outside = [first]
  for (const token of others) {
    if (opening.text === '(') opening = token
    if (token.depth === 0) outside.push(token)
  }
  const end = endOfStatement(outside)
  const tokens = outside.filter((token) => token.end <= end)
  if (tokens.length === 0) throw emptyQuery()
  const formatAt = formatIndex(tokens)
  const format = formatAt === undefined ? undefined : nameOf(text, tokens[formatAt + 1])
  if (!queryWords.has(opening.text) || tokens.some((token) => token.text === 'INSERT')) {
    const isKill = first.text === 'KILL' && tokens[1]?.text === 'QUERY'
    return { kind: 'other', text: text.slice(0, end), firstWord: first.text, format, isKill }
  }
  if (tokens.some((token, index) => token.text === 'INTO' && tokens[index + 1]?.text === 'OUTFILE'))
    throw new EngineError(engineCodes.INTO_OUTFILE_NOT_ALLOWED, 'INTO OUTFILE is not allowed')
  const rest = tokens[formatAt ?? -1]?.start ?? end
  return { kind: 'rows', text: text.slice(0, rest), rest: text.slice(rest, end), format }
}

/** Of `FORMAT` with its name, at the end or before `SETTINGS`; the word may also be an alias or a column. */
const formatIndex = (tokens: readonly Token[]): number | undefined => {
  const isClause = (token: Token, index: number): boolean =>
    token.text === 'FORMAT' &&
    isName(tokens[index + 1]) &&
    (tokens.length === index + 2 || (tokens[index + 2]?.text === 'SETTINGS' && tokens.length > index + 3))
  const index = tokens.findLastIndex((token, at) => isClause(token, at))
  return index === -1 ? undefined : index
}

const isName = (token: Token | undefined): boolean => token?.kind === 'word' || token?.kind === 'name'

const nameOf = (text: string, token: Token | undefined): string =>
  token === undefined ? '' : text.slice(token.start, token.end).replaceAll(/^[`"]|[`"]$/g, '')

const parseInsert = (text: string, tokens: Generator<Token>): InsertStatement | OtherStatement => {
  const outside: Token[] = []
  const next = (): Token | undefined => {
    const token = nextOf(tokens)
    if (token?.depth === 0) outside.push(token)
    return token
  }
  const asItIs = (): OtherStatement => {
    while (next() !== undefined);
    const end = endOfStatement(outside)
    return { kind: 'other', text: text.slice(0, end), firstWord: 'INSERT', format: undefined, isKill: false }
  }

  let before: Token | undefined
  let settingsStart: number | undefined
  for (let token = afterTable(next); token !== undefined; before = token, token = next()) {
    const isQuery = insertQueryWords.has(token.text)
    if (token.depth > 0) {
      // `INSERT INTO t (SELECT ...)` has no list of columns.
      if (isQuery && before?.text === '(') return asItIs()
      continue
    }
    if (isQuery) return parseInsertQuery(text, token, next) ?? asItIs()
    if (token.text === 'SETTINGS') settingsStart ??= token.start
    if (token.text === 'VALUES')
      return inserted(text, { settingsStart, token, format: 'Values', nameEnd: token.end })
    if (token.text !== 'FORMAT') continue
    const name = next()
    if (name === undefined || !isName(name)) break
    return inserted(text, { settingsStart, token, format: nameOf(text, name), nameEnd: name.end })
  }
  // The engine says what is wrong with it.
  return asItIs()
}

/** The first token behind `INTO [TABLE] [FUNCTION] name[.name]`, whatever words the names are. */
const afterTable = (next: () => Token | undefined): Token | undefined => {
  let token = next()
  if (token?.text === 'INTO') token = next()
  if (token?.text === 'TABLE') token = next()
  if (token?.text === 'FUNCTION') token = next()
  token = next()
  while (token?.text === '.') {
    next()
    token = next()
  }
  return token
}

interface InsertParts {
  settingsStart: number | undefined
  /** `VALUES` or `FORMAT`. */
  token: Token
  format: string
  nameEnd: number
}

const inserted = (text: string, { settingsStart, token, format, nameEnd }: InsertParts): InsertStatement => ({
  kind: 'insert',
  into: text.slice(0, settingsStart ?? token.start),
  rest: text.slice(settingsStart ?? token.start, token.start),
  format,
  isThroughInput: false,
  dataStart: startOfData(text, nameEnd),
})

/**
 * `INSERT INTO t SELECT ... FROM input(...) ... FORMAT name`, whose rows follow; undefined for every other query, also one of
 * a file (`FROM INFILE`).
 */
const parseInsertQuery = (
  text: string,
  first: Token,
  next: () => Token | undefined,
): InsertStatement | undefined => {
  let before: Token | undefined = first
  let inputEnd: number | undefined
  for (let token = next(); token !== undefined; before = token, token = next()) {
    if (token.text === '(' && before?.text === 'INPUT') inputEnd ??= token.end
    if (inputEnd === undefined || token.text !== 'FORMAT' || token.depth > 0) continue
    const name = next()
    if (!isName(name)) return undefined
    return {
      kind: 'insert',
      into: text.slice(0, inputEnd),
      rest: text.slice(inputEnd, token.start),
      format: nameOf(text, name),
      isThroughInput: true,
      dataStart: startOfData(text, name?.end ?? token.end),
    }
  }
  return undefined
}

/** Behind the rest of the line where there is nothing else on it, else at the first thing that is. */
const startOfData = (text: string, nameEnd: number): number => {
  const spaces = /[ \t\f]*(?:\r?\n)?/y
  spaces.lastIndex = nameEnd
  return spaces.test(text) ? spaces.lastIndex : nameEnd
}
