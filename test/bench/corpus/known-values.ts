import type { KeyValue } from '#telemetry/otlp/messages.ts'
import { text } from './key-values.ts'

/** An attribute that every span has, with values of one known frequency. */
export interface KnownAttribute {
  key: string
  /** All values are equally frequent, so a benchmark can ask for another one each time. */
  valueCount: number
  /** @param index below `valueCount` */
  value(index: number): string
}

/** Spans of a trace share it: each value is in exactly one trace of every ten, counted from the corpus' first. */
export const oneInTen: KnownAttribute = {
  key: 'geo.country.iso_code',
  valueCount: 10,
  value: (index) => countries[index] ?? '',
}

/** Each value is on exactly one span of every thousand. */
export const oneInThousand: KnownAttribute = {
  key: 'app.store.id',
  valueCount: 1000,
  value: (index) => codeOf(index, 2),
}

/** Each value is on exactly one span of every million. */
export const oneInMillion: KnownAttribute = {
  key: 'app.item.sku',
  valueCount: 1_000_000,
  value: (index) => codeOf(index, 4),
}

/** Looks like a value of `oneInMillion`, and no span has it. */
export const absentAttribute: KnownAttribute = {
  key: oneInMillion.key,
  valueCount: 1_000_000,
  value: (index) => codeOf(1_000_000 + index, 4),
}

const countries = ['DE', 'FR', 'GB', 'IT', 'ES', 'NL', 'PL', 'SE', 'AT', 'KR']

/** Letters, the first of them small: as short as they can be, and like no value of another attribute. */
const codeOf = (index: number, length: number): string => {
  let code = ''
  let rest = index
  for (let at = 1; at < length; at++) {
    code += letters.charAt(rest % letters.length)
    rest = Math.floor(rest / letters.length)
  }
  return letters.charAt(rest) + code
}

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/**
 * Which value comes at which place: every run of as many places as there are values has each of them once, in an order
 * that differs from run to run.
 */
export const indexAt = (place: number, valueCount: number): number => {
  const run = Math.floor(place / valueCount)
  const step = steps[run % steps.length] ?? 1
  return ((((place % valueCount) * step) % valueCount) + ((run * 7919 + step) % valueCount)) % valueCount
}

/** Coprime to every power of ten. */
const steps = [618_033, 414_213, 732_051, 236_067, 645_751, 316_227, 605_551, 123_109, 358_899, 795_831]

export const knownAttributeAt = (attribute: KnownAttribute, place: number): KeyValue =>
  text(attribute.key, attribute.value(indexAt(place, attribute.valueCount)))
