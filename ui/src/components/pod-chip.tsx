import type { Pod } from '../api.ts'
import { useLocale } from '../messages/use-locale.tsx'
import { millisOf } from '../time/nanos.ts'
import { Icon } from './icon.tsx'
import { podTone } from './pod-end.ts'

/** The reason in Kubernetes' own words, which is what one searches for; silence has no word there. */
export const usePodReason = (): ((pod: Pod) => string) => {
  const { t } = useLocale()
  return (pod) => {
    if (pod.state === 'alive') return t('pod.alive')
    return !pod.end || pod.end.evidence === 'silence' ? t('pod.silent') : pod.end.reason
  }
}

/** Without the service's name in front, where that stands beside it: what is left tells pods apart. */
const shortPodName = ({ name, serviceName }: Pod): string =>
  name.startsWith(`${serviceName}-`) ? name.slice(serviceName.length + 1) : name

/** The pod's name; struck through and marked with the reason if the pod is gone. */
export const PodChip = ({ pod, isShort = false }: { pod: Pod; isShort?: boolean }) => {
  const { t, format } = useLocale()
  const reason = usePodReason()(pod)
  const tone = podTone(pod)
  const name = isShort ? shortPodName(pod) : pod.name
  if (tone === 'alive')
    return (
      <span className="pod-chip alive" title={pod.name}>
        <span className="pod-name">{name}</span>
      </span>
    )
  const gone = pod.end
    ? t('pod.goneAt', { reason, at: format.dateTime(millisOf(pod.end.timeUnixNano)) })
    : t('pod.gone', { reason })
  return (
    <span className={`pod-chip ${tone}`} title={`${pod.name}\n${gone}`}>
      <Icon name="gone" size={12} />
      <span className="pod-name struck">{name}</span>
      <span className="pod-reason">{reason}</span>
      <span className="visually-hidden">{gone}</span>
    </span>
  )
}

export const PodState = ({ pod }: { pod: Pod }) => {
  const reason = usePodReason()(pod)
  const tone = podTone(pod)
  return (
    <span className={`pod-state ${tone}`}>
      {tone === 'alive' || tone === 'silent' ? (
        <span className="state-dot" aria-hidden="true" />
      ) : (
        <Icon name="gone" size={12} />
      )}
      {reason}
    </span>
  )
}
