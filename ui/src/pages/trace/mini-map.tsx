import { memo } from 'react'
import { serviceColour } from '../../components/service-colour.ts'
import { useLocale } from '../../messages/use-locale.tsx'
import type { TraceModel } from '../../trace/model.ts'
import { wholeTrace, type ZoomWindow } from '../../trace/zoom.ts'
import { useSpanDrag } from './use-span-drag.ts'

const heightUnits = 48
const widthUnits = 1000
const barsMax = 1500

/** The whole trace in a strip; dragging over it shows that part below, a double click shows everything again. */
export const MiniMap = ({
  model,
  zoom,
  onZoom,
}: {
  model: TraceModel
  zoom: ZoomWindow
  onZoom: (zoom: ZoomWindow) => void
}) => {
  const { t } = useLocale()
  const whole = wholeTrace(model.durationNanos)
  const drag = useSpanDrag(whole, onZoom)
  const percent = (nanos: number): string => `${(nanos / model.durationNanos) * 100}%`
  const isZoomed = zoom.startNanos > 0 || zoom.endNanos < model.durationNanos
  return (
    <div className="mini-map-row">
      {/* The keys + - 0 a d do the same. */}
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div
        className="mini-map"
        title={t('trace.miniMap')}
        {...drag.handlers}
        onDoubleClick={() => onZoom(whole)}
      >
        <Bars model={model} />
        {isZoomed && (
          <>
            <div className="mini-map-shade" style={{ left: 0, width: percent(zoom.startNanos) }} />
            <div className="mini-map-shade" style={{ left: percent(zoom.endNanos), right: 0 }} />
          </>
        )}
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
      {isZoomed && (
        <button type="button" className="button mini-map-reset" onClick={() => onZoom(whole)}>
          {t('trace.showAll')}
        </button>
      )}
    </div>
  )
}

const Bars = memo(({ model }: { model: TraceModel }) => {
  const stride = Math.ceil(model.nodes.length / barsMax)
  const rowHeight = heightUnits / model.nodes.length
  const x = (nanos: number): number => (nanos / model.durationNanos) * widthUnits
  return (
    <svg viewBox={`0 0 ${widthUnits} ${heightUnits}`} preserveAspectRatio="none" aria-hidden="true">
      {model.nodes
        .filter((node) => node.index % stride === 0 || node.isError)
        .map((node) => (
          <rect
            key={node.index}
            x={x(node.startNanos)}
            y={node.index * rowHeight}
            width={Math.max(x(node.endNanos - node.startNanos), 1.5)}
            height={Math.max(Math.min(rowHeight * 0.8, 4), 1)}
            style={{ fill: node.isError ? 'var(--error)' : serviceColour(node.span.serviceName) }}
            opacity={node.span.isOpen ? 0.5 : 1}
          />
        ))}
      {model.deaths.map(({ pod, atNanos, timeUnixNano, tone }) => (
        <line
          key={`${pod.uid} ${timeUnixNano}`}
          x1={x(atNanos)}
          x2={x(atNanos)}
          y1={0}
          y2={heightUnits}
          className={`mini-map-death ${tone}`}
        />
      ))}
    </svg>
  )
})
