import { useCallback, useMemo } from 'react'
import type { Pod } from '../../api.ts'
import { layoutLanes } from '../../charts/lanes.ts'
import type { ChartPalette } from '../../charts/palette.ts'
import {
  laneHeightPixels,
  lifespanAxisPixels,
  lifespanInsets,
  podLifespansOption,
} from '../../charts/pod-lifespans.ts'
import type { TooltipText } from '../../charts/tooltip.ts'
import { ChartView } from '../../components/chart-view.tsx'
import { Icon } from '../../components/icon.tsx'
import { PartialNotice } from '../../components/notices.tsx'
import { usePodReason } from '../../components/pod-chip.tsx'
import { podTone } from '../../components/pod-end.ts'
import { ServiceName } from '../../components/service-name.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { millisOf } from '../../time/nanos.ts'
import { absoluteRange, zoomOut } from '../../time/range.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import { podEndMillis } from './order.ts'

/** Who lived when: a bar a pod, packed so that a replacement stands behind the pod it replaced. */
export const PodLifespans = ({
  pods,
  selectedUid,
  onOpen,
  onService,
}: {
  pods: Pod[]
  selectedUid: string | undefined
  onOpen: (pod: Pod) => void
  onService: (service: string) => void
}) => {
  const { t, format } = useLocale()
  const time = useTimeRange()
  const reasonOf = usePodReason()
  const layout = useMemo(
    () => layoutLanes(pods, time.range, (pod) => podTone(pod) === 'failed'),
    [pods, time.range],
  )

  const describe = useCallback(
    (pod: Pod): TooltipText => {
      const firstMillis = millisOf(pod.firstSeenTimeUnixNano)
      const isGone = pod.state === 'gone'
      const lastMillis = isGone ? podEndMillis(pod) : millisOf(pod.lastSeenTimeUnixNano)
      return {
        title: pod.name,
        lines: [
          { label: t('filter.service'), value: pod.serviceName },
          {
            label: t('pods.state'),
            value: reasonOf(pod),
            tone: podTone(pod) === 'failed' ? 'error' : undefined,
          },
          ...(pod.end && pod.end.exitCode !== null
            ? [{ label: t('pod.exitCode'), value: String(pod.end.exitCode) }]
            : []),
          { label: t('pod.firstSeen'), value: format.dateTime(firstMillis) },
          { label: isGone ? t('pod.ended') : t('pod.lastSeen'), value: format.dateTime(lastMillis) },
          { label: t('pod.lived'), value: format.duration((lastMillis - firstMillis) * 1e6) },
        ],
        hint: t('chart.clickPod'),
      }
    },
    [t, format, reasonOf],
  )
  const option = useCallback(
    ({ palette, widthPixels }: { palette: ChartPalette; widthPixels: number }) =>
      podLifespansOption({
        layout,
        range: time.range,
        palette,
        format,
        widthPixels,
        selectedUid,
        tone: podTone,
        describe,
      }),
    [layout, time.range, format, selectedUid, describe],
  )
  const failedCount = pods.filter((pod) => podTone(pod) === 'failed').length
  return (
    <section className="chart-card" aria-label={t('pods.chart')}>
      <header className="chart-head">
        <h2>{t('pods.chart')}</h2>
        <LifespanLegend />
        <a className="link-button" href="#pods-table">
          {t('chart.asTable')}
        </a>
      </header>
      <div className="lifespans">
        <ul className="lane-names" style={{ paddingBlockStart: lifespanAxisPixels }}>
          {layout.groups.map((group) => (
            <li
              key={`${group.service} ${group.firstLane}`}
              style={{ blockSize: group.laneCount * laneHeightPixels }}
            >
              <button
                type="button"
                className="lane-name"
                onClick={() => onService(group.service)}
                title={t('filter.only', { name: t('filter.service'), value: group.service })}
              >
                <ServiceName name={group.service} />
                <span className="count">{format.integer(group.pods.length)}</span>
              </button>
            </li>
          ))}
        </ul>
        <ChartView
          summary={t('pods.chartSummary', {
            count: pods.length,
            gone: pods.filter((pod) => pod.state === 'gone').length,
            failed: failedCount,
          })}
          heightPixels={lifespanAxisPixels + Math.max(layout.laneCount, 1) * laneHeightPixels}
          option={option}
          plotInsets={lifespanInsets}
          dragAxes="x"
          describeSelection={({ x }) => (x ? `${format.time(x[0])} – ${format.time(x[1])}` : '')}
          onSelect={({ x }) => x && time.setRange(absoluteRange({ fromMillis: x[0], toMillis: x[1] }))}
          onZoomOut={() => time.setRange(zoomOut(time.text, time.range, time.nowMillis))}
          onItemClick={({ seriesIndex, dataIndex }) => {
            const bar = seriesIndex === 0 ? layout.bars[dataIndex] : undefined
            if (bar) onOpen(bar.pod)
          }}
        />
      </div>
      {layout.omittedCount > 0 && (
        <PartialNotice>{t('pods.omitted', { count: layout.omittedCount })}</PartialNotice>
      )}
    </section>
  )
}

const LifespanLegend = () => {
  const { t } = useLocale()
  return (
    <ul className="legend">
      <li>
        <i className="legend-bar alive" />
        {t('pods.alive')}
      </li>
      <li className="error-text">
        <Icon name="gone" size={12} />
        <span className="legend-text">{t('pods.failed')}</span>
      </li>
      <li>
        <Icon name="gone" size={12} />
        {t('pods.ended')}
      </li>
      <li>
        <i className="legend-ring" />
        {t('pod.silent')}
      </li>
      <li className="legend-hint">{t('chart.dragTimeHint')}</li>
    </ul>
  )
}
