import { useCallback, useEffect, useState, type RefObject } from 'react'

const rowsBeyond = 12

/** Which of many rows of one height are near the visible part of a scrolling element. */
export const useVirtualRows = ({
  scroller,
  count,
  rowPixels,
}: {
  scroller: RefObject<HTMLElement | null>
  count: number
  rowPixels: number
}) => {
  const [view, setView] = useState({ top: 0, height: 800 })
  useEffect(() => {
    const element = scroller.current
    if (!element) return undefined
    const update = (): void => setView({ top: element.scrollTop, height: element.clientHeight })
    update()
    element.addEventListener('scroll', update, { passive: true })
    const observer = new ResizeObserver(update)
    observer.observe(element)
    return () => {
      element.removeEventListener('scroll', update)
      observer.disconnect()
    }
  }, [scroller])

  const scrollToRow = useCallback(
    (index: number): void => {
      const element = scroller.current
      if (!element) return
      const top = index * rowPixels
      const bottom = top + rowPixels
      if (top < element.scrollTop) element.scrollTo({ top: Math.max(0, top - rowPixels) })
      else if (bottom > element.scrollTop + element.clientHeight)
        element.scrollTo({ top: bottom - element.clientHeight + rowPixels })
    },
    [scroller, rowPixels],
  )

  const first = Math.max(0, Math.floor(view.top / rowPixels) - rowsBeyond)
  const end = Math.min(count, Math.ceil((view.top + view.height) / rowPixels) + rowsBeyond)
  return { first, end: Math.max(end, first), totalPixels: count * rowPixels, scrollToRow }
}
