import { Outlet } from '@tanstack/react-router'
import { useState } from 'react'
import { useLocale } from '../messages/use-locale.tsx'
import { TimeRangeProvider } from '../time/use-time-range.tsx'
import { HelpDialog } from './help-dialog.tsx'
import { Navigation } from './navigation.tsx'
import { useGlobalKeys } from './use-global-keys.ts'

export const AppFrame = () => (
  <TimeRangeProvider>
    <Frame />
  </TimeRangeProvider>
)

const Frame = () => {
  const { t } = useLocale()
  const [isHelpOpen, setHelpOpen] = useState(false)
  useGlobalKeys({ onHelp: () => setHelpOpen(true) })
  return (
    <div className="frame">
      <a className="skip-link" href="#main">
        {t('frame.skip')}
      </a>
      <Navigation onHelp={() => setHelpOpen(true)} />
      <main id="main" className="main" tabIndex={-1}>
        <Outlet />
      </main>
      {isHelpOpen && <HelpDialog onClose={() => setHelpOpen(false)} />}
    </div>
  )
}
