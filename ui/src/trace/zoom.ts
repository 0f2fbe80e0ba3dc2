/** The part of a trace that is shown, in nanoseconds from its start. */
export interface ZoomWindow {
  startNanos: number
  endNanos: number
}

const zoomNanosMin = 100

export const wholeTrace = (durationNanos: number): ZoomWindow => ({ startNanos: 0, endNanos: durationNanos })

/** Reads `start-end`; anything outside the trace is cut, anything without a length means the whole trace. */
export const readZoom = (text: string | undefined, durationNanos: number): ZoomWindow => {
  const [start, end] = (text ?? '').split('-').map(Number)
  return clampZoom({ startNanos: start ?? 0, endNanos: end ?? durationNanos }, durationNanos)
}

/** Undefined for the whole trace, so that the URL stays short. */
export const writeZoom = (zoom: ZoomWindow, durationNanos: number): string | undefined =>
  zoom.startNanos <= 0 && zoom.endNanos >= durationNanos
    ? undefined
    : `${Math.round(zoom.startNanos)}-${Math.round(zoom.endNanos)}`

export const clampZoom = (zoom: ZoomWindow, durationNanos: number): ZoomWindow => {
  const startNanos = Math.max(0, Math.min(zoom.startNanos, zoom.endNanos))
  const endNanos = Math.min(durationNanos, Math.max(zoom.startNanos, zoom.endNanos))
  return endNanos - startNanos >= Math.min(zoomNanosMin, durationNanos)
    ? { startNanos, endNanos }
    : wholeTrace(durationNanos)
}

/** Makes the window `factor` times as long around its middle. */
export const scaleZoom = (zoom: ZoomWindow, factor: number, durationNanos: number): ZoomWindow => {
  const length = Math.max((zoom.endNanos - zoom.startNanos) * factor, zoomNanosMin)
  if (length >= durationNanos) return wholeTrace(durationNanos)
  const middle = (zoom.startNanos + zoom.endNanos) / 2
  return moveInside(middle - length / 2, length, durationNanos)
}

/** Moves the window by a share of its own length. */
export const panZoom = (zoom: ZoomWindow, share: number, durationNanos: number): ZoomWindow => {
  const length = zoom.endNanos - zoom.startNanos
  return moveInside(zoom.startNanos + share * length, length, durationNanos)
}

const moveInside = (start: number, length: number, durationNanos: number): ZoomWindow => {
  const startNanos = Math.max(0, Math.min(start, durationNanos - length))
  return { startNanos, endNanos: startNanos + length }
}

/** Round positions for a ruler: about `count` of them, one, two or five times a power of ten apart. */
export const rulerTicks = ({ startNanos, endNanos }: ZoomWindow, count: number): number[] => {
  const rough = (endNanos - startNanos) / count
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? power * 10
  const ticks: number[] = []
  for (let index = Math.ceil(startNanos / step); index * step <= endNanos; index += 1)
    ticks.push(index * step)
  return ticks
}
