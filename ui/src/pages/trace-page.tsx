import { useQuery } from '@tanstack/react-query'
import { Link, useCanGoBack, useNavigate, useParams, useRouter, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { ApiError } from '../api.ts'
import { Icon } from '../components/icon.tsx'
import { Failure, PartialNotice, TableSkeleton } from '../components/notices.tsx'
import { PageHeader } from '../components/page-header.tsx'
import { ServiceName } from '../components/service-name.tsx'
import { useLocale } from '../messages/use-locale.tsx'
import { traceLogsQuery, traceQuery } from '../queries.ts'
import { buildTraceModel, type TraceModel } from '../trace/model.ts'
import { findSpans } from '../trace/rows.ts'
import type { TraceSearch } from '../url/screens.ts'
import { SpanDetails } from './trace/span-details.tsx'
import { TraceFacts } from './trace/trace-facts.tsx'
import { TraceLogs } from './trace/trace-logs.tsx'
import { TraceTabs } from './trace/trace-tabs.tsx'
import { TraceTimeline } from './trace/trace-timeline.tsx'

export const TracePage = () => {
  const { t } = useLocale()
  const { traceId } = useParams({ from: '/traces/$traceId' })
  const trace = useQuery(traceQuery(traceId))
  const model = useMemo(() => trace.data && buildTraceModel(trace.data), [trace.data])
  if (trace.error) {
    const isUnknown = trace.error instanceof ApiError && trace.error.status === 404
    return (
      <div className="page">
        <PageHeader title={t('trace.title')} hasTimeRange={false} />
        {isUnknown ? (
          <UnknownTrace traceId={traceId} />
        ) : (
          <Failure what={t('trace.failed')} error={trace.error} onRetry={() => void trace.refetch()} />
        )}
      </div>
    )
  }
  if (!model || model.nodes.length === 0)
    return (
      <div className="page">
        <PageHeader title={t('trace.title')} hasTimeRange={false} />
        {model ? <UnknownTrace traceId={traceId} /> : <TableSkeleton rows={16} />}
      </div>
    )
  return <LoadedTrace key={traceId} model={model} />
}

const UnknownTrace = ({ traceId }: { traceId: string }) => {
  const { t } = useLocale()
  return (
    <div className="notice">
      <h2>{t('trace.unknown')}</h2>
      <p className="mono">{traceId}</p>
      <p>{t('trace.unknownHint')}</p>
      <Link to="/traces" className="button primary">
        {t('trace.toTraces')}
      </Link>
    </div>
  )
}

const LoadedTrace = ({ model }: { model: TraceModel }) => {
  const { t } = useLocale()
  const { traceId } = model.trace
  const search = useSearch({ from: '/traces/$traceId' })
  const navigate = useNavigate({ from: '/traces/$traceId' })
  const logs = useQuery(traceLogsQuery(traceId))
  const change = (part: TraceSearch, replace = false): void =>
    void navigate({ search: (previous) => ({ ...previous, ...part }), replace })

  const showNextMatch = (): void => {
    const found = findSpans(model.nodes, search.uiFind ?? '')
    const from = (model.indexBySpanId.get(search.span ?? '') ?? -1) + 1
    const next = [...model.nodes.slice(from), ...model.nodes.slice(0, from)].find(({ span }) =>
      found.has(span.spanId),
    )
    if (next) change({ span: next.span.spanId }, search.span !== undefined)
  }
  const root = model.nodes[0]
  const selected = model.nodes[model.indexBySpanId.get(search.span ?? '') ?? -1]
  return (
    <div className="page">
      <PageHeader
        hasTimeRange={false}
        title={
          root && (
            <span className="trace-title">
              <BackLink />
              <ServiceName name={root.span.serviceName} />
              <span className="trace-operation" title={root.span.name}>
                {root.span.name}
              </span>
            </span>
          )
        }
      />
      <div className="page-body">
        <div className="trace-main">
          <TraceFacts model={model} />
          {model.trace.isTruncated && (
            <PartialNotice>{t('trace.truncated', { count: model.nodes.length })}</PartialNotice>
          )}
          <TraceTabs
            current={search.tab}
            spanCount={model.nodes.length}
            logCount={logs.data?.logs.length}
            onChange={(tab) => change({ tab })}
            find={search.uiFind ?? ''}
            onFind={(text) => change({ uiFind: text || undefined }, true)}
            onFindNext={showNextMatch}
          />
          {search.tab === 'logs' ? (
            <TraceLogs model={model} logs={logs} onSpan={(spanId) => change({ span: spanId })} />
          ) : (
            <TraceTimeline model={model} search={search} onChange={change} />
          )}
        </div>
        {selected && (
          <SpanDetails
            model={model}
            node={selected}
            logs={logs}
            onSpan={(spanId) => change({ span: spanId })}
            onClose={() => change({ span: undefined }, true)}
          />
        )}
      </div>
    </div>
  )
}

/** Back to where one came from, with its filters; from a link that was shared, to the list. */
const BackLink = () => {
  const { t } = useLocale()
  const { history } = useRouter()
  const canGoBack = useCanGoBack()
  const icon = <Icon name="back" />
  return canGoBack ? (
    <button
      type="button"
      className="back-link"
      onClick={() => history.back()}
      aria-label={t('action.back')}
      title={t('action.back')}
    >
      {icon}
    </button>
  ) : (
    <Link to="/traces" className="back-link" aria-label={t('trace.toTraces')} title={t('trace.toTraces')}>
      {icon}
    </Link>
  )
}
