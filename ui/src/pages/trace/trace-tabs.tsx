import { SearchField } from '../../components/search-field.tsx'
import { useLocale } from '../../messages/use-locale.tsx'

/** Two views of one trace. They are switched like links, by buttons that say which is current. */
export const TraceTabs = ({
  current,
  spanCount,
  logCount,
  onChange,
  find,
  onFind,
  onFindNext,
}: {
  current: 'logs' | undefined
  spanCount: number
  logCount: number | undefined
  onChange: (tab: 'logs' | undefined) => void
  find: string
  onFind: (text: string) => void
  /** Enter in the field. */
  onFindNext: () => void
}) => {
  const { t, format } = useLocale()
  const tabs = [
    { id: undefined, label: t('trace.timeline'), count: spanCount },
    { id: 'logs', label: t('trace.logs'), count: logCount },
  ] as const
  return (
    <div className="tab-bar">
      <div className="tabs" role="group" aria-label={t('trace.views')}>
        {tabs.map((tab) => (
          <button
            key={tab.label}
            type="button"
            className="tab"
            aria-pressed={tab.id === current}
            onClick={() => onChange(tab.id)}
          >
            {tab.label}
            {tab.count !== undefined && <span className="count">{format.integer(tab.count)}</span>}
          </button>
        ))}
      </div>
      {current === undefined && (
        <search aria-label={t('trace.find')}>
          <SearchField label={t('trace.find')} value={find} onChange={onFind} onSubmit={onFindNext} />
        </search>
      )}
    </div>
  )
}
