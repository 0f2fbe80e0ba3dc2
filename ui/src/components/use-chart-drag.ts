import { useRef, useState, type PointerEvent } from 'react'

/** A part of a chart in the units of its axes, lower value first. An axis that the drag did not mean is absent. */
export interface ChartSelection {
  x?: [number, number]
  y?: [number, number]
}

/** From pixels of the chart to values of its axes. */
export type PixelConverter = (point: [number, number]) => [number, number] | undefined

export interface PlotInsets {
  left: number
  right: number
  top: number
  bottom: number
}

/** What is being dragged over, in pixels, and which axes it means. */
export interface DragBox {
  left: number
  top: number
  width: number
  height: number
  means: 'x' | 'y' | 'xy'
}

/** Less is a click. */
const dragPixelsMin = 5
/** A box that is flatter than this means the other axis only. */
const axisPixelsMin = 14

export const useChartDrag = ({
  axes,
  insets,
  convert,
  onSelect,
}: {
  axes: 'x' | 'xy'
  insets: PlotInsets
  convert: PixelConverter
  onSelect: (selection: ChartSelection) => void
}) => {
  const start = useRef<Point>(undefined)
  const [box, setBox] = useState<DragBox>()
  const selection = box && selectionOf(box, convert)
  const cancel = (): void => {
    start.current = undefined
    setBox(undefined)
  }
  return {
    box,
    selection,
    handlers: {
      onPointerDown: (event: PointerEvent<HTMLElement>) => {
        if (event.button === 0) start.current = pointIn(event, insets)
      },
      onPointerMove: (event: PointerEvent<HTMLElement>) => {
        if (!start.current) return
        const point = pointIn(event, insets)
        const isFar = Math.hypot(point.x - start.current.x, point.y - start.current.y) >= dragPixelsMin
        if (!box && !isFar) return
        // From here on the drag goes on outside the chart too.
        if (!box) event.currentTarget.setPointerCapture(event.pointerId)
        setBox(boxBetween(start.current, point, axes))
      },
      onPointerUp: () => {
        cancel()
        if (selection) onSelect(selection)
      },
      onPointerCancel: cancel,
      onKeyDown: (event: { key: string }) => {
        if (event.key === 'Escape') cancel()
      },
    },
  }
}

interface Point {
  x: number
  y: number
  plot: { left: number; right: number; top: number; bottom: number }
}

const pointIn = (event: PointerEvent<HTMLElement>, insets: PlotInsets): Point => {
  const outer = event.currentTarget.getBoundingClientRect()
  const plot = {
    left: insets.left,
    right: outer.width - insets.right,
    top: insets.top,
    bottom: outer.height - insets.bottom,
  }
  return {
    x: clamp(event.clientX - outer.left, plot.left, plot.right),
    y: clamp(event.clientY - outer.top, plot.top, plot.bottom),
    plot,
  }
}

/** A flat box is stretched over the whole axis that it does not mean. */
export const boxBetween = (from: Point, to: Point, axes: 'x' | 'xy'): DragBox => {
  const isFlat = axes === 'x' || Math.abs(to.y - from.y) < axisPixelsMin
  const isNarrow = !isFlat && Math.abs(to.x - from.x) < axisPixelsMin
  const left = isNarrow ? to.plot.left : Math.min(from.x, to.x)
  const right = isNarrow ? to.plot.right : Math.max(from.x, to.x)
  const top = isFlat ? to.plot.top : Math.min(from.y, to.y)
  const bottom = isFlat ? to.plot.bottom : Math.max(from.y, to.y)
  return { left, top, width: right - left, height: bottom - top, means: isFlat ? 'x' : isNarrow ? 'y' : 'xy' }
}

const selectionOf = (box: DragBox, convert: PixelConverter): ChartSelection | undefined => {
  const a = convert([box.left, box.top])
  const b = convert([box.left + box.width, box.top + box.height])
  if (!a || !b) return undefined
  return {
    ...(box.means === 'y' ? {} : { x: ordered(a[0], b[0]) }),
    ...(box.means === 'x' ? {} : { y: ordered(a[1], b[1]) }),
  }
}

const clamp = (value: number, min: number, max: number): number => Math.min(Math.max(value, min), max)
const ordered = (a: number, b: number): [number, number] => (a <= b ? [a, b] : [b, a])
