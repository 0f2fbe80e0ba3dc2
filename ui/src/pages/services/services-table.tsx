import { Link, useNavigate } from '@tanstack/react-router'
import type { MouseEvent } from 'react'
import type { Service } from '../../api.ts'
import { Icon } from '../../components/icon.tsx'
import { Bar } from '../../components/bar.tsx'
import { ServiceName } from '../../components/service-name.tsx'
import { SortableHeader, type SortState } from '../../components/sortable-header.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf } from '../../time/nanos.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import type { ServiceSort, Sort } from '../../url/screens.ts'
import { serviceId } from './order.ts'

interface Scope {
  environment?: string | undefined
  namespace?: string | undefined
}

export const ServicesTable = ({
  services,
  sort,
  selectedId,
  onSort,
  onDetails,
  onScope,
}: {
  services: Service[]
  sort: SortState<ServiceSort>
  selectedId: string | undefined
  onSort: (sort: Sort<ServiceSort>) => void
  onDetails: (service: Service) => void
  onScope: (scope: Scope) => void
}) => {
  const { t } = useLocale()
  const most = {
    rate: Math.max(...services.map((service) => service.requestsPerSecond)),
    latency: Math.max(...services.map((service) => service.latencyNanos?.p99 ?? 0)),
  }
  const header = { current: sort, onSort }
  return (
    <table className="table services-table" aria-label={t('nav.services')}>
      <thead>
        <tr>
          <SortableHeader {...header} column="name" startsDescending={false}>
            {t('services.service')}
          </SortableHeader>
          <SortableHeader {...header} column="rate" className="number">
            {t('services.rate')}
          </SortableHeader>
          <SortableHeader {...header} column="errors" className="number">
            {t('services.errors')}
          </SortableHeader>
          <SortableHeader {...header} column="p50" className="number">
            p50
          </SortableHeader>
          <SortableHeader {...header} column="p95" className="number">
            p95
          </SortableHeader>
          <SortableHeader {...header} column="p99" className="number">
            p99
          </SortableHeader>
          <SortableHeader {...header} column="pods">
            {t('services.pods')}
          </SortableHeader>
          <SortableHeader {...header} column="seen" className="number">
            {t('services.lastSeen')}
          </SortableHeader>
          <th scope="col">
            <span className="visually-hidden">{t('services.details')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {services.map((service) => (
          <ServiceRow
            key={serviceId(service)}
            service={service}
            most={most}
            isSelected={serviceId(service) === selectedId}
            onDetails={onDetails}
            onScope={onScope}
          />
        ))}
      </tbody>
    </table>
  )
}

const ServiceRow = ({
  service,
  most,
  isSelected,
  onDetails,
  onScope,
}: {
  service: Service
  most: { rate: number; latency: number }
  isSelected: boolean
  onDetails: (service: Service) => void
  onScope: (scope: Scope) => void
}) => {
  const { t, format } = useLocale()
  const { nowMillis } = useTimeRange()
  const navigate = useNavigate()
  const { name, namespace, environment, latencyNanos } = service
  const target = { to: '/traces', search: { service: name, namespace, environment } } as const
  const openTraces = (event: MouseEvent): void => {
    // Links and buttons inside the row do their own thing; so does selecting text.
    if ((event.target as Element).closest('a, button') || !getSelection()?.isCollapsed) return
    void navigate(target)
  }
  const lastSeenMillis = millisOf(service.lastSeenTimeUnixNano)
  const hasRequests = service.requestCount > 0
  return (
    // The keyboard uses the link in the first cell.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <tr className={isSelected ? 'is-link is-selected' : 'is-link'} onClick={openTraces}>
      <th scope="row">
        <div className="service-cell">
          <Link {...target} className="row-link" aria-label={t('services.openTraces', { service: name })}>
            <ServiceName name={name} />
          </Link>
          <Tag label={t('filter.namespace')} value={namespace} onPick={() => onScope({ namespace })} />
          <Tag label={t('filter.environment')} value={environment} onPick={() => onScope({ environment })} />
        </div>
      </th>
      <td className="number">
        {hasRequests ? format.rate(service.requestsPerSecond) : <Nothing />}
        <Bar share={service.requestsPerSecond / most.rate} />
      </td>
      <td className={service.errorCount > 0 ? 'number error-text' : 'number'}>
        {hasRequests ? format.percent(service.errorShare) : <Nothing />}
        <Bar share={hasRequests ? service.errorShare : 0} tone="error" />
      </td>
      <td className="number">{latencyNanos ? format.duration(latencyNanos.p50) : <Nothing />}</td>
      <td className="number">{latencyNanos ? format.duration(latencyNanos.p95) : <Nothing />}</td>
      <td className="number">
        {latencyNanos ? format.duration(latencyNanos.p99) : <Nothing />}
        <Bar share={latencyNanos ? latencyNanos.p99 / most.latency : 0} />
      </td>
      <td>
        <PodCounts service={service} />
      </td>
      <td className="number muted" title={format.full(lastSeenMillis)}>
        {format.relative(lastSeenMillis, nowMillis)}
      </td>
      <td className="action-cell">
        <button
          type="button"
          className="icon-button"
          onClick={() => onDetails(service)}
          aria-label={t('services.detailsOf', { service: name })}
          title={t('services.details')}
        >
          <Icon name="info" />
        </button>
      </td>
    </tr>
  )
}

const Nothing = () => <span className="faint">–</span>

const Tag = ({ label, value, onPick }: { label: string; value: string; onPick: () => void }) => {
  const { t } = useLocale()
  if (value === '') return null
  const title = t('filter.only', { name: label, value })
  return (
    <button type="button" className="tag" onClick={onPick} title={title} aria-label={title}>
      {value}
    </button>
  )
}

const PodCounts = ({ service }: { service: Service }) => {
  const { t, format } = useLocale()
  if (service.podCount === 0) return <Nothing />
  const { podsGone, podsFailed } = service
  const alive = service.podCount - podsGone
  const ended = podsGone - podsFailed
  const title = t('services.podsOf', { service: service.name, alive, gone: podsGone, failed: podsFailed })
  return (
    <Link
      to="/pods"
      search={{ service: service.name, namespace: service.namespace, environment: service.environment }}
      className="pod-counts"
      aria-label={title}
      title={title}
    >
      <span className={alive > 0 ? 'pod-state alive' : 'pod-state faint'}>
        <span className="state-dot" aria-hidden="true" />
        {format.integer(alive)}
      </span>
      {podsFailed > 0 && (
        <span className="pod-state failed">
          <Icon name="gone" size={12} />
          {format.integer(podsFailed)}
        </span>
      )}
      {ended > 0 && (
        <span className="pod-state gone">
          <Icon name="gone" size={12} />
          {format.integer(ended)}
        </span>
      )}
    </Link>
  )
}
