import { messageOf } from './errors.ts'

/**
 * Settings come from environment variables, are read once, and all mistakes are told together. A setting is a line:
 * its variable, how its text becomes a value, and what it is for.
 */
export interface Setting<T> {
  /** What it is for, as `--help` and the error messages say it. */
  readonly purpose: string
  /** The default as a user would write it; empty when there is none. */
  readonly fallback: string
  /** Its value is never shown, not even when it is wrong. */
  readonly isSecret?: true
  /** @throws Error saying what the text should have been. */
  readonly parse: (text: string) => T
}

export type Settings = Readonly<Record<string, Setting<unknown>>>
export type SettingValues<S extends Settings> = {
  readonly [Name in keyof S]: S[Name] extends Setting<infer T> ? T : never
}

export class InvalidSettings extends Error {
  override readonly name = 'InvalidSettings'
}

/** @throws InvalidSettings naming every variable that is wrong. */
export const readEnvironment = <S extends Settings>(
  settings: S,
  environment: NodeJS.ProcessEnv,
): SettingValues<S> => {
  const values: Record<string, unknown> = {}
  const mistakes: string[] = []
  for (const [name, setting] of Object.entries(settings)) {
    const given = environment[name]?.trim()
    const text = given === undefined || given === '' ? setting.fallback : given
    try {
      values[name] = setting.parse(text)
    } catch (error) {
      const shown = setting.isSecret ? '' : `=${JSON.stringify(text)}`
      mistakes.push(`${name}${shown}: ${messageOf(error)}`)
    }
  }
  if (mistakes.length > 0) throw new InvalidSettings(mistakes.join('\n'))
  return Object.freeze(values) as SettingValues<S>
}

const secondsByUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** The kinds of settings. */
export const setting = {
  text: (fallback: string, purpose: string): Setting<string> => ({
    purpose,
    fallback,
    parse: (text) => text,
  }),

  /** One of a few words. */
  choice: (fallback: string, choices: readonly string[], purpose: string): Setting<string> => ({
    purpose,
    fallback,
    parse: (text) => {
      if (!choices.includes(text)) throw new Error(`expected one of ${choices.join(', ')}`)
      return text
    },
  }),

  /** A name that SQL takes unquoted. */
  identifier: (fallback: string, purpose: string): Setting<string> => ({
    purpose,
    fallback,
    parse: (text) => {
      if (!/^[a-z_][a-z0-9_]{0,127}$/i.test(text))
        throw new Error('expected letters, digits and underscores, not beginning with a digit')
      return text
    },
  }),

  /** A setting that is known and cannot be used: better refused than ignored. */
  absent: (purpose: string): Setting<undefined> => ({
    purpose,
    fallback: '',
    parse: (text) => {
      if (text !== '') throw new Error('this version does not support it; leave it unset')
      return undefined
    },
  }),

  port: (fallback: number, purpose: string): Setting<number> => ({
    purpose,
    fallback: String(fallback),
    parse: (text) => {
      const port = Number(text)
      if (!/^\d+$/.test(text) || port > 65_535)
        throw new Error('expected a port from 0 (any free one) to 65535')
      return port
    },
  }),

  /** A number of bytes or of items. */
  integer: (fallback: number, bounds: { min: number; max: number }, purpose: string): Setting<number> => ({
    purpose,
    fallback: String(fallback),
    parse: (text) => {
      const value = Number(text)
      if (!Number.isSafeInteger(value) || value < bounds.min || value > bounds.max)
        throw new Error(`expected a whole number from ${bounds.min} to ${bounds.max}`)
      return value
    },
  }),

  /** A duration such as `36h` or `7d`, in seconds. */
  durationSeconds: (
    fallback: string,
    bounds: { min: string; max: string },
    purpose: string,
  ): Setting<number> => ({
    purpose,
    fallback,
    parse: (text) => {
      const seconds = secondsOf(text)
      if (seconds === undefined)
        throw new Error('expected a duration such as 36h or 7d (units: s, m, h, d, w)')
      if (seconds < (secondsOf(bounds.min) ?? 0) || seconds > (secondsOf(bounds.max) ?? Infinity))
        throw new Error(`expected a duration from ${bounds.min} to ${bounds.max}`)
      return seconds
    },
  }),

  /** An http or https address, which may hold a password; undefined when not set. */
  url: (purpose: string): Setting<string | undefined> => ({
    purpose,
    isSecret: true,
    fallback: '',
    parse: (text) => {
      if (text === '') return undefined
      // The engine's own message would repeat the text.
      const protocol = URL.parse(text)?.protocol
      if (protocol !== 'http:' && protocol !== 'https:') throw new Error('expected an http or https address')
      return text
    },
  }),

  /** Comma-separated `token=tenant`, or just `token` for the tenant `default`. A token may end in base64's padding. */
  tokens: (purpose: string): Setting<ReadonlyMap<string, string>> => ({
    purpose,
    isSecret: true,
    fallback: '',
    parse: (text) => {
      const tenants = new Map<string, string>()
      for (const entry of text.split(',').map((part) => part.trim())) {
        if (entry === '') continue
        const [, token = '', tenant = 'default'] = tokenForm.exec(entry) ?? []
        // Nothing of the entry is told: what looks like a tenant may be part of a token.
        if (token === '')
          throw new Error(
            'expected tokens of at least 16 characters without spaces, as token or token=tenant, tenants of letters, digits, _ . -',
          )
        tenants.set(token, tenant)
      }
      return tenants
    },
  }),
}

/** `=` is in a token at its end only, as padding, before the one that separates the tenant. */
const tokenForm = /^([^\s=]{16,}={0,2})(?: *= *([a-zA-Z0-9_.-]{1,128}))?$/

const secondsOf = (text: string): number | undefined => {
  const match = /^(\d+)([smhdw])$/.exec(text)
  const unit = secondsByUnit[match?.[2] ?? '']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}
