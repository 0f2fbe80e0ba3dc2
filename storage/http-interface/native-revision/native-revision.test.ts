import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EngineSession, openEngineSession } from '../engine-session.ts'
import { withRevision } from './native-revision.ts'

let folder: string
let session: EngineSession
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aftertrace-native-'))
  session = openEngineSession(folder)
})
afterAll(async () => {
  session.close()
  await rm(folder, { recursive: true, force: true })
})

/** Each over `number`, so that rows differ. */
const expressions = [
  'number',
  'toString(number)',
  `repeat('x', number % 300)`,
  'if(number % 3 = 0, NULL, number)',
  'toLowCardinality(toString(number % 7))',
  'toLowCardinality(if(number % 2 = 0, NULL, toString(number % 7)))',
  'range(number % 4)',
  'arrayMap(x -> toString(x), range(number % 4))',
  'arrayMap(x -> toLowCardinality(toString(x)), range(number % 3))',
  `arrayMap(x -> toLowCardinality('a'), range(0))`,
  `map('a', number, 'b', 2)`,
  `map(toLowCardinality('a'), [toLowCardinality(toString(number))])`,
  `tuple(number, 'a', [1])`,
  `CAST((number % 100, 'a'), 'Tuple(a UInt8, \`b c\` LowCardinality(String))')`,
  'toDecimal32(1, 2)',
  'toDecimal64(1, 2)',
  'toDecimal128(1, 2)',
  'toDecimal256(1, 2)',
  'now()',
  `now64(9, 'UTC')`,
  'today()',
  'toDate32(today())',
  'generateUUIDv4()',
  `toIPv4('1.2.3.4')`,
  `toIPv6('::1')`,
  `toFixedString('abc', 5)`,
  String.raw`CAST('a', 'Enum8(\'a\' = 1, \'b,(\' = 2)')`,
  'INTERVAL 3 DAY',
  'toInt256(3)',
  'toInt128(3)',
  'true',
  'NULL',
  '[NULL, 1]',
  '(0.5, 1.5)::Point',
  '[(0.5, 1.5)]::Ring',
  `multiIf(number % 3 = 0, 1::Variant(UInt8, String), number % 3 = 1, 'a'::Variant(UInt8, String), NULL)`,
  `arrayMap(x -> multiIf(x = 0, 1::Variant(UInt8, String), 'a'::Variant(UInt8, String)), range(number % 3))`,
  `[[['a']], []]`,
  'toBFloat16(1.5)',
  `CAST([(1, 'x')], 'Nested(a UInt8, b String)')`,
]

const inNative = async (columns: string, rows: number): Promise<Buffer> => {
  const answer = await session.run(
    `SELECT ${columns} FROM numbers(${rows}) SETTINGS max_block_size = 300`,
    'Native',
  )
  return Buffer.from(answer.bytes())
}
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size)
}
const revised = async (bytes: Buffer, revision: number, size: number): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(withRevision(inPieces(bytes, size), revision)))

const blockInfo = Buffer.from([1, 0, 2, 255, 255, 255, 255, 0])

describe('the Native format of a client of the native protocol', () => {
  it('has its additions where blocks and columns begin, for values of every type', async () => {
    for (const expression of expressions)
      for (const rows of [1, 1000]) {
        const plain = await inNative(`${expression} AS x`, rows)
        const blocks = Math.ceil(rows / 300)
        for (const size of [1, 7, 1 << 20]) {
          const given = await revised(plain, 54_460, size)
          // What is added, and nothing else: block information, and one byte a column.
          expect([expression, given.length - plain.length]).toEqual([expression, blocks * 9])
          expect(given.subarray(0, 8).equals(blockInfo)).toBe(true)
          // One column, so many rows, its name x, its type.
          const typeAt = 1 + (blocks === 1 ? 1 : 2) + 2
          const typeEnd = typeAt + 1 + (plain[typeAt] as number)
          expect(given[8 + typeEnd]).toBe(0)
          const next = plain.subarray(typeEnd, typeEnd + 8)
          expect(given.subarray(9 + typeEnd, 9 + typeEnd + next.length).equals(next)).toBe(true)
        }
      }
  })

  it('lets columns lie side by side', async () => {
    const columns = expressions.map((expression, index) => `${expression} AS c${index}`).join(', ')
    const plain = await inNative(columns, 1000)
    const given = await revised(plain, 54_460, 1000)
    expect(given.length - plain.length).toBe(4 * (8 + expressions.length))
  })

  it('of an older client has no byte for a way of writing columns', async () => {
    const plain = await inNative('number', 1000)
    expect((await revised(plain, 54_405, 1000)).length - plain.length).toBe(4 * 8)
  })

  it('is refused by name for what says nothing of its length', async () => {
    await expect(revised(await inNative('sumState(number)', 10), 54_460, 1000)).rejects.toThrow(
      'a column of type AggregateFunction(sum, UInt64) cannot be given',
    )
  })

  it('that the engine did not finish is not taken for whole', async () => {
    const plain = await inNative('toString(number)', 1000)
    for (const length of [1, 100, plain.length - 1])
      await expect(revised(plain.subarray(0, length), 54_460, 50)).rejects.toThrow('inside of a block')
  })
})
