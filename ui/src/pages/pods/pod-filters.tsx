import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Pod } from '../../api.ts'
import { ChoiceFilter } from '../../components/choice-filter.tsx'
import { FilterChip } from '../../components/filter-chip.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { servicesQuery } from '../../queries.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import type { PodsSearch, PodStateFilter } from '../../url/screens.ts'
import { countReasons, filterByState } from './order.ts'

type OnChange = (part: PodsSearch) => void

export const PodFilters = ({
  search,
  pods,
  onChange,
}: {
  search: PodsSearch
  pods: Pod[]
  onChange: OnChange
}) => {
  const { t } = useLocale()
  const { range } = useTimeRange()
  const [isOpen, setOpen] = useState(false)
  const { data, isLoading } = useQuery({ ...servicesQuery(range), enabled: isOpen })
  const names = [...new Set((data?.services ?? []).map(({ name }) => name))].toSorted((a, b) =>
    a.localeCompare(b),
  )
  return (
    <search className="toolbar" aria-label={t('pods.filters')}>
      <ChoiceFilter
        name={t('filter.service')}
        value={search.service}
        choices={names.map((name) => ({ value: name, label: name }))}
        isLoading={isLoading}
        onToggle={setOpen}
        allowsOther
        onChange={(service) => onChange({ service, namespace: undefined, environment: undefined })}
      />
      <ScopeChips search={search} onChange={onChange} />
      <StateTabs pods={pods} current={search.state} onChange={(state) => onChange({ state })} />
      <Reasons pods={pods} />
    </search>
  )
}

const StateTabs = ({
  pods,
  current,
  onChange,
}: {
  pods: Pod[]
  current: PodStateFilter | undefined
  onChange: (state: PodStateFilter | undefined) => void
}) => {
  const { t, format } = useLocale()
  const states = [undefined, 'alive', 'gone', 'failed'] as const
  return (
    <div className="segments" role="group" aria-label={t('pods.state')}>
      {states.map((state) => (
        <button
          key={state ?? 'all'}
          type="button"
          className="segment"
          aria-pressed={state === current}
          onClick={() => onChange(state)}
        >
          {state === undefined ? t('pods.all') : t(`pods.${state}`)}
          <span className={state === 'failed' ? 'count error-text' : 'count'}>
            {format.integer(filterByState(pods, state).length)}
          </span>
        </button>
      ))}
    </div>
  )
}

const Reasons = ({ pods }: { pods: Pod[] }) => {
  const { t, format } = useLocale()
  const reasons = countReasons(pods)
  if (reasons.length === 0) return null
  return (
    <ul className="reason-counts" aria-label={t('pods.reasons')}>
      {reasons.map(({ reason, isFailure, count }) => (
        <li key={reason} className={isFailure ? 'error-text' : undefined}>
          {reason || t('pod.silent')} <span className="count">{format.integer(count)}</span>
        </li>
      ))}
    </ul>
  )
}

export const PodFilterChips = ({ search, onChange }: { search: PodsSearch; onChange: OnChange }) => {
  const { t } = useLocale()
  return (
    <>
      {search.service !== undefined && (
        <FilterChip
          name={t('filter.service')}
          value={search.service}
          onRemove={() => onChange({ service: undefined })}
        />
      )}
      <ScopeChips search={search} onChange={onChange} />
      {search.state !== undefined && (
        <FilterChip
          name={t('pods.state')}
          value={t(`pods.${search.state}`)}
          onRemove={() => onChange({ state: undefined })}
        />
      )}
    </>
  )
}

const ScopeChips = ({ search, onChange }: { search: PodsSearch; onChange: OnChange }) => {
  const { t } = useLocale()
  return (
    <>
      {search.namespace !== undefined && (
        <FilterChip
          name={t('filter.namespace')}
          value={search.namespace || t('filter.emptyValue')}
          onRemove={() => onChange({ namespace: undefined })}
        />
      )}
      {search.environment !== undefined && (
        <FilterChip
          name={t('filter.environment')}
          value={search.environment || t('filter.emptyValue')}
          onRemove={() => onChange({ environment: undefined })}
        />
      )}
    </>
  )
}
