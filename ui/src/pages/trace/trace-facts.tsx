import type { ReactNode } from 'react'
import { CopyButton } from '../../components/copy-button.tsx'
import { PodChip } from '../../components/pod-chip.tsx'
import { serviceColour } from '../../components/service-colour.ts'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf } from '../../time/nanos.ts'
import type { TraceModel } from '../../trace/model.ts'

const podsShownMax = 6

/** The trace at a glance: how long, how much, what failed, who died. */
export const TraceFacts = ({ model }: { model: TraceModel }) => {
  const { t, format } = useLocale()
  const startMillis = millisOf(model.startTimeUnixNano)
  return (
    <div className="trace-facts">
      <dl className="fact-strip">
        <Fact label={t('trace.duration')}>{format.duration(model.durationNanos)}</Fact>
        <Fact label={t('trace.spans')}>{format.integer(model.nodes.length)}</Fact>
        <Fact label={t('trace.services')}>{format.integer(model.services.length)}</Fact>
        <Fact label={t('trace.errors')} tone={model.errorCount > 0 ? 'error' : undefined}>
          {format.integer(model.errorCount)}
        </Fact>
        <Fact label={t('trace.podsGone')} tone={model.podsGone.length > 0 ? 'error' : undefined}>
          {format.integer(model.podsGone.length)}
        </Fact>
        <Fact label={t('trace.started')}>
          <time className="regular">{format.full(startMillis)}</time>
        </Fact>
        <Fact label={t('trace.id')}>
          <span className="copyable mono">
            <span>{model.trace.traceId}</span>
            <CopyButton text={model.trace.traceId} label={t('trace.copyId')} isSmall />
          </span>
        </Fact>
      </dl>
      <ul className="service-legend" aria-label={t('trace.services')}>
        {model.services.map((service) => (
          <li key={service.name} className={service.errorCount > 0 ? 'has-error' : undefined}>
            <span
              className="service-dot"
              style={{ background: serviceColour(service.name) }}
              aria-hidden="true"
            />
            <span className="service-text">{service.name}</span>
            <span className="count">{format.integer(service.spanCount)}</span>
            {service.errorCount > 0 && (
              <span className="count error-text" title={t('trace.errorCount', { count: service.errorCount })}>
                {t('trace.errorCount', { count: service.errorCount })}
              </span>
            )}
          </li>
        ))}
      </ul>
      {model.podsGone.length > 0 && (
        <ul className="service-legend" aria-label={t('trace.podsGone')}>
          {model.podsGone.slice(0, podsShownMax).map((pod) => (
            <li key={pod.uid}>
              <PodChip pod={pod} />
            </li>
          ))}
          {model.podsGone.length > podsShownMax && (
            <li className="faint">{t('trace.morePods', { count: model.podsGone.length - podsShownMax })}</li>
          )}
        </ul>
      )}
    </div>
  )
}

const Fact = ({
  label,
  tone,
  children,
}: {
  label: string
  tone?: 'error' | undefined
  children: ReactNode
}) => (
  <div>
    <dt>{label}</dt>
    <dd className={tone === 'error' ? 'error-text' : undefined}>{children}</dd>
  </div>
)
