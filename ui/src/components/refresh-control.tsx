import { useLocale } from '../messages/use-locale.tsx'
import { useTimeRange } from '../time/use-time-range.tsx'
import { refreshIntervals, type RefreshInterval } from '../url/screens.ts'
import { Icon } from './icon.tsx'

export const RefreshControl = () => {
  const { t } = useLocale()
  const { refresh, refreshInterval, setRefreshInterval } = useTimeRange()
  return (
    <div className="button-group">
      <button
        type="button"
        className="button icon-only"
        onClick={refresh}
        title={`${t('refresh.now')} (r)`}
        aria-label={t('refresh.now')}
      >
        <Icon name="refresh" />
      </button>
      <label className="button select-button" title={t('refresh.auto')}>
        <span className="visually-hidden">{t('refresh.auto')}</span>
        <select
          value={refreshInterval ?? ''}
          onChange={(event) =>
            setRefreshInterval((event.target.value || undefined) as RefreshInterval | undefined)
          }
        >
          <option value="">{t('refresh.off')}</option>
          {refreshIntervals.map((interval) => (
            <option key={interval} value={interval}>
              {interval}
            </option>
          ))}
        </select>
        <Icon name="down" size={12} />
      </label>
    </div>
  )
}
