import { useRef, useState, type PointerEvent } from 'react'
import type { ZoomWindow } from '../../trace/zoom.ts'

const dragPixelsMin = 4

/** Dragging sideways over a strip that shows a stretch of time; the result is the stretch that was dragged over. */
export const useSpanDrag = (shown: ZoomWindow, onSelect: (window: ZoomWindow) => void) => {
  const start = useRef<number>(undefined)
  const [dragged, setDragged] = useState<{ from: number; to: number }>()
  const shareAt = (event: PointerEvent<HTMLElement>): number => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    return Math.min(Math.max((event.clientX - left) / width, 0), 1)
  }
  const nanosAt = (share: number): number => shown.startNanos + share * (shown.endNanos - shown.startNanos)
  const stop = (): void => {
    start.current = undefined
    setDragged(undefined)
  }
  return {
    /** Shares of the strip's width, lower first. */
    dragged: dragged && { from: Math.min(dragged.from, dragged.to), to: Math.max(dragged.from, dragged.to) },
    handlers: {
      onPointerDown: (event: PointerEvent<HTMLElement>) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        start.current = shareAt(event)
      },
      onPointerMove: (event: PointerEvent<HTMLElement>) => {
        const from = start.current
        if (from === undefined) return
        const to = shareAt(event)
        if (dragged || Math.abs(to - from) * event.currentTarget.clientWidth >= dragPixelsMin)
          setDragged({ from, to })
      },
      onPointerUp: () => {
        if (dragged)
          onSelect({
            startNanos: nanosAt(Math.min(dragged.from, dragged.to)),
            endNanos: nanosAt(Math.max(dragged.from, dragged.to)),
          })
        stop()
      },
      onPointerCancel: stop,
    },
  }
}
