import { createContext, use, useEffect, useMemo, type ReactNode } from 'react'
import { createFormat, type Format, type Locale } from '../format.ts'
import { languagePreference, usePreference, zonePreference } from '../preferences.ts'
import { createTranslate, type Translate } from './translate.ts'

interface LocaleValue {
  locale: Locale
  t: Translate
  format: Format
}

const LocaleContext = createContext<LocaleValue | undefined>(undefined)

export const LocaleProvider = ({ children }: { children: ReactNode }) => {
  const locale = usePreference(languagePreference)
  const zone = usePreference(zonePreference)
  const value = useMemo(
    () => ({ locale, t: createTranslate(locale), format: createFormat({ locale, zone }) }),
    [locale, zone],
  )
  useEffect(() => {
    document.documentElement.lang = locale
  }, [locale])
  return <LocaleContext value={value}>{children}</LocaleContext>
}

export const useLocale = (): LocaleValue => {
  const value = use(LocaleContext)
  if (!value) throw new Error('useLocale needs LocaleProvider above it')
  return value
}
