import type { EChartsCoreOption } from 'echarts/core'
import type { Pod } from '../api.ts'
import type { PodTone } from '../components/pod-end.ts'
import type { Format } from '../format.ts'
import type { ResolvedRange } from '../time/range.ts'
import type { LaneLayout, PodBar } from './lanes.ts'
import type { ChartPalette } from './palette.ts'
import { timeAxis } from './time-axis.ts'
import { textTooltip, type TooltipText } from './tooltip.ts'

export const laneHeightPixels = 18
export const lifespanAxisPixels = 26
/** Names stand outside on the left; the right has room for the mark of a death just now. */
export const lifespanInsets = { left: 0, right: 10, top: lifespanAxisPixels, bottom: 0 }
const barHeightPixels = 8
const markPixels = 4.5
const barPixelsMin = 3

export interface PodLifespansInput {
  layout: LaneLayout
  range: ResolvedRange
  palette: ChartPalette
  format: Format
  widthPixels: number
  selectedUid: string | undefined
  tone: (pod: Pod) => PodTone
  describe: (pod: Pod) => TooltipText
}

/** One bar a pod from its first sign of life to its last; the dead end in a mark that says how. */
export const podLifespansOption = (input: PodLifespansInput): EChartsCoreOption => {
  const { layout, range, palette, format } = input
  return {
    animation: false,
    textStyle: { fontFamily: palette.fontFamily },
    aria: { enabled: false },
    grid: { ...lifespanInsets, outerBoundsMode: 'none' as const },
    xAxis: {
      ...timeAxis(range, { palette, format, countMax: Math.max(3, Math.floor(input.widthPixels / 120)) }),
      position: 'top',
    },
    yAxis: {
      type: 'value',
      inverse: true,
      min: 0,
      max: Math.max(layout.laneCount, 1),
      show: false,
    },
    tooltip: textTooltip(({ dataIndex }) => {
      const bar = layout.bars[dataIndex]
      return bar && input.describe(bar.pod)
    }),
    series: [
      {
        type: 'custom',
        clip: false,
        cursor: 'pointer',
        data: layout.bars.map((bar) => ({ value: [bar.startMillis, bar.lane, bar.endMillis] })),
        encode: { x: [0, 2], y: 1 },
        renderItem: (params: { dataIndex: number }, api: CoordinateApi) => {
          const bar = layout.bars[params.dataIndex]
          return bar && drawBar(bar, input, api)
        },
      },
      separators(layout, palette),
    ],
  }
}

interface CoordinateApi {
  coord: (value: [number, number]) => number[]
}

const drawBar = (bar: PodBar, input: PodLifespansInput, api: CoordinateApi) => {
  const { palette } = input
  const tone = input.tone(bar.pod)
  const [left = 0, middle = 0] = api.coord([bar.startMillis, bar.lane + 0.5])
  const [right = 0] = api.coord([bar.endMillis, bar.lane + 0.5])
  const width = Math.max(right - left, barPixelsMin)
  const top = middle - barHeightPixels / 2
  const isSelected = bar.pod.uid === input.selectedUid
  const colour = tone === 'alive' ? palette.accent : palette.gone
  return {
    type: 'group' as const,
    children: [
      {
        // A taller invisible target: eight pixels are hard to hit.
        type: 'rect' as const,
        shape: { x: left - 2, y: middle - laneHeightPixels / 2, width: width + 8, height: laneHeightPixels },
        style: { fill: 'transparent' },
      },
      {
        type: 'rect' as const,
        shape: { x: left, y: top, width, height: barHeightPixels, r: corners(bar) },
        style: {
          fill: bar.endsInside ? colour : openEnd(colour),
          opacity: tone === 'alive' ? 0.85 : 0.5,
          ...(isSelected ? { stroke: palette.text, lineWidth: 1.5, opacity: 1 } : {}),
        },
      },
      ...(bar.endsInside ? endMark(tone, left + width, middle, palette) : []),
    ],
  }
}

/** Round where a life begins; square where the range cuts it. */
const corners = (bar: PodBar): [number, number, number, number] => {
  const start = bar.startsBefore ? 0 : 2
  return [start, 0, 0, start]
}

/** The last part fades: the pod lives on beyond what is drawn. */
const openEnd = (colour: string) => ({
  type: 'linear' as const,
  x: 0,
  y: 0,
  x2: 1,
  y2: 0,
  colorStops: [
    { offset: 0, color: colour },
    { offset: 0.94, color: colour },
    { offset: 1, color: fade(colour) },
  ],
})

/** The palette's colours are computed styles: `rgb(…)`, or `color(…)`/`oklch(…)` where the style sheet says so. */
const fade = (colour: string): string => colour.replace(/^rgb\((.*)\)$/, 'rgba($1, 0.25)')

const endMark = (tone: PodTone, x: number, y: number, palette: ChartPalette) => {
  if (tone === 'silent')
    return [
      {
        type: 'circle' as const,
        shape: { cx: x + 1, cy: y, r: markPixels - 0.5 },
        style: { fill: palette.surface, stroke: palette.gone, lineWidth: 1.6 },
      },
    ]
  const stroke = tone === 'failed' ? palette.error : palette.gone
  const line = (fromY: number, toY: number) => ({
    type: 'line' as const,
    shape: { x1: x - markPixels + 1, y1: y + fromY, x2: x + markPixels + 1, y2: y + toY },
    style: { stroke, lineWidth: 2.2, lineCap: 'round' as const },
  })
  return [line(-markPixels, markPixels), line(markPixels, -markPixels)]
}

/** A hairline above each service. */
const separators = (layout: LaneLayout, palette: ChartPalette) => ({
  type: 'custom' as const,
  silent: true,
  clip: false,
  tooltip: { show: false },
  data: layout.groups.map((group) => [group.firstLane]),
  encode: { y: 0 },
  renderItem: (params: { dataIndex: number; coordSys: { x: number; width: number } }, api: CoordinateApi) => {
    const lane = layout.groups[params.dataIndex]?.firstLane ?? 0
    const [, y = 0] = api.coord([0, lane])
    const { x, width } = params.coordSys
    return {
      type: 'line' as const,
      shape: { x1: x, y1: Math.round(y) + 0.5, x2: x + width + 10, y2: Math.round(y) + 0.5 },
      style: { stroke: palette.line, lineWidth: 1 },
    }
  },
})
