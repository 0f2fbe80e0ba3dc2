import { memo, type CSSProperties, type MouseEvent } from 'react'
import { Icon } from '../../components/icon.tsx'
import { PodChip } from '../../components/pod-chip.tsx'
import { serviceColour } from '../../components/service-colour.ts'
import { useLocale } from '../../messages/use-locale.tsx'
import { nanosBetween } from '../../time/nanos.ts'
import type { SpanNode } from '../../trace/model.ts'
import type { ZoomWindow } from '../../trace/zoom.ts'

/** Deeper levels are drawn no further to the right, so that names stay readable. */
const indentLevelsMax = 24
const eventMarksMax = 20
/** Room that the label of a bar needs, as a share of the column. */
const labelPercent = 16
const longLabelPercent = 40
export const waterfallRowPixels = 26

export const waterfallRowId = (node: SpanNode): string => `span-${node.span.spanId}`

interface RowProps {
  node: SpanNode
  row: number
  /** The row above in the tree is of the same service, so its name need not be said again. */
  isServiceKnown: boolean
  zoom: ZoomWindow
  traceNanos: number
  isCollapsed: boolean
  /** The row that the keyboard is on. */
  isCursor: boolean
  /** The row whose details are open. */
  isOpen: boolean
  /** A search is on and this row does not match. */
  isFaded: boolean
  onSelect: (node: SpanNode) => void
  onToggle: (node: SpanNode) => void
}

export const WaterfallRow = memo(
  ({
    node,
    row,
    isServiceKnown,
    zoom,
    isCollapsed,
    isCursor,
    isOpen,
    isFaded,
    onSelect,
    onToggle,
  }: RowProps) => {
    const { t } = useLocale()
    const { span } = node
    const classes = [
      'wf-row',
      isCursor && 'is-cursor',
      isOpen && 'is-open',
      isFaded && 'is-faded',
      node.isError && 'has-error',
    ]
    const toggle = (event: MouseEvent): void => {
      event.stopPropagation()
      onToggle(node)
    }
    return (
      // The grid that holds the focus handles the keys of its rows.
      // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
      <div
        role="row"
        id={waterfallRowId(node)}
        tabIndex={-1}
        className={classes.filter(Boolean).join(' ')}
        style={{ top: row * waterfallRowPixels, blockSize: waterfallRowPixels }}
        aria-level={node.depth + 1}
        aria-rowindex={row + 1}
        aria-selected={isCursor}
        aria-expanded={node.childCount > 0 ? !isCollapsed : undefined}
        onClick={() => onSelect(node)}
      >
        <div role="gridcell" className="wf-name" tabIndex={-1}>
          <Indent depth={node.depth} />
          {node.childCount > 0 ? (
            <button
              type="button"
              tabIndex={-1}
              className={isCollapsed ? 'wf-toggle is-collapsed' : 'wf-toggle'}
              onClick={toggle}
              aria-label={isCollapsed ? t('trace.expand') : t('trace.collapse')}
            >
              <Icon name="down" size={12} />
            </button>
          ) : (
            <span className="wf-toggle" />
          )}
          <span
            className="wf-colour"
            style={{ background: serviceColour(span.serviceName) }}
            aria-hidden="true"
          />
          {node.isError && (
            <span className="wf-error" title={span.statusMessage || t('trace.error')}>
              <Icon name="warning" size={13} />
              <span className="visually-hidden">{t('trace.error')}</span>
            </span>
          )}
          <span className={isServiceKnown ? 'visually-hidden' : 'wf-service'}>{span.serviceName}</span>
          <span className="wf-operation" title={span.name}>
            {span.name}
          </span>
          {isCollapsed && <HiddenCount node={node} />}
          {span.isParentMissing && (
            <span className="tag warn" title={t('trace.parentMissingHint', { id: span.parentSpanId })}>
              {t('trace.parentMissing')}
            </span>
          )}
        </div>
        <div role="gridcell" className="wf-pod" tabIndex={-1}>
          {node.pod && <PodChip pod={node.pod} isShort />}
        </div>
        <div role="gridcell" className="wf-time" tabIndex={-1}>
          <SpanBar node={node} zoom={zoom} />
        </div>
      </div>
    )
  },
)

const Indent = ({ depth }: { depth: number }) => (
  <span className="wf-indent" aria-hidden="true">
    {Array.from({ length: Math.min(depth, indentLevelsMax) }, (_, level) => (
      <i key={level} />
    ))}
  </span>
)

const HiddenCount = ({ node }: { node: SpanNode }) => {
  const { t } = useLocale()
  return (
    <span
      className={node.errorsBelow > 0 ? 'count error-text' : 'count'}
      title={t('trace.hiddenSpans', { count: node.descendantCount })}
    >
      +{node.descendantCount}
    </span>
  )
}

const SpanBar = ({ node, zoom }: { node: SpanNode; zoom: ZoomWindow }) => {
  const { t, format } = useLocale()
  const length = zoom.endNanos - zoom.startNanos
  const percent = (nanos: number): number => ((nanos - zoom.startNanos) / length) * 100
  const left = Math.max(percent(node.startNanos), 0)
  const right = Math.min(percent(node.endNanos), 100)
  const isOutside = percent(node.endNanos) < 0 || percent(node.startNanos) > 100
  if (isOutside) return <span className="wf-outside">{percent(node.startNanos) > 100 ? '→' : '←'}</span>
  const { span } = node
  const openTitle =
    node.drawnUntil === 'pod-end'
      ? t('trace.openUntilDeath', { duration: format.duration(node.endNanos - node.startNanos) })
      : span.isOpen
        ? t('span.open')
        : undefined
  const drawn = format.duration(node.endNanos - node.startNanos)
  // On the side with more room; a span without an end says so in words where they fit.
  const roomPercent = Math.max(100 - right, left)
  const side = 100 - right >= Math.min(left, labelPercent) ? 'after' : 'before'
  const isLong = span.isOpen && roomPercent >= longLabelPercent
  const place = roomPercent < labelPercent ? 'inside' : isLong && left > 100 - right ? 'before' : side
  const label = span.isOpen ? (isLong ? t('trace.openFor', { duration: drawn }) : `≥ ${drawn}`) : drawn
  return (
    <>
      <span
        className={[
          'wf-bar',
          span.isOpen && 'is-open-span',
          node.drawnUntil === 'pod-end' && 'ends-in-death',
          node.isError && 'is-error',
        ]
          .filter(Boolean)
          .join(' ')}
        title={openTitle}
        style={
          {
            left: `${left}%`,
            width: `max(${right - left}%, 2px)`,
            '--bar-colour': serviceColour(span.serviceName),
          } as CSSProperties
        }
      />
      <EventMarks node={node} percent={percent} />
      <span
        className={`wf-label ${place} ${span.isOpen ? 'on-hatch' : ''}`}
        style={
          place === 'after'
            ? { left: `${right}%` }
            : place === 'before'
              ? { right: `${100 - left}%` }
              : { right: `${100 - right}%` }
        }
      >
        {label}
      </span>
    </>
  )
}

const EventMarks = ({ node, percent }: { node: SpanNode; percent: (nanos: number) => number }) => (
  <>
    {node.span.events.slice(0, eventMarksMax).map((event, index) => {
      const at = percent(node.startNanos + nanosBetween(node.span.startTimeUnixNano, event.timeUnixNano))
      return (
        at >= 0 &&
        at <= 100 && (
          <span
            key={`${event.timeUnixNano}:${index}`}
            className={event.name === 'exception' ? 'wf-event is-exception' : 'wf-event'}
            style={{ left: `${at}%` }}
            title={event.name}
          />
        )
      )
    })}
  </>
)
