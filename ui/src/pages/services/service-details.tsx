import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Service } from '../../api.ts'
import { DetailsPanel, FactList, PanelSection } from '../../components/details-panel.tsx'
import { Failure, TableSkeleton } from '../../components/notices.tsx'
import { ServiceName } from '../../components/service-name.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { operationsQuery } from '../../queries.ts'
import { millisOf } from '../../time/nanos.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import { serviceId } from './order.ts'

export const ServiceDetails = ({ service, onClose }: { service: Service; onClose: () => void }) => {
  const { t, format } = useLocale()
  const { name, namespace, environment } = service
  const scope = { service: name, namespace, environment }
  const time = (nanos: string): string => format.full(millisOf(nanos))
  return (
    <DetailsPanel
      subject={serviceId(service)}
      kicker={t('services.service')}
      title={<ServiceName name={name} />}
      onClose={onClose}
    >
      <div className="panel-actions">
        <Link to="/traces" search={scope} className="button">
          {t('nav.traces')}
        </Link>
        <Link to="/traces" search={{ ...scope, status: 'error' }} className="button">
          {t('services.failedTraces')}
        </Link>
        <Link to="/pods" search={scope} className="button">
          {t('nav.pods')}
        </Link>
      </div>
      <FactList
        facts={[
          [t('filter.namespace'), namespace],
          [t('filter.environment'), environment],
          [t('services.versions'), service.versions.join(', ')],
          [t('services.requests'), format.integer(service.requestCount)],
          [t('services.spans'), format.integer(service.spanCount)],
          [t('services.firstSeen'), time(service.firstSeenTimeUnixNano)],
          [t('services.lastSeen'), time(service.lastSeenTimeUnixNano)],
        ]}
      />
      <PanelSection title={t('services.operations')}>
        <Operations scope={scope} />
      </PanelSection>
    </DetailsPanel>
  )
}

const operationsShownMax = 100

const Operations = ({ scope }: { scope: { service: string; namespace: string; environment: string } }) => {
  const { t, format } = useLocale()
  const { range } = useTimeRange()
  const operations = useQuery(operationsQuery(range, scope))
  if (operations.error)
    return (
      <Failure
        what={t('services.operationsFailed')}
        error={operations.error}
        onRetry={() => void operations.refetch()}
      />
    )
  if (operations.isPending) return <TableSkeleton rows={4} />
  return (
    <table className="table compact" aria-label={t('services.operations')}>
      <thead>
        <tr>
          <th scope="col">{t('traces.operation')}</th>
          <th scope="col">{t('span.kind')}</th>
          <th scope="col" className="number">
            {t('trace.spans')}
          </th>
          <th scope="col" className="number">
            {t('trace.errors')}
          </th>
          <th scope="col" className="number">
            p95
          </th>
        </tr>
      </thead>
      <tbody>
        {operations.data.operations.slice(0, operationsShownMax).map((operation) => (
          <tr key={`${operation.kind} ${operation.name}`}>
            <th scope="row" className="clip">
              <Link
                to="/traces"
                search={{ ...scope, operation: operation.name }}
                className="row-link"
                title={operation.name}
              >
                {operation.name}
              </Link>
            </th>
            <td className="muted">{operation.kind}</td>
            <td className="number">{format.compact(operation.spanCount)}</td>
            <td className={operation.errorCount > 0 ? 'number error-text' : 'number faint'}>
              {format.compact(operation.errorCount)}
            </td>
            <td className="number">
              {operation.latencyNanos && format.duration(operation.latencyNanos.p95)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
