import { expect, test } from 'vitest'
import { readSearchText } from './search-text.ts'

const id = '5b8efff798038103d269b633813fc60c'

test.each([
  [id, { traceId: id }],
  [` ${id.toUpperCase()} `, { traceId: id }],
  [`00-${id}-eee19b7ec3c1b174-01`, { traceId: id }],
  ['http.route=/cart', { attribute: 'http.route=/cart' }],
  ['k = v=w', { attribute: 'k=v=w' }],
  ['>500ms', { minDuration: '500ms' }],
  ['>= 1.5 s', { minDuration: '1.5s' }],
  ['<2s', { maxDuration: '2s' }],
])('%j is understood', (input, read) => {
  expect(readSearchText(input)).toEqual(read)
})

test.each(['', 'checkout', '=x', id.slice(1)])('%j is not', (input) => {
  expect(readSearchText(input)).toBeUndefined()
})
