import { afterAll, beforeAll, expect, test } from 'vitest'
import { type SeededStore, openSeededStore } from '../test/harness/seeded-store.ts'
import type { Store } from './connection.ts'
import { readResources } from './resource-rows.ts'

let seeded: SeededStore
/** The same store, counting what is asked of it. */
let counted: Store
let queryCount = 0

beforeAll(async () => {
  seeded = await openSeededStore()
  await seeded.insertResource({ id: 1, attributes: { 'service.name': 'cart' } })
  await seeded.insertResource({ id: 2, attributes: { 'service.name': 'checkout' } })
  counted = {
    ...seeded.store,
    query: (statement, options) => {
      queryCount += 1
      return seeded.store.query(statement, options)
    },
  }
})
afterAll(() => seeded.close())

test('a resource is read once, because its id names its content', async () => {
  const scope = { tenant: 'default' }
  const first = await readResources(counted, scope, ['1', '404'])
  expect([...first.values()].map(({ serviceName }) => serviceName)).toEqual(['cart'])
  expect(queryCount).toBe(1)
  await readResources(counted, scope, ['1', '1'])
  expect(queryCount).toBe(1)
  const both = await readResources(counted, scope, ['1', '2'])
  expect([...both.keys()].toSorted()).toEqual(['1', '2'])
  expect(queryCount).toBe(2)
})

test('what one tenant has read is not shown to another', async () => {
  await readResources(counted, { tenant: 'default' }, ['1'])
  expect(await readResources(counted, { tenant: 'other' }, ['1'])).toEqual(new Map())
})
