import { describe, expect, it } from 'vitest'
import { anyValueInnerTypes, anyValueToText, anyValueType, wholeValueMark } from './any-value.ts'
import { anyValue } from './descriptors.ts'
import type { AnyValue } from './messages.ts'
import { decodeMessage } from './protobuf.ts'

const text = (stringValue: string): AnyValue => ({ stringValue })

describe('anyValueToText', () => {
  it.each<[AnyValue | undefined, string, string]>([
    [undefined, 'e', ''],
    [{}, 'e', ''],
    [text(''), 's', ''],
    [text('<a> & "b"'), 's', '<a> & "b"'],
    [{ boolValue: false }, 'b', 'false'],
    [{ boolValue: true }, 'b', 'true'],
    [{ intValue: -9_223_372_036_854_775_808n }, 'i', '-9223372036854775808'],
    [{ doubleValue: 1 }, 'd', '1'],
    [{ doubleValue: 0.1 }, 'd', '0.1'],
    [{ doubleValue: 1e21 }, 'd', '1e+21'],
    [{ doubleValue: 1e-7 }, 'd', '1e-7'],
    [{ doubleValue: 123_456_789_012_345_680_000 }, 'd', '123456789012345680000'],
    [{ doubleValue: -0 }, 'd', '-0'],
    [{ doubleValue: Number.NaN }, 'd', 'NaN'],
    [{ doubleValue: -Infinity }, 'd', '-Infinity'],
    [{ bytesValue: new Uint8Array([1, 2, 255]) }, 'y', 'AQL/'],
    [{ bytesValue: new Uint8Array(0) }, 'y', ''],
    [{ arrayValue: { values: [] } }, 'a', '[]'],
    [{ kvlistValue: { values: [] } }, 'm', '{}'],
  ])('writes case %# as the Collector does', (value, type, expected) => {
    expect(anyValueType(value)).toBe(type)
    expect(anyValueToText(value)).toBe(expected)
  })

  it('writes arrays and maps as JSON, map keys in order and each once', () => {
    const value: AnyValue = {
      kvlistValue: {
        values: [
          { key: 'z', value: { intValue: 9_007_199_254_740_993n } },
          { key: 'a', value: text('first') },
          {
            key: 'a',
            value: {
              arrayValue: { values: [text('<q>"'), { boolValue: true }, {}, { doubleValue: Infinity }] },
            },
          },
          { key: 'n' },
          { key: 'raw', value: { bytesValue: new Uint8Array([0]) } },
        ],
      },
    }
    const html = String.raw`"\u003cq\u003e\""`
    expect(anyValueToText(value)).toBe(
      `{"a":[${html},true,null,"Infinity"],"n":null,"raw":"AA==","z":9007199254740993}`,
    )
  })
})

describe('anyValueInnerTypes', () => {
  const array = (...values: AnyValue[]): AnyValue => ({ arrayValue: { values } })
  const map = (...values: { key: string; value?: AnyValue }[]): AnyValue => ({ kvlistValue: { values } })

  it.each<[string, AnyValue | undefined]>([
    ['no value', undefined],
    ['a value that is no list', { bytesValue: new Uint8Array([1]) }],
    [
      'what reads back from JSON',
      array(text('NaN'), { intValue: 1n }, { doubleValue: 1.5 }, { boolValue: true }, {}),
    ],
    ['a double with an exponent', array({ doubleValue: 1e21 })],
    ['lists in lists', array(map({ key: 'a', value: array() }), map())],
  ])('is empty for %s', (_name, value) => {
    expect(anyValueInnerTypes(value)).toBe('')
  })

  it.each<[string, AnyValue]>([
    ['d', array({ doubleValue: 1 })],
    ['d', array({ doubleValue: -0 })],
    ['d', array({ doubleValue: 123_456_789_012_345_680_000 })],
    ['ds', array({ doubleValue: Number.NaN }, text('NaN'))],
    ['y', array(map({ key: 'raw', value: { bytesValue: new Uint8Array() } }))],
  ])('says %s where JSON would read back as another type', (types, value) => {
    expect(anyValueInnerTypes(value)).toBe(types)
  })

  it('goes through maps in the order of their JSON', () => {
    const value = map(
      { key: 'b', value: { doubleValue: 2 } },
      { key: 'a', value: array({ intValue: 1n }, {}) },
    )
    expect(anyValueToText(value)).toBe('{"a":[1,null],"b":2}')
    expect(anyValueInnerTypes(value)).toBe('ied')
  })

  it('holds the whole value where a map has a key twice, which its JSON has once', () => {
    const value = array(map({ key: 'b', value: text('first') }, { key: 'b', value: text('last') }))
    expect(anyValueToText(value)).toBe('[{"b":"last"}]')
    const types = anyValueInnerTypes(value)
    expect(types[0]).toBe(wholeValueMark)
    const bytes = Buffer.from(types.slice(1), 'base64')
    expect(decodeMessage(anyValue, bytes, 'a value')).toEqual(value)
  })
})
