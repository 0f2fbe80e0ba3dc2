import { describe, expect, it } from 'vitest'
import { parseStatement } from './statement.ts'

const kindOf = (text: string): string => {
  const statement = parseStatement(text)
  if (statement.kind !== 'insert') return [statement.kind, statement.format ?? ''].join(' ').trim()
  const { format, dataStart, isThroughInput } = statement
  return `insert ${format}${isThroughInput ? ' through input' : ''}: ${JSON.stringify(text.slice(dataStart))}`
}

describe('a statement', () => {
  it('has rows where it is a query, in the format that it ends with', () => {
    const known: Record<string, string> = {
      'SELECT 1': 'rows',
      'select 1 format JSON': 'rows JSON',
      'SELECT 1 FORMAT `CSV` SETTINGS max_threads = 1;': 'rows CSV',
      'SELECT 1 SETTINGS max_threads = 1 FORMAT CSV': 'rows CSV',
      '(SELECT 1) UNION ALL (SELECT 2)\n-- FORMAT CSV\nFORMAT TSV': 'rows TSV',
      'WITH 1 AS one SELECT one': 'rows',
      'FROM numbers(3) SELECT number': 'rows',
      '/* a */ SELECT 1': 'rows',
      'SHOW TABLES FORMAT JSON': 'other JSON',
      'EXPLAIN SELECT 1': 'other',
      'CREATE TABLE t (format String) ENGINE = Memory': 'other',
      'INSERT INTO t SELECT 1': 'other',
      'INSERT INTO t (SELECT 1)': 'other',
      'WITH 1 AS one INSERT INTO t SELECT one': 'other',
      "INSERT INTO t FROM INFILE 'x' FORMAT CSV": 'other',
    }
    for (const [text, kind] of Object.entries(known)) expect([text, kindOf(text)]).toEqual([text, kind])
  })

  it('takes FORMAT for what it is: a clause, an alias, a column, a function', () => {
    for (const text of [
      'SELECT 1 AS format',
      'SELECT format FROM t',
      "SELECT format('{}', 1)",
      'SELECT format, format FROM t',
      "SELECT 'x FORMAT JSON'",
      'SELECT (SELECT 1 FORMAT JSON)',
      'SELECT 1 /* FORMAT JSON */',
      'SELECT 1 -- FORMAT JSON',
      'SELECT $$ FORMAT JSON $$',
      'SELECT `a FORMAT JSON`',
    ])
      expect([text, kindOf(text)]).toEqual([text, 'rows'])
  })

  it('ends where the rows of an INSERT begin', () => {
    const known: Record<string, string> = {
      'INSERT INTO t FORMAT CSV\n1,2': 'insert CSV: "1,2"',
      'INSERT INTO t FORMAT CSV 1,2': 'insert CSV: "1,2"',
      'INSERT INTO t FORMAT CSV \r\n\n1,2': 'insert CSV: "\\n1,2"',
      'insert into db.t (a, `b)`) settings x = 1 format JSONEachRow {"a": "FORMAT"}':
        'insert JSONEachRow: "{\\"a\\": \\"FORMAT\\"}"',
      'INSERT INTO TABLE t VALUES (1, "); SELECT 1")': 'insert Values: "(1, \\"); SELECT 1\\")"',
      "INSERT INTO FUNCTION file('a', 'CSV', 'a Int32') VALUES (1)": 'insert Values: "(1)"',
      'INSERT INTO format FORMAT CSV 1': 'insert CSV: "1"',
      'INSERT INTO t (* EXCEPT(b)) FORMAT Native\nABC': 'insert Native: "ABC"',
      "INSERT INTO t SELECT a + 1 FROM input('a Int32') FORMAT CSV\n1": 'insert CSV through input: "1"',
    }
    for (const [text, kind] of Object.entries(known)) expect([text, kindOf(text)]).toEqual([text, kind])
  })

  it('is one: more than one is refused, wherever a semicolon stands that counts', () => {
    for (const text of [
      'SELECT 1; SELECT 2',
      'DROP TABLE a; DROP TABLE b',
      "SELECT '\\\\'; DROP TABLE a; --'",
    ])
      expect(() => parseStatement(text)).toThrow('Multi-statements are not allowed')
    for (const text of [
      'SELECT 1;',
      'SELECT 1; -- DROP TABLE a',
      "SELECT '; DROP TABLE a'",
      "SELECT 'it''s; DROP TABLE a'",
      "SELECT '\\'; DROP TABLE a'",
      'SELECT "; DROP"',
      'SELECT 1 /* ; /* ; */ DROP TABLE a */',
      'SELECT $x$ ; DROP TABLE a; $$ $x$',
      'SELECT \xe2\x80\x98; DROP TABLE a\xe2\x80\x99',
    ])
      expect([text, kindOf(text)]).toEqual([text, 'rows'])
  })

  it('is refused where there is none, and where it writes a file as a client would', () => {
    for (const text of ['', ' ;', '-- nothing'])
      expect(() => parseStatement(text)).toThrow('the query is empty')
    expect(() => parseStatement("SELECT 1 INTO OUTFILE 'x'")).toThrow('INTO OUTFILE is not allowed')
  })

  it('of megabytes is read in a moment', () => {
    const list = Array.from({ length: 200_000 }, (_, n) => `'value ${n}'`).join(', ')
    const startedAt = performance.now()
    expect(kindOf(`SELECT x IN (${list}) FORMAT JSON`)).toBe('rows JSON')
    expect(performance.now() - startedAt).toBeLessThan(3000)
  })
})
