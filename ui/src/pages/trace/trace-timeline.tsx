import { useCallback, useMemo, useRef, useState } from 'react'
import { useLocale } from '../../messages/use-locale.tsx'
import type { SpanNode, TraceModel } from '../../trace/model.ts'
import { findSpans, reveal, visibleRows } from '../../trace/rows.ts'
import { readZoom, writeZoom, type ZoomWindow } from '../../trace/zoom.ts'
import type { TraceSearch } from '../../url/screens.ts'
import { MiniMap } from './mini-map.tsx'
import { useWaterfallKeys } from './use-waterfall-keys.ts'
import { Waterfall } from './waterfall.tsx'

/** The waterfall with its mini-map; knows which spans are folded, found and selected. */
export const TraceTimeline = ({
  model,
  search,
  onChange,
}: {
  model: TraceModel
  search: TraceSearch
  onChange: (part: TraceSearch, replace?: boolean) => void
}) => {
  const { t } = useLocale()
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(new Set())
  const [cursorId, setCursorId] = useState(search.span ?? model.nodes[0]?.span.spanId)
  const grid = useRef<HTMLDivElement>(null)
  const zoom = readZoom(search.zoom, model.durationNanos)
  const rows = useMemo(() => visibleRows(model.nodes, collapsed), [model, collapsed])
  const found = useMemo(() => findSpans(model.nodes, search.uiFind ?? ''), [model, search.uiFind])
  const cursor = rows.find((node) => node.span.spanId === cursorId) ?? rows[0]
  const isPanelOpen = search.span !== undefined

  // A span that was chosen elsewhere (a link, a log line, the panel) is unfolded and becomes the current row.
  const [followed, setFollowed] = useState(search.span)
  if (search.span !== followed) {
    setFollowed(search.span)
    const index = model.indexBySpanId.get(search.span ?? '')
    if (index !== undefined) {
      setCollapsed(reveal(model.nodes, collapsed, index))
      setCursorId(search.span)
    }
  }

  const moveTo = useCallback(
    (node: SpanNode) => {
      setCollapsed((collapsed) => reveal(model.nodes, collapsed, node.index))
      setCursorId(node.span.spanId)
      if (isPanelOpen) onChange({ span: node.span.spanId }, true)
    },
    [model, isPanelOpen, onChange],
  )
  const setZoom = (window: ZoomWindow): void => onChange({ zoom: writeZoom(window, model.durationNanos) })

  useWaterfallKeys({
    grid,
    model,
    rows,
    cursor,
    collapsed,
    found,
    zoom,
    onMove: moveTo,
    onCollapse: setCollapsed,
    onOpen: (node) => onChange({ span: node.span.spanId }, isPanelOpen),
    onClose: () => isPanelOpen && onChange({ span: undefined }, true),
    onZoom: (window) => onChange({ zoom: writeZoom(window, model.durationNanos) }, true),
  })

  return (
    <section className="timeline" aria-label={t('trace.timeline')}>
      <MiniMap model={model} zoom={zoom} onZoom={setZoom} />
      {search.uiFind && (
        <p className="find-count" role="status">
          {t('trace.found', { count: found.size })}
        </p>
      )}
      <Waterfall
        ref={grid}
        model={model}
        rows={rows}
        collapsed={collapsed}
        found={search.uiFind ? found : undefined}
        cursor={cursor}
        openSpanId={search.span}
        zoom={zoom}
        onZoom={setZoom}
        onSelect={(node) => {
          setCursorId(node.span.spanId)
          onChange({ span: node.span.spanId }, isPanelOpen)
        }}
        onToggle={(node) => {
          setCursorId(node.span.spanId)
          setCollapsed((collapsed) => toggled(collapsed, node.span.spanId))
        }}
      />
    </section>
  )
}

const toggled = (collapsed: ReadonlySet<string>, spanId: string): Set<string> => {
  const next = new Set(collapsed)
  if (!next.delete(spanId)) next.add(spanId)
  return next
}
