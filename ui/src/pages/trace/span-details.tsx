import { Link } from '@tanstack/react-router'
import type { LogRecord } from '../../api.ts'
import { Attributes } from '../../components/attributes.tsx'
import { CopyButton } from '../../components/copy-button.tsx'
import { DetailsPanel, FactList, PanelSection } from '../../components/details-panel.tsx'
import { LogLines } from '../../components/log-lines.tsx'
import { Failure, TableSkeleton } from '../../components/notices.tsx'
import { PodChip } from '../../components/pod-chip.tsx'
import { ServiceName } from '../../components/service-name.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf, nanosBetween } from '../../time/nanos.ts'
import type { SpanNode, TraceModel } from '../../trace/model.ts'

export interface LogsQuery {
  data?: { logs: LogRecord[]; isTruncated: boolean } | undefined
  error: Error | null
  isPending: boolean
  refetch: () => unknown
}

export const SpanDetails = ({
  model,
  node,
  logs,
  onSpan,
  onClose,
}: {
  model: TraceModel
  node: SpanNode
  logs: LogsQuery
  onSpan: (spanId: string) => void
  onClose: () => void
}) => {
  const { t } = useLocale()
  const { span } = node
  const resource = model.trace.resources[span.resourceId]
  return (
    <DetailsPanel
      subject={span.spanId}
      takesFocus={false}
      kicker={<ServiceName name={span.serviceName} />}
      title={span.name}
      onClose={onClose}
    >
      <SpanNotices node={node} />
      <SpanFacts model={model} node={node} onSpan={onSpan} />
      <PanelSection title={t('span.attributes')} count={span.attributes.length}>
        <Attributes attributes={span.attributes} />
        <Dropped count={span.droppedCounts.attributes} />
      </PanelSection>
      {(span.events.length > 0 || span.droppedCounts.events > 0) && <SpanEvents node={node} />}
      <PanelSection title={t('span.logs')} {...countOfLogs(logs, span.spanId)}>
        <SpanLogs logs={logs} spanId={span.spanId} />
      </PanelSection>
      {(span.links.length > 0 || span.droppedCounts.links > 0) && <SpanLinks node={node} />}
      {resource && (
        <PanelSection title={t('span.resource')} count={resource.attributes.length}>
          <Attributes attributes={resource.attributes} />
        </PanelSection>
      )}
    </DetailsPanel>
  )
}

const SpanNotices = ({ node }: { node: SpanNode }) => {
  const { t } = useLocale()
  const { span, pod } = node
  return (
    <>
      {node.isError && (
        <p className="callout error" role="note">
          <strong>{t('trace.error')}</strong> {span.statusMessage}
        </p>
      )}
      {span.isOpen && (
        <p className="callout" role="note">
          {node.drawnUntil === 'pod-end' ? t('span.openUntilDeath') : t('span.open')}
        </p>
      )}
      {span.isParentMissing && (
        <p className="callout warn" role="note">
          {t('trace.parentMissingHint', { id: span.parentSpanId })}
        </p>
      )}
      {pod?.state === 'gone' && (
        <p className="callout" role="note">
          <PodChip pod={pod} />
        </p>
      )}
    </>
  )
}

const SpanFacts = ({
  model,
  node,
  onSpan,
}: {
  model: TraceModel
  node: SpanNode
  onSpan: (spanId: string) => void
}) => {
  const { t, format } = useLocale()
  const { span, pod } = node
  const parent = model.nodes[node.parentIndex]
  return (
    <FactList
      facts={[
        [t('trace.duration'), span.isOpen ? t('trace.open') : format.duration(span.durationNanos)],
        [
          t('span.starts'),
          `${format.timeMillis(millisOf(span.startTimeUnixNano))}  (${format.offset(node.startNanos)})`,
        ],
        [t('span.kind'), span.kind],
        [t('span.status'), span.status],
        [
          t('filter.pod'),
          pod && (
            <Link to="/pods" search={{ details: pod.uid, service: pod.serviceName }} className="text-link">
              {pod.name}
            </Link>
          ),
        ],
        [
          t('span.parent'),
          parent && (
            <button type="button" className="link-button" onClick={() => onSpan(parent.span.spanId)}>
              {parent.span.name}
            </button>
          ),
        ],
        [
          t('span.id'),
          <span key="id" className="copyable mono">
            <span>{span.spanId}</span> <CopyButton text={span.spanId} label={t('span.copyId')} isSmall />
          </span>,
        ],
        [t('span.scope'), [span.scope.name, span.scope.version].filter(Boolean).join(' ')],
        [t('span.traceState'), span.traceState],
      ]}
    />
  )
}

const SpanEvents = ({ node }: { node: SpanNode }) => {
  const { t, format } = useLocale()
  const { span } = node
  return (
    <PanelSection title={t('span.events')} count={span.events.length}>
      <ol className="event-list">
        {span.events.map((event, index) => (
          <li key={`${event.timeUnixNano}:${index}`}>
            <details open={event.name === 'exception'}>
              <summary>
                <span className="log-time">
                  {format.offset(nanosBetween(span.startTimeUnixNano, event.timeUnixNano))}
                </span>{' '}
                <span className={event.name === 'exception' ? 'error-text' : undefined}>{event.name}</span>
              </summary>
              <Attributes attributes={event.attributes} canFilter={false} />
            </details>
          </li>
        ))}
      </ol>
      <Dropped count={span.droppedCounts.events} />
    </PanelSection>
  )
}

const SpanLinks = ({ node }: { node: SpanNode }) => {
  const { t } = useLocale()
  return (
    <PanelSection title={t('span.links')} count={node.span.links.length}>
      <ol className="event-list">
        {node.span.links.map((link, index) => (
          <li key={`${link.traceId}:${link.spanId}:${index}`}>
            <Link
              to="/traces/$traceId"
              params={{ traceId: link.traceId }}
              search={{ span: link.spanId }}
              className="text-link mono"
            >
              {link.traceId} / {link.spanId}
            </Link>
            {link.attributes.length > 0 && <Attributes attributes={link.attributes} canFilter={false} />}
          </li>
        ))}
      </ol>
      <Dropped count={node.span.droppedCounts.links} />
    </PanelSection>
  )
}

const SpanLogs = ({ logs, spanId }: { logs: LogsQuery; spanId: string }) => {
  const { t } = useLocale()
  if (logs.error)
    return <Failure what={t('logs.failed')} error={logs.error} onRetry={() => void logs.refetch()} />
  if (logs.isPending) return <TableSkeleton rows={2} />
  return <LogLines logs={(logs.data?.logs ?? []).filter((log) => log.spanId === spanId)} />
}

const countOfLogs = (logs: LogsQuery, spanId: string): { count?: number } =>
  logs.data ? { count: logs.data.logs.filter((log) => log.spanId === spanId).length } : {}

/** What the SDK threw away before it reached us. */
const Dropped = ({ count }: { count: number }) => {
  const { t } = useLocale()
  return count > 0 ? <p className="dropped">{t('span.dropped', { count })}</p> : null
}
