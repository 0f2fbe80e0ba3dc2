import type { Locale } from '../format.ts'
import { en, type MessageKey } from './en.ts'
import { ko } from './ko.ts'

type Catalogue = Record<MessageKey, string>
export const catalogues: Record<Locale, Catalogue> = { en, ko }

/** The names between braces in a message. */
type ParameterOf<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}`
  ? Name | ParameterOf<Rest>
  : never
type ParametersOf<Key extends MessageKey> = ParameterOf<(typeof en)[Key]>

export type Translate = <Key extends MessageKey>(
  key: Key,
  ...parameters: [ParametersOf<Key>] extends [never] ? [] : [Record<ParametersOf<Key>, string | number>]
) => string

/**
 * A message may have two forms, `one | other`, chosen by its parameter `count`; Korean needs only one.
 * Numbers are written the way the language does.
 */
export const createTranslate = (locale: Locale): Translate => {
  const plural = new Intl.PluralRules(locale)
  const number = new Intl.NumberFormat(locale)
  return (key, ...[parameters]) => {
    const values: Record<string, string | number> = parameters ?? {}
    const forms = catalogues[locale][key].split(' | ')
    const form = forms.length === 2 && plural.select(Number(values.count)) === 'one' ? forms[0] : forms.at(-1)
    return (form ?? '').replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = values[name] ?? ''
      return typeof value === 'number' ? number.format(value) : value
    })
  }
}
