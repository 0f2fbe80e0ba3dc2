import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Choice } from '../../components/choice-filter.tsx'
import { ChoiceFilter } from '../../components/choice-filter.tsx'
import { FilterChip } from '../../components/filter-chip.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { operationsQuery, podsQuery, servicesQuery } from '../../queries.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import { attributeFiltersMax, readAttributeFilter, type TracesSearch } from '../../url/screens.ts'
import { AttributeFilter } from './attribute-filter.tsx'
import { DurationFilter } from './duration-filter.tsx'
import { TraceSearchField } from './trace-search-field.tsx'

type OnChange = (part: TracesSearch) => void

export const noFilters: Record<keyof TracesSearch, undefined> = {
  service: undefined,
  namespace: undefined,
  environment: undefined,
  operation: undefined,
  minDuration: undefined,
  maxDuration: undefined,
  status: undefined,
  attribute: undefined,
  pod: undefined,
}

export const hasFilters = (filters: TracesSearch): boolean =>
  Object.values(filters).some((value) => value !== undefined)

export const TraceFilterBar = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t } = useLocale()
  return (
    <search className="toolbar" aria-label={t('traces.filters')}>
      <TraceSearchField filters={filters} onChange={onChange} />
      <ServiceFilter filters={filters} onChange={onChange} />
      <OperationFilter filters={filters} onChange={onChange} />
      <DurationFilter filters={filters} onChange={onChange} />
      <StatusFilter filters={filters} onChange={onChange} />
      <PodFilter filters={filters} onChange={onChange} />
      <ScopeChips filters={filters} onChange={onChange} />
      <AttributeChips filters={filters} onChange={onChange} />
      {(filters.attribute?.length ?? 0) < attributeFiltersMax && (
        <AttributeFilter filters={filters} onChange={onChange} />
      )}
      {hasFilters(filters) && (
        <button type="button" className="link-button" onClick={() => onChange(noFilters)}>
          {t('filter.clearAll')}
        </button>
      )}
    </search>
  )
}

/** All filters in force as chips, for the notice that says that nothing matched them. */
export const ActiveFilters = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t } = useLocale()
  const simple: [keyof TracesSearch, string, string | undefined][] = [
    ['service', t('filter.service'), filters.service],
    ['operation', t('filter.operation'), filters.operation],
    ['minDuration', t('filter.minDuration'), filters.minDuration],
    ['maxDuration', t('filter.maxDuration'), filters.maxDuration],
    ['status', t('filter.status'), filters.status && t(`status.${filters.status}`)],
    ['pod', t('filter.pod'), filters.pod],
  ]
  return (
    <>
      {simple.map(
        ([key, name, value]) =>
          value !== undefined && (
            <FilterChip key={key} name={name} value={value} onRemove={() => onChange({ [key]: undefined })} />
          ),
      )}
      <ScopeChips filters={filters} onChange={onChange} />
      <AttributeChips filters={filters} onChange={onChange} />
    </>
  )
}

const ServiceFilter = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t, format } = useLocale()
  const { range } = useTimeRange()
  const [isOpen, setOpen] = useState(false)
  const { data, isLoading } = useQuery({ ...servicesQuery(range), enabled: isOpen })
  const choices = (data?.services ?? []).map(({ name, spanCount }) =>
    choiceOf(name, format.compact(spanCount)),
  )
  return (
    <ChoiceFilter
      name={t('filter.service')}
      value={filters.service}
      choices={unique(choices).toSorted((a, b) => a.label.localeCompare(b.label))}
      isLoading={isLoading}
      onToggle={setOpen}
      allowsOther
      // Operation, namespace and environment belonged to the service before.
      onChange={(service) =>
        onChange({ service, operation: undefined, namespace: undefined, environment: undefined })
      }
    />
  )
}

const OperationFilter = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t, format } = useLocale()
  const { range } = useTimeRange()
  const { service, namespace, environment } = filters
  const [isOpen, setOpen] = useState(false)
  const { data, isLoading } = useQuery({
    ...operationsQuery(range, { service: service ?? '', namespace, environment }),
    enabled: isOpen && service !== undefined,
  })
  const choices = (data?.operations ?? []).map(({ name, spanCount }) =>
    choiceOf(name, format.compact(spanCount)),
  )
  // Without a service there is no list to choose from.
  if (service === undefined && filters.operation === undefined) return null
  return (
    <ChoiceFilter
      name={t('filter.operation')}
      value={filters.operation}
      choices={unique(choices)}
      isLoading={isLoading}
      onToggle={setOpen}
      allowsOther
      onChange={(operation) => onChange({ operation })}
    />
  )
}

const StatusFilter = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t } = useLocale()
  return (
    <ChoiceFilter
      name={t('filter.status')}
      value={filters.status}
      shown={filters.status && t(`status.${filters.status}`)}
      choices={[
        { value: 'error', label: t('status.error') },
        { value: 'ok', label: t('status.ok') },
      ]}
      onChange={(status) => onChange({ status: status === 'error' || status === 'ok' ? status : undefined })}
    />
  )
}

const PodFilter = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t } = useLocale()
  const { range } = useTimeRange()
  const { service, namespace, environment } = filters
  const [isOpen, setOpen] = useState(false)
  const { data, isLoading } = useQuery({
    ...podsQuery(range, { service, namespace, environment }),
    enabled: isOpen,
  })
  const choices = (data?.pods ?? []).map((pod) =>
    choiceOf(pod.name, pod.state === 'gone' ? t('pods.gone') : undefined),
  )
  return (
    <ChoiceFilter
      name={t('filter.pod')}
      value={filters.pod}
      choices={unique(choices)}
      isLoading={isLoading}
      onToggle={setOpen}
      allowsOther
      onChange={(pod) => onChange({ pod })}
    />
  )
}

const choiceOf = (value: string, detail: string | undefined): Choice => ({
  value,
  label: value,
  ...(detail !== undefined && { detail }),
})

/** One of each value, the last: names repeat over namespaces, environments and kinds. */
const unique = (choices: Choice[]): Choice[] => [
  ...new Map(choices.map((choice) => [choice.value, choice])).values(),
]

const ScopeChips = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => {
  const { t } = useLocale()
  const { namespace, environment } = filters
  return (
    <>
      {namespace !== undefined && (
        <FilterChip
          name={t('filter.namespace')}
          value={namespace || t('filter.emptyValue')}
          onRemove={() => onChange({ namespace: undefined })}
        />
      )}
      {environment !== undefined && (
        <FilterChip
          name={t('filter.environment')}
          value={environment || t('filter.emptyValue')}
          onRemove={() => onChange({ environment: undefined })}
        />
      )}
    </>
  )
}

const AttributeChips = ({ filters, onChange }: { filters: TracesSearch; onChange: OnChange }) => (
  <>
    {filters.attribute?.map((text) => {
      const filter = readAttributeFilter(text)
      return (
        filter && (
          <FilterChip
            key={text}
            name={filter.key}
            value={filter.value}
            onRemove={() => {
              const rest = filters.attribute?.filter((other) => other !== text)
              onChange({ attribute: rest?.length ? rest : undefined })
            }}
          />
        )
      )
    })}
  </>
)
