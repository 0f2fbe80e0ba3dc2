import { Link, useNavigate } from '@tanstack/react-router'
import type { MouseEvent } from 'react'
import type { TraceSummary } from '../../api.ts'
import { Icon } from '../../components/icon.tsx'
import { serviceColour } from '../../components/service-colour.ts'
import { ServiceName } from '../../components/service-name.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf } from '../../time/nanos.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'

export const TracesTable = ({ traces }: { traces: TraceSummary[] }) => {
  const { t } = useLocale()
  const longestNanos = traces.reduce((most, trace) => Math.max(most, trace.durationNanos), 1)
  return (
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
        {traces.map((trace) => (
          <TraceRow key={trace.traceId} trace={trace} longestNanos={longestNanos} />
        ))}
      </tbody>
    </table>
  )
}

const TraceRow = ({ trace, longestNanos }: { trace: TraceSummary; longestNanos: number }) => {
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
        <time>{format.dateTime(startMillis)}</time> <span className="faint">{format.relative(startMillis, nowMillis)}</span>
      </td>
      <th scope="row" className="root-cell">
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
      </th>
      <td className="duration-cell">
        <span className="duration-text">{format.duration(trace.durationNanos)}</span>
        <span className="duration-track" aria-hidden="true">
          <span
            className={trace.errorCount > 0 ? 'duration-fill error' : 'duration-fill'}
            style={{ inlineSize: `${Math.max((trace.durationNanos / longestNanos) * 100, 0.7)}%` }}
          />
        </span>
      </td>
      <td className="number">{format.integer(trace.spanCount)}</td>
      <td className={trace.errorCount > 0 ? 'number error-text' : 'number faint'}>{format.integer(trace.errorCount)}</td>
      <td>
        <ServiceDots services={trace.services} />
      </td>
      <td>
        {trace.podsGone > 0 && (
          <span className="gone-badge" title={trace.pods.join('\n')}>
            <Icon name="gone" size={12} />
            {t('pods.goneCount', { count: trace.podsGone })}
          </span>
        )}
      </td>
    </tr>
  )
}

const dotsMax = 8

const ServiceDots = ({ services }: { services: TraceSummary['services'] }) => {
  const { t } = useLocale()
  const names = services.map((service) => service.name).join(', ')
  return (
    <span className="service-dots" title={services.map((service) => `${service.name} (${service.spanCount})`).join('\n')}>
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
