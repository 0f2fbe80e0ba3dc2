import { describe, expect, test } from 'vitest'
import {
  parseDuration,
  readAttributeFilter,
  readFrameSearch,
  readPodsSearch,
  readServicesSearch,
  readTraceSearch,
  readTracesSearch,
  writeDuration,
} from './screens.ts'
import { parseSearch, stringifySearch } from './search-text.ts'

describe('the text of a URL', () => {
  test('is plain name=value, numbers included', () => {
    expect(parseSearch('?service=42&from=now-1h')).toEqual({ service: '42', from: 'now-1h' })
    expect(stringifySearch({ service: '42', to: undefined, from: 'now-1h' })).toBe('?service=42&from=now-1h')
  })

  test('survives a round trip with repeated and hostile values', () => {
    const search = {
      attribute: ['a=b&c', 'x==y'],
      service: '<img src=x onerror=alert(1)>',
      q: '체크아웃 100%',
    }
    expect(parseSearch(stringifySearch(search))).toEqual(search)
  })

  test('cannot reach into the prototype', () => {
    expect(Object.getPrototypeOf(parseSearch('?__proto__=x'))).toBe(Object.prototype)
  })

  test('nothing gives nothing', () => {
    expect(stringifySearch({ service: undefined })).toBe('')
  })
})

describe('the parameters of a screen', () => {
  test('the range has a default and the refresh interval is one of a few', () => {
    expect(readFrameSearch({})).toEqual({ from: 'now-1h', to: 'now', refresh: undefined })
    expect(readFrameSearch({ from: 'now-7d', to: 'now-1d', refresh: '30s' }).refresh).toBe('30s')
    expect(readFrameSearch({ refresh: '1ms' }).refresh).toBeUndefined()
  })

  test('wrong values are left out instead of failing', () => {
    const search = readTracesSearch({
      minDuration: 'fast',
      maxDuration: '2 s',
      status: 'maybe',
      attribute: ['=x', 'k=v', 'k=v'],
    })
    expect(search).toMatchObject({
      minDuration: undefined,
      maxDuration: '2s',
      status: undefined,
      attribute: ['k=v'],
    })
  })

  test('an empty namespace is a filter, an empty service is none', () => {
    expect(readTracesSearch({ namespace: '', service: '' })).toMatchObject({
      namespace: '',
      service: undefined,
    })
  })

  test('a sort names a column that exists', () => {
    expect(readServicesSearch({ sort: '-p99' }).sort).toBe('-p99')
    expect(readServicesSearch({ sort: 'password' }).sort).toBeUndefined()
    expect(readPodsSearch({ sort: 'state', state: 'failed' })).toMatchObject({
      sort: 'state',
      state: 'failed',
    })
  })

  test('the zoom of a trace is two numbers', () => {
    expect(readTraceSearch({ zoom: '0-500', tab: 'logs' })).toMatchObject({ zoom: '0-500', tab: 'logs' })
    expect(readTraceSearch({ zoom: 'all', tab: 'x' })).toMatchObject({ zoom: undefined, tab: undefined })
  })
})

describe('durations', () => {
  test.each([
    ['250ms', 250e6],
    ['1.5s', 1.5e9],
    ['2us', 2000],
    ['2µs', 2000],
    ['3m', 180e9],
  ])('%s', (text, nanos) => {
    expect(parseDuration(text)).toBe(nanos)
  })

  test.each(['', '5', 'ms', '-1s', '1s2', '1e3s'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  test('are written in the form of the API, three digits', () => {
    expect(writeDuration(1_234_567)).toBe('1.23ms')
    expect(writeDuration(999_999)).toBe('1ms')
    expect(writeDuration(90e9)).toBe('90s')
    expect(writeDuration(1500)).toBe('1.5us')
  })
})

test('the key of an attribute filter ends at the first equals sign', () => {
  expect(readAttributeFilter('url.query=a=b')).toEqual({ key: 'url.query', value: 'a=b' })
  expect(readAttributeFilter('nothing')).toBeUndefined()
})
