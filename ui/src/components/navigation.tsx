import { Link } from '@tanstack/react-router'
import { useLocale } from '../messages/use-locale.tsx'
import { languagePreference, themePreference, usePreference, type Theme } from '../preferences.ts'
import { Icon, type IconName } from './icon.tsx'

const screens = [
  { to: '/services', icon: 'services', label: 'nav.services' },
  { to: '/traces', icon: 'traces', label: 'nav.traces' },
  { to: '/pods', icon: 'pods', label: 'nav.pods' },
] as const

export const Navigation = ({ onHelp }: { onHelp: () => void }) => {
  const { t } = useLocale()
  return (
    <nav className="nav" aria-label={t('nav.label')}>
      <Link to="/services" className="nav-brand" aria-label={t('nav.home')}>
        <Mark />
        <span className="nav-text">Aftertrace</span>
      </Link>
      <ul className="nav-list">
        {screens.map(({ to, icon, label }) => (
          <li key={to}>
            <Link
              to={to}
              className="nav-link"
              activeProps={{ className: 'nav-link is-active', 'aria-current': 'page' }}
              activeOptions={{ includeSearch: false }}
              title={t(label)}
            >
              <Icon name={icon} />
              <span className="nav-text">{t(label)}</span>
            </Link>
          </li>
        ))}
      </ul>
      <div className="nav-foot">
        <LanguageSwitch />
        <ThemeSwitch />
        <button
          type="button"
          className="nav-link"
          onClick={onHelp}
          title={t('nav.shortcuts')}
          aria-label={t('nav.shortcuts')}
        >
          <Icon name="help" />
          <span className="nav-text">{t('nav.shortcuts')}</span>
          <kbd className="nav-key">?</kbd>
        </button>
      </div>
    </nav>
  )
}

const Mark = () => (
  <svg className="nav-mark" width="20" height="20" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path d="M1.5 4.5h10" />
    <path d="M5 10h7" className="weak" />
    <path d="m12 12 5.5 5.5m0-5.5L12 17.5" className="end" />
  </svg>
)

const LanguageSwitch = () => {
  const { t, locale } = useLocale()
  // The other language is named in its own words: who needs it cannot read this one.
  const other =
    locale === 'en' ? ({ code: 'ko', name: '한국어' } as const) : ({ code: 'en', name: 'English' } as const)
  return (
    <button
      type="button"
      className="nav-link"
      onClick={() => languagePreference.set(other.code)}
      title={t('nav.language')}
      aria-label={`${t('nav.language')}: ${other.name}`}
    >
      <Icon name="language" />
      <span className="nav-text" lang={other.code}>
        {other.name}
      </span>
    </button>
  )
}

const themes: { theme: Theme; icon: IconName }[] = [
  { theme: 'system', icon: 'system' },
  { theme: 'light', icon: 'sun' },
  { theme: 'dark', icon: 'moon' },
]

const ThemeSwitch = () => {
  const { t } = useLocale()
  const current = usePreference(themePreference)
  const index = themes.findIndex(({ theme }) => theme === current)
  const next = themes[(index + 1) % themes.length]
  const label = t(`theme.${current}`)
  return (
    <button
      type="button"
      className="nav-link"
      onClick={() => next && themePreference.set(next.theme)}
      title={t('nav.theme')}
      aria-label={`${t('nav.theme')}: ${label}`}
    >
      <Icon name={themes[index]?.icon ?? 'system'} />
      <span className="nav-text">{label}</span>
    </button>
  )
}
