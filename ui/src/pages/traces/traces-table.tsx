import { Link, useNavigate } from '@tanstack/react-router'
import { useState, type MouseEvent, type ReactNode } from 'react'
import type { TraceSummary } from '../../api.ts'
import { Icon } from '../../components/icon.tsx'
import { serviceColour } from '../../components/service-colour.ts'
import { ServiceName } from '../../components/service-name.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf } from '../../time/nanos.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'

/** The chart shows all traces that are loaded; the table grows on demand. */
const rowsStep = 200

/** Durations spread over powers of ten, so the bars are logarithmic, like the axis of the chart above. */
const durationScale = (traces: TraceSummary[]): ((nanos: number) => number) => {
  const logs = traces.map((trace) => Math.log(Math.max(trace.durationNanos, 1)))
  const [least, most] = [Math.min(...logs), Math.max(...logs)]
  return (nanos) =>
    most > least ? 0.04 + (0.96 * (Math.log(Math.max(nanos, 1)) - least)) / (most - least) : 1
}

export const TracesTable = ({ traces, more }: { traces: TraceSummary[]; more: ReactNode }) => {
  const { t } = useLocale()
  const share = durationScale(traces)
  const [rowCount, setRowCount] = useState(rowsStep)
  const rest = traces.length - rowCount
  return (
    <>
      <table className="table traces-table" id="traces-table" tabIndex={-1} aria-label={t('nav.traces')}>
        <thead>
          <tr>
            <th scope="col">{t('trace.started')}</th>
            <th scope="col">{t('traces.root')}</th>
            <th scope="col">{t('trace.duration')}</th>
            <th scope="col" className="number">
              {t('trace.spans')}
            </th>
            <th scope="col" className="number">
              {t('trace.errors')}
            </th>
            <th scope="col">{t('trace.services')}</th>
            <th scope="col">{t('nav.pods')}</th>
          </tr>
        </thead>
        <tbody>
          {traces.slice(0, rowCount).map((trace) => (
            <TraceRow key={trace.traceId} trace={trace} durationShare={share(trace.durationNanos)} />
          ))}
        </tbody>
      </table>
      <div className="load-more">
        {rest > 0 ? (
          <button type="button" className="button" onClick={() => setRowCount((count) => count + rowsStep)}>
            {t('traces.showMore', { count: Math.min(rest, rowsStep) })}
          </button>
        ) : (
          more
        )}
      </div>
    </>
  )
}

const TraceRow = ({ trace, durationShare }: { trace: TraceSummary; durationShare: number }) => {
  const { t, format } = useLocale()
  const { nowMillis } = useTimeRange()
  const navigate = useNavigate()
  const startMillis = millisOf(trace.startTimeUnixNano)
  const target = { to: '/traces/$traceId', params: { traceId: trace.traceId } } as const
  const open = (event: MouseEvent): void => {
    if ((event.target as Element).closest('a, button') || !getSelection()?.isCollapsed) return
    void navigate(target)
  }
  return (
    // The keyboard uses the link in the second cell.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <tr className="is-link" onClick={open}>
      <td className="start-cell" title={format.full(startMillis)}>
        <time>{format.dateTime(startMillis)}</time>{' '}
        <span className="faint">{format.relative(startMillis, nowMillis)}</span>
      </td>
      <th scope="row" className="root-cell">
        <div className="root-content">
          <Link {...target} className="row-link">
            <ServiceName name={trace.rootService} />
            <span className="operation" title={trace.rootOperation}>
              {trace.rootOperation}
            </span>
          </Link>
          {!trace.hasRoot && (
            <span className="tag warn" title={t('traces.noRootHint')}>
              {t('traces.noRoot')}
            </span>
          )}
        </div>
      </th>
      <td className="duration-cell">
        <span className="duration-text">{format.duration(trace.durationNanos)}</span>
        <span className="duration-track" aria-hidden="true">
          <span
            className={trace.errorCount > 0 ? 'duration-fill error' : 'duration-fill'}
            style={{ inlineSize: `${durationShare * 100}%` }}
          />
        </span>
      </td>
      <td className="number">{format.integer(trace.spanCount)}</td>
      <td className={trace.errorCount > 0 ? 'number error-text' : 'number faint'}>
        {format.integer(trace.errorCount)}
      </td>
      <td>
        <ServiceDots services={trace.services} />
      </td>
      <td>
        <PodsBadge trace={trace} />
      </td>
    </tr>
  )
}

/** What one has to know of the pods: that one failed, else that some are gone; how many of each is in the title. */
const PodsBadge = ({ trace }: { trace: TraceSummary }) => {
  const { t } = useLocale()
  const { podsGone, podsFailed, pods } = trace
  if (podsGone === 0) return null
  const gone = t('pods.goneCount', { count: podsGone })
  const failed = podsFailed > 0 ? t('pods.failedCount', { count: podsFailed }) : undefined
  return (
    <span
      className={failed ? 'gone-badge failed' : 'gone-badge'}
      title={[[gone, failed].filter(Boolean).join(', '), ...pods].join('\n')}
    >
      <Icon name="gone" size={12} />
      {failed ?? gone}
    </span>
  )
}

const dotsMax = 8

const ServiceDots = ({ services }: { services: TraceSummary['services'] }) => {
  const { t } = useLocale()
  const names = services.map((service) => service.name).join(', ')
  return (
    <span
      className="service-dots"
      title={services.map((service) => `${service.name} (${service.spanCount})`).join('\n')}
    >
      {services.slice(0, dotsMax).map((service) => (
        <span
          key={service.name}
          className={service.errorCount > 0 ? 'service-dot has-error' : 'service-dot'}
          style={{ background: serviceColour(service.name) }}
          aria-hidden="true"
        />
      ))}
      <span className="dots-count" aria-hidden="true">
        {services.length}
      </span>
      <span className="visually-hidden">{t('traces.servicesAre', { names })}</span>
    </span>
  )
}
