import { useEffect, useRef, type CSSProperties, type Ref } from 'react'
import { useVirtualRows } from '../../components/use-virtual-rows.ts'
import { Icon } from '../../components/icon.tsx'
import { useLocale } from '../../messages/use-locale.tsx'
import { nameColumnPreference, usePreference } from '../../preferences.ts'
import type { SpanNode, TraceModel } from '../../trace/model.ts'
import { rulerTicks, wholeTrace, type ZoomWindow } from '../../trace/zoom.ts'
import { ColumnResizer } from './column-resizer.tsx'
import { useSpanDrag } from './use-span-drag.ts'
import { WaterfallRow, waterfallRowId, waterfallRowPixels } from './waterfall-row.tsx'

export interface WaterfallProps {
  ref: Ref<HTMLDivElement>
  model: TraceModel
  rows: SpanNode[]
  collapsed: ReadonlySet<string>
  /** Present while a search is on: the spans that match. */
  found: ReadonlySet<string> | undefined
  cursor: SpanNode | undefined
  openSpanId: string | undefined
  zoom: ZoomWindow
  onZoom: (zoom: ZoomWindow) => void
  onSelect: (node: SpanNode) => void
  onToggle: (node: SpanNode) => void
}

export const Waterfall = ({
  ref,
  model,
  rows,
  collapsed,
  found,
  cursor,
  openSpanId,
  zoom,
  onZoom,
  onSelect,
  onToggle,
}: WaterfallProps) => {
  const { t } = useLocale()
  const nameWidth = usePreference(nameColumnPreference)
  const scroller = useRef<HTMLDivElement>(null)
  const { first, end, totalPixels, scrollToRow } = useVirtualRows({
    scroller,
    count: rows.length,
    rowPixels: waterfallRowPixels,
  })
  const cursorRow = cursor ? rows.indexOf(cursor) : -1
  useEffect(() => {
    if (cursorRow >= 0) scrollToRow(cursorRow)
  }, [cursorRow, scrollToRow])

  const ticks = rulerTicks(zoom, 5)
  return (
    <div className="waterfall" style={{ '--name-width': `${nameWidth}px` } as CSSProperties}>
      <div className="waterfall-head">
        <div className="waterfall-name-head">{t('trace.serviceAndOperation')}</div>
        <ColumnResizer />
        <div className="waterfall-pod-head">{t('filter.pod')}</div>
        <Ruler model={model} zoom={zoom} ticks={ticks} onZoom={onZoom} />
      </div>
      <div className="waterfall-scroll" ref={scroller}>
        <div
          ref={ref}
          role="treegrid"
          className="waterfall-grid"
          tabIndex={0}
          aria-label={t('trace.timelineLabel', { count: model.nodes.length })}
          aria-rowcount={rows.length}
          aria-activedescendant={cursor && waterfallRowId(cursor)}
          style={{ blockSize: totalPixels }}
        >
          <TimeLines zoom={zoom} ticks={ticks} />
          {rows.slice(first, end).map((node, offset) => (
            <WaterfallRow
              key={node.span.spanId}
              node={node}
              row={first + offset}
              isServiceKnown={model.nodes[node.parentIndex]?.span.serviceName === node.span.serviceName}
              zoom={zoom}
              traceNanos={model.durationNanos}
              isCollapsed={collapsed.has(node.span.spanId)}
              isCursor={node === cursor}
              isOpen={node.span.spanId === openSpanId}
              isFaded={found !== undefined && !found.has(node.span.spanId)}
              onSelect={onSelect}
              onToggle={onToggle}
            />
          ))}
          <DeathLines model={model} zoom={zoom} />
        </div>
      </div>
    </div>
  )
}

const shareOf = (nanos: number, { startNanos, endNanos }: ZoomWindow): number =>
  (nanos - startNanos) / (endNanos - startNanos)

const Ruler = ({
  model,
  zoom,
  ticks,
  onZoom,
}: {
  model: TraceModel
  zoom: ZoomWindow
  ticks: number[]
  onZoom: (zoom: ZoomWindow) => void
}) => {
  const { t, format } = useLocale()
  const drag = useSpanDrag(zoom, onZoom)
  const deathShares = visibleDeaths(model, zoom).map(({ share }) => share)
  return (
    // Dragging here zooms like dragging over the mini-map; the keys do the same.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      className="ruler"
      title={t('trace.rulerHint')}
      {...drag.handlers}
      onDoubleClick={() => onZoom(wholeTrace(model.durationNanos))}
    >
      {ticks
        .filter((nanos) => shareOf(nanos, zoom) < 0.94 && !isCovered(shareOf(nanos, zoom), deathShares))
        .map((nanos) => (
          <span key={nanos} className="ruler-tick" style={{ left: `${shareOf(nanos, zoom) * 100}%` }}>
            {nanos === 0 ? '0' : format.duration(nanos)}
          </span>
        ))}
      <DeathMarks model={model} zoom={zoom} />
      {drag.dragged && (
        <div
          className="mini-map-drag"
          style={{
            left: `${drag.dragged.from * 100}%`,
            width: `${(drag.dragged.to - drag.dragged.from) * 100}%`,
          }}
        />
      )}
    </div>
  )
}

/** Whether the label of a tick would lie under the mark of a death, which stands on the side with more room. */
const isCovered = (tick: number, deaths: number[]): boolean =>
  deaths.some((death) =>
    death > 0.5 ? tick > death - 0.28 && tick < death + 0.01 : tick > death - 0.07 && tick < death + 0.28,
  )

const TimeLines = ({ zoom, ticks }: { zoom: ZoomWindow; ticks: number[] }) => (
  <div className="time-lines" aria-hidden="true">
    {ticks.map((nanos) => (
      <span key={nanos} style={{ left: `${shareOf(nanos, zoom) * 100}%` }} />
    ))}
  </div>
)

const visibleDeaths = (model: TraceModel, zoom: ZoomWindow) =>
  model.deaths
    .map((death) => ({ ...death, share: shareOf(death.atNanos, zoom) }))
    .filter(({ share }) => share >= 0 && share <= 1)

const DeathLines = ({ model, zoom }: { model: TraceModel; zoom: ZoomWindow }) => (
  <div className="time-lines deaths" aria-hidden="true">
    {visibleDeaths(model, zoom).map(({ pod, share, tone, timeUnixNano }) => (
      <span key={`${pod.uid} ${timeUnixNano}`} className={tone} style={{ left: `${share * 100}%` }} />
    ))}
  </div>
)

const DeathMarks = ({ model, zoom }: { model: TraceModel; zoom: ZoomWindow }) => {
  const { t, format } = useLocale()
  return visibleDeaths(model, zoom).map((death) => {
    const { pod, share, tone, atNanos, timeUnixNano } = death
    const reason = death.reason || t('pod.silent')
    return (
      <span
        key={`${pod.uid} ${timeUnixNano}`}
        className={`death-mark ${tone} ${share > 0.5 ? 'to-left' : ''}`}
        style={{ left: `${share * 100}%` }}
        title={t('trace.diedAt', { pod: pod.name, reason, at: format.duration(atNanos) })}
      >
        <Icon name="gone" size={12} />
        {`${pod.serviceName || pod.name} ${reason}`}
      </span>
    )
  })
}
