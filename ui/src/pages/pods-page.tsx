import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Pod } from '../api.ts'
import { Failure, NoRows, PartialNotice, TableSkeleton } from '../components/notices.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { readSort } from '../components/sortable-header.tsx'
import { useLocale } from '../messages/use-locale.tsx'
import { podsQuery } from '../queries.ts'
import { useTimeRange } from '../time/use-time-range.tsx'
import type { PodsSearch } from '../url/screens.ts'
import { PodLifespans } from './pods/pod-lifespans.tsx'
import { filterByState, sortPods } from './pods/order.ts'
import { PodDetailsPanel } from './pods/pod-details.tsx'
import { PodFilters, PodFilterChips } from './pods/pod-filters.tsx'
import { PodsTable } from './pods/pods-table.tsx'

const noPods: Pod[] = []

export const PodsPage = () => {
  const { t } = useLocale()
  const search = useSearch({ from: '/pods' })
  const navigate = useNavigate({ from: '/pods' })
  const { range } = useTimeRange()
  const { service, namespace, environment, state } = search
  const pods = useQuery(podsQuery(range, { service, namespace, environment }))
  const change = (part: PodsSearch, replace = false): void =>
    void navigate({ search: (previous) => ({ ...previous, ...part }), replace })

  const all = pods.data?.pods ?? noPods
  const sort = useMemo(() => readSort(search.sort ?? 'state'), [search.sort])
  const shown = useMemo(() => filterByState(all, state), [all, state])
  const rows = useMemo(() => sortPods(shown, sort), [shown, sort])
  const hasFilters =
    service !== undefined || namespace !== undefined || environment !== undefined || state !== undefined
  const open = (pod: Pod): void => change({ details: pod.uid }, search.details !== undefined)

  return (
    <div className="page">
      <PageHeader
        title={t('nav.pods')}
        meta={pods.data && <span>{t('pods.count', { count: shown.length })}</span>}
      />
      <div className="page-body">
        <div className="page-scroll">
          <PodFilters search={search} pods={all} onChange={change} />
          {pods.error ? (
            <Failure what={t('pods.loadFailed')} error={pods.error} onRetry={() => void pods.refetch()} />
          ) : pods.isPending ? (
            <TableSkeleton rows={14} />
          ) : shown.length === 0 ? (
            <NoRows
              nothing={t('pods.empty')}
              filters={<PodFilterChips search={search} onChange={change} />}
              onClearFilters={
                hasFilters
                  ? () =>
                      change({
                        service: undefined,
                        namespace: undefined,
                        environment: undefined,
                        state: undefined,
                      })
                  : undefined
              }
            />
          ) : (
            <>
              {pods.data.isTruncated && (
                <PartialNotice>{t('pods.truncated', { count: all.length })}</PartialNotice>
              )}
              <PodLifespans
                pods={shown}
                selectedUid={search.details}
                onOpen={open}
                onService={(service) => change({ service })}
              />
              <PodsTable
                pods={rows}
                sort={sort}
                selectedUid={search.details}
                onSort={(sort) => change({ sort }, true)}
                onOpen={open}
              />
            </>
          )}
        </div>
        {search.details && (
          <PodDetailsPanel uid={search.details} onClose={() => change({ details: undefined }, true)} />
        )}
      </div>
    </div>
  )
}
