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

/** Words that every body has, one of each frequency, found by full-text search as tokens of their own. */
export interface KnownWords {
  /** All words are equally frequent. */
  wordCount: number
  /** @param index below `wordCount` */
  word(index: number): string
}

/** Each word is in exactly one log record of every ten. */
export const wordOneInTen: KnownWords = { wordCount: 10, word: (index) => colours[index] ?? '' }

/** Each word is in exactly one log record of every thousand. */
export const wordOneInThousand: KnownWords = {
  wordCount: 1000,
  word: (index) => spelled(index, 3, shardSyllables),
}

/** Each word is in exactly one log record of every million. */
export const wordOneInMillion: KnownWords = {
  wordCount: 1_000_000,
  word: (index) => spelled(index, 6, batchSyllables),
}

/** Looks like a word of `wordOneInMillion`, and no record has it. */
export const absentWord: KnownWords = {
  wordCount: 1_000_000,
  word: (index) => `${wordOneInMillion.word(index)}my`,
}

const shardSyllables = ['ta', 'ko', 'mi', 'ru', 'se', 'no', 'la', 'vi', 'pe', 'du']
const batchSyllables = ['bo', 'za', 'fy', 'ge', 'qui', 'ha', 'wo', 'xe', 'ju', 'cy']
const colours = ['amber', 'azure', 'coral', 'ebony', 'indigo', 'ivory', 'ochre', 'sepia', 'teal', 'umber']

/** A digit, a syllable. Words of different frequency share no syllable, so none lies within another. */
const spelled = (index: number, digitCount: number, syllables: readonly string[]): string => {
  let word = ''
  for (let rest = index, digit = 0; digit < digitCount; digit++, rest = Math.floor(rest / 10))
    word += syllables[rest % 10] ?? ''
  return word
}

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

export const knownWordsAt = (place: number): string =>
  `cell=${wordAt(wordOneInTen, place)} shard=${wordAt(wordOneInThousand, place)} batch=${wordAt(wordOneInMillion, place)}`

const wordAt = (words: KnownWords, place: number): string => words.word(indexAt(place, words.wordCount))
