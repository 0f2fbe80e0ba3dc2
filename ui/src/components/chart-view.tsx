import type { EChartsCoreOption } from 'echarts/core'
import { useEffect, useRef, useState } from 'react'
import { readPalette, type ChartPalette } from '../charts/palette.ts'
import { useLocale } from '../messages/use-locale.tsx'
import { themePreference } from '../preferences.ts'
import { useChartDrag, type ChartSelection, type PixelConverter } from './use-chart-drag.ts'

/** ECharts is fetched when the first chart appears. */
const engine = () => import('../charts/engine.ts')
type Chart = ReturnType<Awaited<ReturnType<typeof engine>>['init']>

export interface ChartViewProps {
  /** Says in a sentence what the picture shows; a canvas tells a screen reader nothing. */
  summary: string
  heightPixels: number
  option: (environment: { palette: ChartPalette; widthPixels: number }) => EChartsCoreOption
  /** Which part of the chart takes part in dragging, as pixel distances from its edges. */
  plotInsets: { left: number; right: number; top: number; bottom: number }
  dragAxes: 'x' | 'xy'
  describeSelection: (selection: ChartSelection) => string
  onSelect: (selection: ChartSelection) => void
  onZoomOut: () => void
  onItemClick: (target: { seriesIndex: number; dataIndex: number }) => void
}

export const ChartView = (props: ChartViewProps) => {
  const { t } = useLocale()
  const host = useRef<HTMLDivElement>(null)
  const chart = useRef<Chart>(undefined)
  const [widthPixels, setWidth] = useState(0)
  const [isReady, setReady] = useState(false)
  const palette = usePalette()
  const latest = useRef(props)
  useEffect(() => {
    latest.current = props
  })

  useEffect(() => {
    const element = host.current
    if (!element) return undefined
    let isGone = false
    void engine().then(({ init }) => {
      if (isGone) return
      const made = init(element, null, { renderer: 'canvas' })
      made.on('click', ({ seriesIndex, dataIndex }) => {
        if (seriesIndex !== undefined) latest.current.onItemClick({ seriesIndex, dataIndex })
      })
      chart.current = made
      setWidth(element.clientWidth)
      setReady(true)
    })
    const observer = new ResizeObserver(() => {
      chart.current?.resize()
      setWidth(element.clientWidth)
    })
    observer.observe(element)
    return () => {
      isGone = true
      observer.disconnect()
      chart.current?.dispose()
      chart.current = undefined
    }
  }, [])

  useEffect(() => {
    if (!isReady || widthPixels === 0) return
    chart.current?.resize()
    chart.current?.setOption(props.option({ palette, widthPixels }), { notMerge: true, lazyUpdate: false })
  }, [isReady, palette, widthPixels, props])

  const convert: PixelConverter = (point) =>
    chart.current?.convertFromPixel({ xAxisIndex: 0, yAxisIndex: 0 }, point) as [number, number] | undefined
  const drag = useChartDrag({
    axes: props.dragAxes,
    insets: props.plotInsets,
    convert,
    onSelect: (selection) => latest.current.onSelect(selection),
  })

  return (
    <div className="chart" style={{ blockSize: props.heightPixels }}>
      {/* Pointer gestures have their equals in the time picker and the filters. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        className="chart-canvas"
        role="img"
        aria-label={props.summary}
        aria-busy={!isReady}
        // Focusable, so that its summary is read.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        {...drag.handlers}
        onDoubleClick={props.onZoomOut}
      >
        <div ref={host} className="chart-host" aria-hidden="true" />
      </div>
      {!isReady && <div className="skeleton chart-skeleton" aria-label={t('loading')} />}
      {drag.box && (
        <div
          className="drag-box"
          style={{ left: drag.box.left, top: drag.box.top, width: drag.box.width, height: drag.box.height }}
        >
          {drag.selection && <span className="drag-label">{props.describeSelection(drag.selection)}</span>}
        </div>
      )}
    </div>
  )
}

const usePalette = (): ChartPalette => {
  const [palette, setPalette] = useState(readPalette)
  useEffect(() => {
    const update = (): void => setPalette(readPalette())
    const stop = themePreference.subscribe(update)
    const system = matchMedia('(prefers-color-scheme: dark)')
    system.addEventListener('change', update)
    return () => {
      stop()
      system.removeEventListener('change', update)
    }
  }, [])
  return palette
}
