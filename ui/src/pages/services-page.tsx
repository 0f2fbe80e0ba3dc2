import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useDeferredValue, useMemo } from 'react'
import type { Service } from '../api.ts'
import { FilterChip } from '../components/filter-chip.tsx'
import { Failure, NoRows, PartialNotice, TableSkeleton } from '../components/notices.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { SearchField } from '../components/search-field.tsx'
import { readSort } from '../components/sortable-header.tsx'
import { useLocale } from '../messages/use-locale.tsx'
import { servicesQuery } from '../queries.ts'
import { useTimeRange } from '../time/use-time-range.tsx'
import type { ServicesSearch } from '../url/screens.ts'
import { ServiceDetails } from './services/service-details.tsx'
import { ServicesTable } from './services/services-table.tsx'
import { matchServices, serviceId, sortServices } from './services/order.ts'

const defaultSort = '-rate'

export const ServicesPage = () => {
  const { t } = useLocale()
  const search = useSearch({ from: '/services' })
  const navigate = useNavigate({ from: '/services' })
  const { range } = useTimeRange()
  const { environment, namespace } = search
  const services = useQuery(servicesQuery(range, { environment, namespace }))
  const change = (part: ServicesSearch, replace = false): void =>
    void navigate({ search: (previous) => ({ ...previous, ...part }), replace })

  const sort = useMemo(() => readSort(search.sort ?? defaultSort), [search.sort])
  const wanted = useDeferredValue(search.q ?? '')
  const rows = useMemo(
    () => sortServices(matchServices(services.data?.services ?? [], wanted), sort),
    [services.data, wanted, sort],
  )
  const selected = services.data?.services.find((service) => serviceId(service) === search.details)

  return (
    <div className="page">
      <PageHeader title={t('nav.services')} meta={services.data && <ServicesSummary services={rows} />} />
      <div className="page-body">
        <div className="page-scroll">
          <search className="toolbar" aria-label={t('services.search')}>
            <SearchField
              label={t('services.search')}
              value={search.q ?? ''}
              onChange={(q) => change({ q: q || undefined }, true)}
            />
            <ScopeChips search={search} onChange={change} />
          </search>
          {services.data?.isTruncated && (
            <PartialNotice>{t('services.truncated', { count: services.data.services.length })}</PartialNotice>
          )}
          <ServicesContent
            rows={rows}
            query={services}
            table={
              <ServicesTable
                services={rows}
                sort={sort}
                selectedId={search.details}
                onSort={(sort) => change({ sort }, true)}
                onDetails={(service) => change({ details: serviceId(service) })}
                onScope={(scope) => change(scope)}
              />
            }
            empty={
              <NoRows
                nothing={t('services.empty')}
                filters={
                  <>
                    <ScopeChips search={search} onChange={change} />
                    {search.q && (
                      <FilterChip
                        name={t('filter.name')}
                        value={search.q}
                        onRemove={() => change({ q: undefined })}
                      />
                    )}
                  </>
                }
                onClearFilters={
                  search.q !== undefined || environment !== undefined || namespace !== undefined
                    ? () => change({ q: undefined, environment: undefined, namespace: undefined })
                    : undefined
                }
              />
            }
          />
        </div>
        {selected && (
          <ServiceDetails service={selected} onClose={() => change({ details: undefined }, true)} />
        )}
      </div>
    </div>
  )
}

const ServicesContent = ({
  rows,
  query,
  table,
  empty,
}: {
  rows: Service[]
  query: { isPending: boolean; error: Error | null; refetch: () => unknown }
  table: React.ReactNode
  empty: React.ReactNode
}) => {
  const { t } = useLocale()
  if (query.error)
    return <Failure what={t('services.failed')} error={query.error} onRetry={() => void query.refetch()} />
  if (query.isPending) return <TableSkeleton />
  return rows.length === 0 ? empty : table
}

const ScopeChips = ({
  search,
  onChange,
}: {
  search: ServicesSearch
  onChange: (part: ServicesSearch) => void
}) => {
  const { t } = useLocale()
  const shown = (value: string): string => value || t('filter.emptyValue')
  return (
    <>
      {search.environment !== undefined && (
        <FilterChip
          name={t('filter.environment')}
          value={shown(search.environment)}
          onRemove={() => onChange({ environment: undefined })}
        />
      )}
      {search.namespace !== undefined && (
        <FilterChip
          name={t('filter.namespace')}
          value={shown(search.namespace)}
          onRemove={() => onChange({ namespace: undefined })}
        />
      )}
    </>
  )
}

const ServicesSummary = ({ services }: { services: Service[] }) => {
  const { t } = useLocale()
  const gone = services.reduce((sum, service) => sum + service.podsGone, 0)
  const failed = services.reduce((sum, service) => sum + service.podsFailed, 0)
  return (
    <>
      <span>{t('services.count', { count: services.length })}</span>
      {gone > 0 && <span>{t('pods.goneCount', { count: gone })}</span>}
      {failed > 0 && <span className="error-text">{t('pods.failedCount', { count: failed })}</span>}
    </>
  )
}
