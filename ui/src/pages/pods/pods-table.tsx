import type { MouseEvent } from 'react'
import type { Pod } from '../../api.ts'
import { PodState } from '../../components/pod-chip.tsx'
import { ServiceName } from '../../components/service-name.tsx'
import { SortableHeader, type SortState } from '../../components/sortable-header.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf } from '../../time/nanos.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import type { PodSort, Sort } from '../../url/screens.ts'
import { podEndMillis } from './order.ts'

/** More rows than anybody reads; the filters lead to the rest. */
const rowsMax = 1000

export const PodsTable = ({
  pods,
  sort,
  selectedUid,
  onSort,
  onOpen,
}: {
  pods: Pod[]
  sort: SortState<PodSort>
  selectedUid: string | undefined
  onSort: (sort: Sort<PodSort>) => void
  onOpen: (pod: Pod) => void
}) => {
  const { t } = useLocale()
  const header = { current: sort, onSort }
  return (
    <>
      <table className="table pods-table" id="pods-table" tabIndex={-1} aria-label={t('nav.pods')}>
        <thead>
          <tr>
            <SortableHeader {...header} column="name" startsDescending={false}>
              {t('filter.pod')}
            </SortableHeader>
            <SortableHeader {...header} column="service" startsDescending={false}>
              {t('filter.service')}
            </SortableHeader>
            <SortableHeader {...header} column="state" startsDescending={false}>
              {t('pods.state')}
            </SortableHeader>
            <th scope="col" className="number">
              {t('pod.exitCode')}
            </th>
            <SortableHeader {...header} column="started">
              {t('pod.firstSeen')}
            </SortableHeader>
            <th scope="col" className="number">
              {t('pod.lived')}
            </th>
            <SortableHeader {...header} column="restarts" className="number">
              {t('pod.restarts')}
            </SortableHeader>
            <SortableHeader {...header} column="node" startsDescending={false}>
              {t('pod.node')}
            </SortableHeader>
          </tr>
        </thead>
        <tbody>
          {pods.slice(0, rowsMax).map((pod) => (
            <PodRow key={pod.uid} pod={pod} isSelected={pod.uid === selectedUid} onOpen={onOpen} />
          ))}
        </tbody>
      </table>
      {pods.length > rowsMax && (
        <p className="partial-notice">{t('pods.rowsCut', { count: pods.length - rowsMax })}</p>
      )}
    </>
  )
}

const PodRow = ({
  pod,
  isSelected,
  onOpen,
}: {
  pod: Pod
  isSelected: boolean
  onOpen: (pod: Pod) => void
}) => {
  const { format } = useLocale()
  const { nowMillis } = useTimeRange()
  const firstMillis = millisOf(pod.firstSeenTimeUnixNano)
  const isGone = pod.state === 'gone'
  const lastMillis = isGone ? podEndMillis(pod) : millisOf(pod.lastSeenTimeUnixNano)
  const open = (event: MouseEvent): void => {
    if ((event.target as Element).closest('a, button') || !getSelection()?.isCollapsed) return
    onOpen(pod)
  }
  return (
    // The keyboard uses the button in the first cell.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <tr className={`is-link ${isSelected ? 'is-selected' : ''} ${isGone ? 'is-gone' : ''}`} onClick={open}>
      <th scope="row" className="clip">
        <button type="button" className="row-link mono" onClick={() => onOpen(pod)} title={pod.name}>
          {pod.name}
        </button>
      </th>
      <td className="clip">
        <ServiceName name={pod.serviceName} />
      </td>
      <td>
        <span className="state-cell">
          <PodState pod={pod} />
          {isGone && (
            <span className="faint state-ago" title={format.full(lastMillis)}>
              {format.relative(lastMillis, nowMillis)}
            </span>
          )}
        </span>
      </td>
      <td className="number">
        {pod.end && pod.end.exitCode !== null ? pod.end.exitCode : <span className="faint">–</span>}
      </td>
      <td title={format.full(firstMillis)}>{format.dateTime(firstMillis)}</td>
      <td className="number">{format.duration((lastMillis - firstMillis) * 1e6)}</td>
      <td className={pod.restartCount > 0 ? 'number' : 'number faint'}>{format.integer(pod.restartCount)}</td>
      <td className="clip muted" title={pod.node}>
        {pod.node}
      </td>
    </tr>
  )
}
