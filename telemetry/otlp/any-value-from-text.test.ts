import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { arbitraryValue } from '../../test/harness/arbitrary-otlp.ts'
import { normalValue } from '../../test/harness/otlp-normal-form.ts'
import { anyValueFromText } from './any-value-from-text.ts'
import { anyValueInnerTypes, anyValueToText, anyValueType } from './any-value.ts'

it('any value comes back from its text, its type and what the text does not tell', () => {
  fc.assert(
    fc.property(arbitraryValue, (value) => {
      const read = anyValueFromText(anyValueToText(value), anyValueType(value), anyValueInnerTypes(value))
      expect(normalValue(read)).toEqual(normalValue(value))
    }),
    { numRuns: 2000 },
  )
})
