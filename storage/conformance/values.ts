import { expect } from 'vitest'
import type { Store } from '../connection.ts'
import { column } from '../native-block.ts'
import { sql } from '../sql.ts'
import { type Case, createTable, insertColumns, own } from './cases.ts'

/** In which JavaScript values the engine's types come, and in which order rows do. */
export const valueCases = (store: () => Store, testCase: Case): void => {
  testCase('gives values of every type as the contract says, once stored', async () => {
    const definition = values.map(({ name, type }) => `${name} ${type}`).join(', ')
    const table = await createTable(store(), `(${definition}) ENGINE = MergeTree ORDER BY tuple()`)
    const list = values.map(({ expression }) => expression).join(', ')
    await store().command(sql`INSERT INTO ${sql.identifier(table)} SELECT ${own(list)}`)
    const rows = await store().query(sql`SELECT * FROM ${sql.identifier(table)}`)
    expect(rows).toEqual([Object.fromEntries(values.map(({ name, expected }) => [name, expected]))])
  })

  testCase('gives times in UTC, whatever the time zones of machine and server', async () => {
    expect(
      await store().query(
        sql`SELECT toString(toDateTime(0)) AS text, toDateTime(0) AS bare, toHour(toDateTime(3600)) AS hour, timezone() AS zone`,
      ),
    ).toEqual([{ text: '1970-01-01 00:00:00', bare: '1970-01-01 00:00:00', hour: 1, zone: 'UTC' }])
    const table = await createTable(store(), '(at DateTime) ENGINE = Memory')
    await store().command(sql`INSERT INTO ${sql.identifier(table)} SELECT toDateTime('2024-11-19 07:06:40')`)
    expect(
      await store().query(sql`SELECT toUnixTimestamp(at) AS seconds FROM ${sql.identifier(table)}`),
    ).toEqual([{ seconds: 1_732_000_000 }])
  })

  testCase('takes bytes that are no text, and gives them whole as hex', async () => {
    const table = await createTable(
      store(),
      '(f FixedString(4), s String) ENGINE = MergeTree ORDER BY tuple()',
    )
    const f = column.fixed(4)
    const s = column.bytes()
    f.push(Uint8Array.of(0xff, 0, 0x22, 0x0a))
    s.push(Uint8Array.of(0xe2, 0x82, 0x41, 0, 0xc0))
    await insertColumns(store(), table, { f, s })
    expect(
      await store().query(sql`SELECT f, s, hex(f) AS fh, hex(s) AS sh FROM ${sql.identifier(table)}`),
    ).toEqual([{ f: '\ufffd\0"\n', s: '\ufffdA\0\ufffd', fh: 'FF00220A', sh: 'E2824100C0' }])
  })

  testCase('keeps every entry of a map readable where keys repeat or look like numbers', async () => {
    const map = own(`CAST([('b', '1'), ('7', '2'), ('b', '3'), ('__proto__', '4')] AS Map(String, String))`)
    const [row] = await store().query<{ m: Record<string, string>; keys: string[]; texts: string[] }>(
      sql`SELECT ${map} AS m, mapKeys(m) AS keys, mapValues(m) AS texts`,
    )
    expect(row?.keys).toEqual(['b', '7', 'b', '__proto__'])
    expect(row?.texts).toEqual(['1', '2', '3', '4'])
    expect(Object.entries(row?.m ?? {})).toEqual([
      ['7', '2'],
      ['b', '3'],
      ['__proto__', '4'],
    ])
  })

  testCase('gives rows in the order asked for, and columns in that of the SELECT', async () => {
    const rows = await store().query<{ n: string; half: string }>(
      sql`SELECT number AS n, intDiv(number, 2) AS half FROM numbers_mt(50000) ORDER BY half DESC, n`,
    )
    expect(rows).toHaveLength(50_000)
    expect(Object.keys(rows[0] ?? {})).toEqual(['n', 'half'])
    const isInOrder = rows.every(({ n }, index) => Number(n) === 49_998 - index + 2 * (index % 2))
    expect(isInOrder).toBe(true)
  })

  testCase('gives no rows for an empty result', async () => {
    expect(await store().query(sql`SELECT 1 AS one WHERE 0`)).toEqual([])
  })

  testCase('gives a text of megabytes whole', async () => {
    const [row] = await store().query<{ text: string }>(sql`SELECT repeat('한🙂\n', 500000) AS text`)
    expect(row?.text.length).toBe(2_000_000)
    expect(row?.text === '한🙂\n'.repeat(500_000)).toBe(true)
  })

  testCase('takes every kind of statement that has rows', async () => {
    const seven = [{ n: '7' }]
    expect(await store().query(sql`SELECT toUInt64(7) AS n -- the last line is a comment`)).toEqual(seven)
    expect(await store().query(sql`SELECT toUInt64(7) AS n SETTINGS max_threads = 1`)).toEqual(seven)
    expect(await store().query(sql`WITH 7 AS seven SELECT toUInt64(seven) AS n`)).toEqual(seven)
    expect(await store().query(sql`(SELECT toUInt64(7) AS n) UNION ALL (SELECT toUInt64(7))`)).toEqual([
      ...seven,
      ...seven,
    ])
    expect(await store().query(sql`EXPLAIN SYNTAX SELECT 7`)).toContainEqual({ explain: 'SELECT 7' })
    expect(await store().query(sql`SHOW DATABASES LIKE ${sql.string(store().database)}`)).toEqual([
      { name: store().database },
    ])
  })
}

interface Value {
  name: string
  type: string
  expression: string
  expected: unknown
}

const value = (name: string, type: string, expression: string, expected: unknown): Value => ({
  name,
  type,
  expression,
  expected,
})

const values: Value[] = [
  value('u8', 'UInt8', '255', 255),
  value('u32', 'UInt32', '4294967295', 4_294_967_295),
  value('i32', 'Int32', '-2147483648', -2_147_483_648),
  value('u64', 'UInt64', `toUInt64('18446744073709551615')`, '18446744073709551615'),
  value('small_u64', 'UInt64', '1', '1'),
  value('i64', 'Int64', `toInt64('-9223372036854775808')`, '-9223372036854775808'),
  value('u128', 'UInt128', `toUInt128('340282366920938463463374607431768211455')`, `${2n ** 128n - 1n}`),
  value('i256', 'Int256', `toInt256('-5')`, '-5'),
  value('i64s', 'Array(Int64)', '[-1, 2]', ['-1', '2']),
  value('u64_of', 'Map(String, UInt64)', `map('k', 7)`, { k: '7' }),
  value('u64_or_null', 'Nullable(UInt64)', '7', '7'),
  value('decimal', 'Decimal(38, 9)', `'12345678901234567890.123456789'`, '12345678901234567890.123456789'),
  value('f64', 'Float64', '0.1', 0.1),
  value('f64_max', 'Float64', '1.7976931348623157e308', Number.MAX_VALUE),
  value('f64_min', 'Float64', '5e-324', Number.MIN_VALUE),
  value('f64_minus_zero', 'Float64', '-0.0', -0),
  value('f64_nan', 'Float64', 'nan', 'nan'),
  value('f64_inf', 'Float64', 'inf', 'inf'),
  value('f64_minus_inf', 'Float64', '-inf', '-inf'),
  value('f64s', 'Array(Float64)', '[1.5, nan, -inf]', [1.5, 'nan', '-inf']),
  value('f32', 'Float32', '0.1', 0.1),
  value('yes', 'Bool', 'true', true),
  value('no', 'Bool', 'false', false),
  value('day', 'Date', `'2024-11-19'`, '2024-11-19'),
  value('second', `DateTime('UTC')`, '1732000000', '2024-11-19 07:06:40'),
  value(
    'milli',
    `DateTime64(3, 'UTC')`,
    `fromUnixTimestamp64Milli(1732000000123)`,
    '2024-11-19 07:06:40.123',
  ),
  value(
    'nano',
    `DateTime64(9, 'UTC')`,
    `fromUnixTimestamp64Nano(1732000000123456789)`,
    '2024-11-19 07:06:40.123456789',
  ),
  value(
    'elsewhere',
    `DateTime64(9, 'Asia/Seoul')`,
    `fromUnixTimestamp64Nano(1732000000000000001)`,
    '2024-11-19 16:06:40.000000001',
  ),
  value('text', 'String', String.raw`'a"b\\c/d\n\r\t\0é한🙂'`, 'a"b\\c/d\n\r\t\0é한🙂'),
  value('separators', 'String', `unhex('e280a8e280a97f')`, '\u2028\u2029\u007f'),
  value('no_text', 'String', `unhex('41ff4222')`, 'A\ufffdB"'),
  value('fixed', 'FixedString(4)', `'ab'`, 'ab\0\0'),
  value('low', 'LowCardinality(String)', `'x'`, 'x'),
  value('low_null', 'LowCardinality(Nullable(String))', 'NULL', null),
  value('none', 'Nullable(Float64)', 'NULL', null),
  value('some', 'Nullable(String)', `''`, ''),
  value('nested', 'Array(Array(String))', `[['a'], [], ['b', 'c']]`, [['a'], [], ['b', 'c']]),
  value('empty', 'Array(String)', '[]', []),
  value('nulls', 'Array(Nullable(UInt8))', '[1, NULL]', [1, null]),
  value('pair', 'Tuple(UInt64, String)', `(1, 'a')`, ['1', 'a']),
  value('named', 'Tuple(id UInt64, name String)', `(1, 'a')`, { id: '1', name: 'a' }),
  value('map', 'Map(LowCardinality(String), String)', `map('k', 'v', '', '')`, { k: 'v', '': '' }),
  value('no_map', 'Map(String, String)', 'map()', {}),
  value('maps', 'Array(Map(String, String))', `[map('a', '1'), map()]`, [{ a: '1' }, {}]),
  value('choice', `Enum8('one' = 1, 'two' = 2)`, `'two'`, 'two'),
  value('uuid', 'UUID', `'61f0c404-5cb3-11e7-907b-a6006ad3dba0'`, '61f0c404-5cb3-11e7-907b-a6006ad3dba0'),
]
