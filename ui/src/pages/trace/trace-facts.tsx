import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { CopyButton } from '../../components/copy-button.tsx'
import { Icon } from '../../components/icon.tsx'
import { serviceColour } from '../../components/service-colour.ts'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf } from '../../time/nanos.ts'
import type { PodDeath, TraceModel } from '../../trace/model.ts'

const deathsShownMax = 6

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
        <Fact label={t('trace.podsGone')} tone={model.podsFailed > 0 ? 'error' : undefined}>
          {model.podsFailed === 0
            ? format.integer(model.podsGone.length)
            : model.podsFailed === model.podsGone.length
              ? t('trace.podsAllFailed', { count: model.podsFailed })
              : t('trace.podsGoneFailed', { gone: model.podsGone.length, failed: model.podsFailed })}
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
      <Deaths model={model} />
    </div>
  )
}

/** Who died, when and why: first those whose death the trace saw, then those that ended before or after it. */
const Deaths = ({ model }: { model: TraceModel }) => {
  const { t } = useLocale()
  const deaths = [...model.deaths, ...model.otherEnds]
  if (deaths.length === 0) return null
  return (
    <ul className="deaths-list" aria-label={t('trace.deaths')}>
      {deaths.slice(0, deathsShownMax).map((death) => (
        <li key={`${death.pod.uid} ${death.timeUnixNano}`}>
          <Death death={death} durationNanos={model.durationNanos} />
        </li>
      ))}
      {deaths.length > deathsShownMax && (
        <li className="faint">{t('trace.morePods', { count: deaths.length - deathsShownMax })}</li>
      )}
    </ul>
  )
}

const Death = ({ death, durationNanos }: { death: PodDeath; durationNanos: number }) => {
  const { t, format } = useLocale()
  const { pod, tone, exitCode, atNanos } = death
  const what = [
    death.reason || t('pod.silent'),
    exitCode === null ? '' : t('trace.exitCode', { code: exitCode }),
    death.isRestart ? t('trace.restarted') : '',
  ]
  const at = format.time(millisOf(death.timeUnixNano))
  const when =
    atNanos < 0
      ? t('trace.diedBefore', { at, duration: format.duration(-atNanos) })
      : atNanos > durationNanos
        ? t('trace.diedAfter', { at, duration: format.duration(atNanos - durationNanos) })
        : t('trace.diedInside', { at, duration: format.duration(atNanos) })
  return (
    <Link
      to="/pods"
      search={{ details: pod.uid, service: pod.serviceName }}
      className={`trace-death ${tone}`}
    >
      <Icon name="gone" size={12} />
      <span className="pod-name">{pod.name}</span>
      <span className="trace-death-reason">{what.filter(Boolean).join(', ')}</span>
      <span className="trace-death-time">{when}</span>
    </Link>
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
