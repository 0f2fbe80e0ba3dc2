/**
 * The engine's tokens, as far as it takes to tell where a statement's clauses begin: what is inside of strings, quoted names,
 * comments and heredocs is not looked at. Texts are of one character a byte (latin1), so that positions are those of the bytes.
 */
export interface Token {
  kind: 'word' | 'name' | 'string' | 'sign'
  start: number
  end: number
  /** A word in capitals; a sign; empty for the others. */
  text: string
  /** How many brackets of any kind are open around it. */
  depth: number
}

const wordStart = /[A-Za-z_]/
const word = /[\w$]*/y
const number = /[\d.][\w.]*/y
const heredocTag = /\$\w*\$/y
/** The no-break space, among others, counts as one in the middle of a statement. */
const space = /(?:\s|\xc2\xa0|\xe2\x80[\x80-\x8b\xa8\xa9\xaf]|\xe3\x80\x80|\xef\xbb\xbf)+/y

const leftQuotes: Readonly<Record<string, readonly [right: string, kind: Token['kind']]>> = {
  '\xe2\x80\x98': ['\xe2\x80\x99', 'string'],
  '\xe2\x80\x9c': ['\xe2\x80\x9d', 'name'],
}

/** What ends where the text does (a string that is not closed) ends there. */
export function* tokensOf(text: string): Generator<Token> {
  let depth = 0
  for (let at = 0; at < text.length;) {
    const behind = behindSpace(text, at)
    if (behind > at) {
      at = behind
      continue
    }
    const token = tokenAt(text, at, depth)
    if ('([{'.includes(token.text) && token.kind === 'sign') depth += 1
    if (')]}'.includes(token.text) && token.kind === 'sign') token.depth = depth = Math.max(0, depth - 1)
    yield token
    at = token.end
  }
}

const matchEnd = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

/** Behind spaces and comments. */
const behindSpace = (text: string, start: number): number => {
  let at = start
  for (;;) {
    let behind = matchEnd(space, text, at)
    if (startsLineComment(text, behind)) behind = endOfLine(text, behind)
    else if (text.startsWith('/*', behind)) behind = endOfComment(text, behind)
    if (behind === at) return at
    at = behind
  }
}

const startsLineComment = (text: string, at: number): boolean =>
  text.startsWith('--', at) ||
  text.startsWith('//', at) ||
  text.startsWith('# ', at) ||
  text.startsWith('#!', at)

const endOfLine = (text: string, at: number): number => {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end
}

/** Comments may lie in each other. */
const endOfComment = (text: string, start: number): number => {
  let open = 1
  for (let at = start + 2; at < text.length; at++) {
    if (text.startsWith('/*', at)) {
      open += 1
      at += 1
    } else if (text.startsWith('*/', at)) {
      open -= 1
      at += 1
      if (open === 0) return at + 1
    }
  }
  return text.length
}

const tokenAt = (text: string, start: number, depth: number): Token => {
  const first = text.charAt(start)
  const token = (kind: Token['kind'], end: number, shown = ''): Token => ({
    kind,
    start,
    end,
    text: shown,
    depth,
  })
  if (wordStart.test(first)) {
    const end = matchEnd(word, text, start)
    return token('word', end, text.slice(start, end).toUpperCase())
  }
  if (/\d/.test(first)) return token('string', matchEnd(number, text, start))
  if (first === `'`) return token('string', endOfQuoted(text, start, first))
  if (first === '`' || first === '"') return token('name', endOfQuoted(text, start, first))
  if (first === '$') return token('string', endOfHeredoc(text, start))
  const quotes = leftQuotes[text.slice(start, start + 3)]
  if (quotes !== undefined) {
    const [right, kind] = quotes
    const end = text.indexOf(right, start + 3)
    return token(kind, end === -1 ? text.length : end + 3)
  }
  return token('sign', start + 1, first)
}

const endOfQuoted = (text: string, start: number, quote: string): number => {
  for (let at = text.indexOf(quote, start + 1); at !== -1; at = text.indexOf(quote, at + 1)) {
    // What is escaped, and a quote that is written twice, are inside.
    if (isEscaped(text, start, at)) continue
    if (text.charAt(at + 1) !== quote) return at + 1
    at += 1
  }
  return text.length
}

const backslash = 0x5c

/** By a backslash that is not itself escaped by the one before. */
const isEscaped = (text: string, start: number, at: number): boolean => {
  let first = at
  while (first - 1 > start && text.charCodeAt(first - 1) === backslash) first -= 1
  return (at - first) % 2 === 1
}

const endOfHeredoc = (text: string, start: number): number => {
  const tagEnd = matchEnd(heredocTag, text, start)
  if (tagEnd === start) return start + 1
  const end = text.indexOf(text.slice(start, tagEnd), tagEnd)
  return end === -1 ? text.length : end + tagEnd - start
}
