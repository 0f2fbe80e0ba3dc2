import { afterAll, beforeAll, describe } from 'vitest'
import type { Store } from '../connection.ts'
import { type Skip, createCases } from './cases.ts'
import { closingCases } from './closing.ts'
import { insertingCases } from './inserting.ts'
import { sideBySideCases } from './side-by-side.ts'
import { sizeCases } from './sizes.ts'
import { stoppingCases } from './stopping.ts'
import { valueCases } from './values.ts'

/**
 * The contract of `Store` as cases that every connection passes. `open` opens a store on the same database each time; there is
 * never more than one at once.
 */
export const describeStore = (
  name: string,
  open: () => Promise<Store>,
  skips: readonly Skip[] = [],
): void => {
  const { testCase, end } = createCases(skips)
  describe(`the store on ${name}`, () => {
    describe('once open', () => {
      let opened: Store
      beforeAll(async () => void (opened = await open()))
      afterAll(() => opened.close())
      const store = (): Store => opened
      valueCases(store, testCase)
      stoppingCases(store, testCase)
      sizeCases(store, testCase)
      sideBySideCases(store, testCase)
      insertingCases(store, testCase)
    })
    describe('at its end', () => {
      closingCases(open, testCase)
    })
  })
  end()
}
