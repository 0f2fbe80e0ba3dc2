import { useSyncExternalStore } from 'react'
import type { Locale } from './format.ts'
import type { TimeZoneChoice } from './time/grammar.ts'

/** A choice of this browser's user; it survives reloads, and other tabs follow. */
export interface Preference<T extends string> {
  get: () => T
  set: (value: T) => void
  subscribe: (listener: () => void) => () => void
}

const createPreference = <T extends string>(
  key: string,
  isValid: (value: string) => value is T,
  fallback: () => T,
): Preference<T> => {
  const storageKey = `aftertrace.${key}`
  const listeners = new Set<() => void>()
  const read = (): T => {
    const stored = readStorage(storageKey)
    return stored !== null && isValid(stored) ? stored : fallback()
  }
  let current = read()
  globalThis.addEventListener?.('storage', (event) => {
    if (event.key !== storageKey) return
    current = read()
    for (const listener of listeners) listener()
  })
  return {
    get: () => current,
    set: (value) => {
      current = value
      writeStorage(storageKey, value)
      for (const listener of listeners) listener()
    },
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

// Storage throws where the browser forbids it; a preference then lasts as long as the page.
const readStorage = (key: string): string | null => {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}
const writeStorage = (key: string, value: string): void => {
  try {
    localStorage.setItem(key, value)
  } catch {
    // See above.
  }
}

const oneOf =
  <T extends string>(...values: T[]) =>
  (value: string): value is T =>
    (values as string[]).includes(value)

export type Theme = 'system' | 'dark' | 'light'
export const themePreference = createPreference(
  'theme',
  oneOf<Theme>('system', 'dark', 'light'),
  () => 'system',
)
export const languagePreference = createPreference('language', oneOf<Locale>('en', 'ko'), () =>
  globalThis.navigator?.languages?.some((language) => language.startsWith('ko')) &&
  !globalThis.navigator.language.startsWith('en')
    ? 'ko'
    : 'en',
)
export const zonePreference = createPreference('zone', oneOf<TimeZoneChoice>('local', 'utc'), () => 'local')
/** Width of the name column of the waterfall in pixels. */
export const nameColumnPreference = createPreference(
  'nameColumn',
  (value): value is string => /^\d{3,4}$/.test(value),
  () => '420',
)

export const usePreference = <T extends string>(preference: Preference<T>): T =>
  useSyncExternalStore(preference.subscribe, preference.get)
