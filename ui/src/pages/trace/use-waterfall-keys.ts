import { useEffect, useRef, type RefObject } from 'react'
import { isTyping } from '../../components/use-global-keys.ts'
import type { SpanNode, TraceModel } from '../../trace/model.ts'
import { collapseAll, collapseOneLevel, expandOneLevel } from '../../trace/rows.ts'
import { panZoom, scaleZoom, wholeTrace, type ZoomWindow } from '../../trace/zoom.ts'

export interface WaterfallKeys {
  grid: RefObject<HTMLElement | null>
  model: TraceModel
  rows: SpanNode[]
  cursor: SpanNode | undefined
  collapsed: ReadonlySet<string>
  found: ReadonlySet<string>
  zoom: ZoomWindow
  onMove: (node: SpanNode) => void
  onCollapse: (collapsed: ReadonlySet<string>) => void
  onOpen: (node: SpanNode) => void
  onClose: () => void
  onZoom: (zoom: ZoomWindow) => void
}

const pageRows = 15
const panShare = 0.25

/**
 * Jaeger's keys where they exist, and a tree's arrow keys. Letters work wherever the focus is on this screen; arrows
 * and Enter only where nothing else could want them.
 */
export const useWaterfallKeys = (keys: WaterfallKeys): void => {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return
      const isOurs =
        event.target === document.body || isWithin(event, latest.current.grid.current) || isMain(event)
      const act = letterActs[event.key] ?? (isOurs ? arrowActs[event.key] : undefined)
      if (!act) return
      event.preventDefault()
      act(latest.current)
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [])
}

const isWithin = (event: KeyboardEvent, element: HTMLElement | null): boolean =>
  element !== null && event.target instanceof Node && element.contains(event.target)
const isMain = (event: KeyboardEvent): boolean =>
  event.target instanceof HTMLElement && event.target.id === 'main'

type Act = (keys: WaterfallKeys) => void

const move =
  (step: number): Act =>
  ({ rows, cursor, onMove }) => {
    const at = cursor ? rows.indexOf(cursor) : -1
    const next = rows[Math.min(Math.max(at + step, 0), rows.length - 1)]
    if (next) onMove(next)
  }

/** To the next span in the whole trace, folded or not, that fulfils a condition; from the last on to the first. */
const jump =
  (wanted: (keys: WaterfallKeys, node: SpanNode) => boolean): Act =>
  (keys) => {
    const { nodes } = keys.model
    const from = (keys.cursor?.index ?? -1) + 1
    const next = [...nodes.slice(from), ...nodes.slice(0, from)].find((node) => wanted(keys, node))
    if (next) keys.onMove(next)
  }

const expand: Act = ({ cursor, collapsed, rows, onCollapse, onMove }) => {
  if (!cursor || cursor.childCount === 0) return
  if (collapsed.has(cursor.span.spanId))
    onCollapse(new Set([...collapsed].filter((id) => id !== cursor.span.spanId)))
  else {
    const child = rows[rows.indexOf(cursor) + 1]
    if (child) onMove(child)
  }
}

const collapse: Act = ({ cursor, collapsed, model, onCollapse, onMove }) => {
  if (!cursor) return
  if (cursor.childCount > 0 && !collapsed.has(cursor.span.spanId)) {
    onCollapse(new Set([...collapsed, cursor.span.spanId]))
    return
  }
  const parent = model.nodes[cursor.parentIndex]
  if (parent) onMove(parent)
}

const scale =
  (factor: number): Act =>
  ({ zoom, model, onZoom }) =>
    onZoom(scaleZoom(zoom, factor, model.durationNanos))
const pan =
  (share: number): Act =>
  ({ zoom, model, onZoom }) =>
    onZoom(panZoom(zoom, share, model.durationNanos))

const letterActs: Record<string, Act> = {
  f: move(1),
  b: move(-1),
  ']': ({ model, onCollapse }) => onCollapse(collapseAll(model.nodes)),
  '[': ({ onCollapse }) => onCollapse(new Set()),
  p: ({ model, collapsed, onCollapse }) => onCollapse(collapseOneLevel(model.nodes, collapsed)),
  o: ({ model, collapsed, onCollapse }) => onCollapse(expandOneLevel(model.nodes, collapsed)),
  n: jump(({ found }, node) => found.has(node.span.spanId)),
  e: jump((_, node) => node.isError),
  a: pan(-panShare),
  d: pan(panShare),
  '+': scale(0.5),
  '=': scale(0.5),
  '-': scale(2),
  '0': ({ model, onZoom }) => onZoom(wholeTrace(model.durationNanos)),
  Escape: ({ onClose }) => onClose(),
}

const arrowActs: Record<string, Act> = {
  ArrowDown: move(1),
  ArrowUp: move(-1),
  PageDown: move(pageRows),
  PageUp: move(-pageRows),
  Home: move(-Infinity),
  End: move(Infinity),
  ArrowRight: expand,
  ArrowLeft: collapse,
  Enter: ({ cursor, onOpen }) => cursor && onOpen(cursor),
}
