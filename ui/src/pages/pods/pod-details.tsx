import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Pod, TraceSummary } from '../../api.ts'
import { Attributes } from '../../components/attributes.tsx'
import { CopyButton } from '../../components/copy-button.tsx'
import { DetailsPanel, FactList, PanelSection } from '../../components/details-panel.tsx'
import { LogLines } from '../../components/log-lines.tsx'
import { Failure, TableSkeleton } from '../../components/notices.tsx'
import { usePodReason } from '../../components/pod-chip.tsx'
import { podTone } from '../../components/pod-end.ts'
import { ServiceName } from '../../components/service-name.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { podQuery } from '../../queries.ts'
import { millisOf } from '../../time/nanos.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import { podEndMillis } from './order.ts'

export const PodDetailsPanel = ({ uid, onClose }: { uid: string; onClose: () => void }) => {
  const { t } = useLocale()
  const details = useQuery(podQuery(uid))
  const pod = details.data?.pod
  return (
    <DetailsPanel
      subject={uid}
      kicker={pod ? <ServiceName name={pod.serviceName} /> : t('filter.pod')}
      title={<span className="mono">{pod?.name ?? uid}</span>}
      onClose={onClose}
    >
      {details.error ? (
        <Failure what={t('pod.failed')} error={details.error} onRetry={() => void details.refetch()} />
      ) : details.data ? (
        <>
          <EndOfPod pod={details.data.pod} />
          <div className="panel-actions">
            <Link to="/traces" search={{ pod: details.data.pod.name }} className="button">
              {t('pod.allTraces')}
            </Link>
            <Link to="/traces" search={{ pod: details.data.pod.name, status: 'error' }} className="button">
              {t('services.failedTraces')}
            </Link>
          </div>
          <Identity pod={details.data.pod} />
          <ContainerEnds pod={details.data.pod} />
          <PanelSection title={t('pod.lastLogs')} count={details.data.logs.length}>
            <LogLines logs={details.data.logs} />
          </PanelSection>
          <PanelSection title={t('pod.lastTraces')} count={details.data.traces.length}>
            <LastTraces traces={details.data.traces} />
          </PanelSection>
          <PanelSection title={t('span.resource')} count={details.data.resource.attributes.length}>
            <Attributes attributes={details.data.resource.attributes} />
          </PanelSection>
        </>
      ) : (
        <TableSkeleton rows={10} />
      )}
    </DetailsPanel>
  )
}

/** The answer to the question one came with: how did it end, and how do we know. */
const EndOfPod = ({ pod }: { pod: Pod }) => {
  const { t, format } = useLocale()
  const { nowMillis } = useTimeRange()
  const reason = usePodReason()(pod)
  if (pod.state === 'alive') return <p className="callout alive">{t('pod.aliveText')}</p>
  const endMillis = podEndMillis(pod)
  const tone = podTone(pod)
  return (
    <div className={tone === 'failed' ? 'callout death error' : 'callout death'}>
      <strong>{reason}</strong>
      <span>
        {format.full(endMillis)} · {format.relative(endMillis, nowMillis)}
      </span>
      <FactList
        facts={[
          [t('pod.exitCode'), pod.end?.exitCode ?? null],
          [t('pod.signal'), pod.end?.signal ? signalText(pod.end.signal) : null],
          [
            t('pod.evidence'),
            pod.end?.evidence === 'pod-watch' ? t('pod.evidenceWatch') : t('pod.evidenceSilence'),
          ],
        ]}
      />
    </div>
  )
}

/** A container that was started again leaves its pod alive: without this list nobody would know that it died. */
const ContainerEnds = ({ pod }: { pod: Pod }) => {
  const { t, format } = useLocale()
  if (pod.containerEnds.length === 0) return null
  return (
    <PanelSection title={t('pod.containerEnds')} count={pod.containerEnds.length}>
      <ul className="trace-list">
        {pod.containerEnds.toReversed().map((end) => (
          <li key={`${end.timeUnixNano} ${end.container}`} className="container-end">
            <span className="log-time">{format.dateTime(millisOf(end.timeUnixNano))}</span>
            <span className="trace-list-name">{end.container}</span>
            <span className={end.isFailure ? 'error-text' : undefined}>{end.reason}</span>
            {end.exitCode !== null && (
              <span className="number">{t('trace.exitCode', { code: end.exitCode })}</span>
            )}
          </li>
        ))}
      </ul>
    </PanelSection>
  )
}

const signalNames: Record<number, string> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  6: 'SIGABRT',
  7: 'SIGBUS',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
}
const signalText = (signal: number): string =>
  signalNames[signal] ? `${signal} (${signalNames[signal]})` : String(signal)

const Identity = ({ pod }: { pod: Pod }) => {
  const { t, format } = useLocale()
  const firstMillis = millisOf(pod.firstSeenTimeUnixNano)
  const lastMillis = millisOf(pod.lastSeenTimeUnixNano)
  return (
    <FactList
      facts={[
        [t('filter.namespace'), pod.namespace],
        [t('filter.environment'), pod.environment],
        [t('pod.node'), pod.node],
        [t('pod.container'), pod.container],
        [t('pod.version'), pod.serviceVersion],
        [t('pod.firstSeen'), format.full(firstMillis)],
        [t('pod.lastSeen'), format.full(lastMillis)],
        [
          t('pod.lived'),
          format.duration(((pod.state === 'gone' ? podEndMillis(pod) : lastMillis) - firstMillis) * 1e6),
        ],
        [t('pod.restarts'), pod.restartCount],
        [
          'UID',
          <span key="uid" className="copyable mono">
            <span>{pod.uid}</span> <CopyButton text={pod.uid} label={t('pod.copyUid')} isSmall />
          </span>,
        ],
      ]}
    />
  )
}

const LastTraces = ({ traces }: { traces: TraceSummary[] }) => {
  const { t, format } = useLocale()
  if (traces.length === 0) return <p className="none">{t('pod.noTraces')}</p>
  return (
    <ul className="trace-list">
      {traces.map((trace) => (
        <li key={trace.traceId}>
          <Link to="/traces/$traceId" params={{ traceId: trace.traceId }} className="trace-list-link">
            <span className="log-time">{format.timeMillis(millisOf(trace.startTimeUnixNano))}</span>
            <span className="trace-list-name" title={`${trace.rootService} ${trace.rootOperation}`}>
              {trace.rootOperation}
            </span>
            {trace.errorCount > 0 && (
              <span className="error-text">{t('trace.errorCount', { count: trace.errorCount })}</span>
            )}
            <span className="number">{format.duration(trace.durationNanos)}</span>
          </Link>
        </li>
      ))}
    </ul>
  )
}
