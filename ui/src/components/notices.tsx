import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ApiError } from '../api.ts'
import { useLocale } from '../messages/use-locale.tsx'
import { statusQuery } from '../queries.ts'
import { millisOf } from '../time/nanos.ts'
import { absoluteRange } from '../time/range.ts'
import { useTimeRange } from '../time/use-time-range.tsx'
import { Icon } from './icon.tsx'
import { Onboarding } from './onboarding.tsx'

/** What failed, in the server's words, and a way to try again. */
export const Failure = ({ what, error, onRetry }: { what: string; error: Error; onRetry: () => void }) => {
  const { t } = useLocale()
  const isUnreachable = error instanceof ApiError && error.status === 0
  const isBusy = error instanceof ApiError && error.status === 503
  const needsToken = error instanceof ApiError && error.status === 401
  const reason = isUnreachable
    ? t('failure.unreachable')
    : isBusy
      ? t('failure.busy')
      : needsToken
        ? t('failure.token')
        : error.message
  return (
    <div className="notice failure" role="alert">
      <Icon name="warning" size={20} />
      <h2>{what}</h2>
      <p>{reason}</p>
      {error instanceof ApiError && error.status > 0 && (
        <p className="notice-detail">
          HTTP {error.status} · {error.code}
          {error.parameter && ` · ${error.parameter}`}
        </p>
      )}
      <button type="button" className="button primary" onClick={onRetry}>
        {t('action.retry')}
      </button>
    </div>
  )
}

/** A bug in the screen itself. */
export const ScreenFailure = ({ error, onRetry }: { error: Error; onRetry: () => void }) => {
  const { t } = useLocale()
  return <Failure what={t('failure.screen')} error={error} onRetry={onRetry} />
}

/**
 * A screen without rows says why and what to do next: nothing was ever received, the filters exclude everything,
 * or the data lies outside the time range.
 */
export const NoRows = ({
  nothing,
  filters,
  onClearFilters,
}: {
  nothing: string
  filters: ReactNode
  onClearFilters: (() => void) | undefined
}) => {
  const { t } = useLocale()
  const status = useQuery(statusQuery())
  if (status.data && !status.data.hasData) return <Onboarding />
  return (
    <div className="notice">
      <h2>{nothing}</h2>
      {onClearFilters ? (
        <>
          <p>{t('empty.filters')}</p>
          <div className="notice-filters">{filters}</div>
          <button type="button" className="button primary" onClick={onClearFilters}>
            {t('filter.clearAll')}
          </button>
        </>
      ) : null}
      <JumpToData lastSeen={status.data?.lastSeenTimeUnixNano ?? null} isMainAction={!onClearFilters} />
    </div>
  )
}

const jumpBackMillis = 900_000
const jumpSlackMillis = 60_000

const JumpToData = ({ lastSeen, isMainAction }: { lastSeen: string | null; isMainAction: boolean }) => {
  const { t, format } = useLocale()
  const time = useTimeRange()
  if (lastSeen === null) return null
  const lastMillis = millisOf(lastSeen)
  const isInside = lastMillis >= time.range.fromMillis && lastMillis <= time.range.toMillis
  if (isInside) return null
  const jump = (): void =>
    time.setRange(
      absoluteRange({ fromMillis: lastMillis - jumpBackMillis, toMillis: lastMillis + jumpSlackMillis }),
    )
  return (
    <>
      <p>
        {t('empty.lastSeen', {
          ago: format.relative(lastMillis, time.nowMillis),
          at: format.dateTime(lastMillis),
        })}
      </p>
      <button type="button" className={isMainAction ? 'button primary' : 'button'} onClick={jump}>
        {t('empty.jump')}
      </button>
    </>
  )
}

/** Rows of grey while the first answer is on its way. */
export const TableSkeleton = ({ rows = 8 }: { rows?: number }) => {
  const { t } = useLocale()
  return (
    <div className="skeleton-rows" role="status" aria-label={t('loading')}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="skeleton" style={{ inlineSize: `${96 - ((row * 13) % 34)}%` }} />
      ))}
    </div>
  )
}

/** One line above a list that is not the whole truth. */
export const PartialNotice = ({ children }: { children: ReactNode }) => (
  <p className="partial-notice" role="note">
    <Icon name="info" size={14} /> <span>{children}</span>
  </p>
)
