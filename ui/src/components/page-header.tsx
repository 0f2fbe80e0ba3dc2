import { useIsFetching } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useLocale } from '../messages/use-locale.tsx'
import { useTimeRange } from '../time/use-time-range.tsx'
import { PartialNotice } from './notices.tsx'
import { RefreshControl } from './refresh-control.tsx'
import { TimePicker } from './time-picker.tsx'

/** The head of each screen: what it is, what it holds, and the controls that all screens share. */
export const PageHeader = ({
  title,
  meta,
  hasTimeRange = true,
}: {
  title: ReactNode
  meta?: ReactNode
  hasTimeRange?: boolean
}) => {
  const isFetching = useIsFetching() > 0
  const { t } = useLocale()
  const { isInvalid } = useTimeRange()
  return (
    <>
      <header className="page-header">
        <div className="page-title">
          <h1>{title}</h1>
          {meta !== undefined && <div className="page-meta">{meta}</div>}
        </div>
        <div className="page-controls">
          {hasTimeRange && <TimePicker />}
          <RefreshControl />
        </div>
        {isFetching && <div className="progress" aria-hidden="true" />}
      </header>
      {isInvalid && hasTimeRange && (
        <div className="page-warning">
          <PartialNotice>{t('time.invalid')}</PartialNotice>
        </div>
      )}
    </>
  )
}
