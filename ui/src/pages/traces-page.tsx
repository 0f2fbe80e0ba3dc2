import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { Failure, NoRows, PartialNotice, TableSkeleton } from '../components/notices.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { useLocale } from '../messages/use-locale.tsx'
import { tracesQuery } from '../queries.ts'
import { useTimeRange } from '../time/use-time-range.tsx'
import type { TracesSearch } from '../url/screens.ts'
import { ActiveFilters, hasFilters, noFilters, TraceFilterBar } from './traces/filter-bar.tsx'
import { TraceScatter } from './traces/trace-scatter.tsx'
import { TracesTable } from './traces/traces-table.tsx'

export const TracesPage = () => {
  const { t } = useLocale()
  const { from: _from, to: _to, refresh: _refresh, ...filters } = useSearch({ from: '/traces' })
  const navigate = useNavigate({ from: '/traces' })
  const { range } = useTimeRange()
  const query = useInfiniteQuery(tracesQuery(range, filters))
  const change = (part: TracesSearch & { from?: string; to?: string }): void =>
    void navigate({ search: (previous) => ({ ...previous, ...part }) })

  const pages = query.data?.pages
  const traces = useMemo(() => (pages ?? []).flatMap((page) => page.traces), [pages])
  const last = pages?.at(-1)
  const hasMore = typeof last?.nextCursor === 'string'
  const more = query.hasNextPage ? (
    <button
      type="button"
      className="button"
      disabled={query.isFetchingNextPage}
      onClick={() => void query.fetchNextPage()}
    >
      {query.isFetchingNextPage
        ? t('loading')
        : last?.isComplete === false
          ? t('traces.continue')
          : t('traces.loadMore')}
    </button>
  ) : (
    hasMore && <PartialNotice>{t('traces.tooMany', { count: traces.length })}</PartialNotice>
  )
  return (
    <div className="page">
      <PageHeader
        title={t('nav.traces')}
        meta={
          query.data && (
            <span>
              {hasMore
                ? t('traces.newest', { count: traces.length })
                : t('traces.count', { count: traces.length })}
            </span>
          )
        }
      />
      <div className="page-body">
        <div className="page-scroll">
          <TraceFilterBar filters={filters} onChange={change} />
          {query.error ? (
            <Failure what={t('traces.failed')} error={query.error} onRetry={() => void query.refetch()} />
          ) : query.isPending ? (
            <TableSkeleton rows={14} />
          ) : (
            <>
              {traces.length > 0 && (
                <TraceScatter traces={traces} filters={filters} hasMore={hasMore} onChange={change} />
              )}
              {last && !last.isComplete && <PartialNotice>{t('traces.incomplete')}</PartialNotice>}
              {traces.length > 0 ? (
                <TracesTable traces={traces} more={more} />
              ) : hasMore ? (
                <div className="load-more">{more}</div>
              ) : (
                <NoRows
                  nothing={t('traces.empty')}
                  filters={<ActiveFilters filters={filters} onChange={change} />}
                  onClearFilters={hasFilters(filters) ? () => change(noFilters) : undefined}
                />
              )}
            </>
          )}
        </div>
      </div>
    </div>
  )
}
