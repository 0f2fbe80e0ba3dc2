import type { EChartsCoreOption } from 'echarts/core'
import type { TraceSummary } from '../api.ts'
import type { Format } from '../format.ts'
import { millisOf } from '../time/nanos.ts'
import type { ResolvedRange } from '../time/range.ts'
import type { ChartPalette } from './palette.ts'
import { timeAxis } from './time-axis.ts'
import { textTooltip, type TooltipText } from './tooltip.ts'

export interface TraceScatterInput {
  traces: TraceSummary[]
  range: ResolvedRange
  palette: ChartPalette
  format: Format
  widthPixels: number
  /** Traces before this time were not loaded; that part is shaded. */
  notLoadedBeforeMillis: number | undefined
  describe: (trace: TraceSummary) => TooltipText
  notLoadedLabel: string
}

/** Room for the labels of the axes. */
export const scatterInsets = { left: 58, right: 14, top: 12, bottom: 26 }

/** A log axis has no zero; a trace shorter than this sits on the floor. */
const durationNanosMin = 1000

/** An X that is filled, because ECharts fills symbols. */
const failedPodSymbol = 'path://M2 0L5 3L8 0L10 2L7 5L10 8L8 10L5 7L2 10L0 8L3 5L0 2Z'

/** The traces of each series in the order of its points, to find the trace that was clicked. */
export const splitTraces = (traces: TraceSummary[]): [TraceSummary[], TraceSummary[], TraceSummary[]] => [
  traces.filter((trace) => trace.errorCount === 0 && trace.podsFailed === 0),
  traces.filter((trace) => trace.errorCount > 0 && trace.podsFailed === 0),
  traces.filter((trace) => trace.podsFailed > 0),
]

/** Start against duration, one point a trace: circles, red where a span failed, a red X where a pod of it failed. */
export const traceScatterOption = (input: TraceScatterInput): EChartsCoreOption => {
  const { traces, range, palette, format } = input
  const [fine, failed, podFailed] = splitTraces(traces)
  const point = (trace: TraceSummary) => ({
    value: [millisOf(trace.startTimeUnixNano), Math.max(trace.durationNanos, durationNanosMin)],
  })
  const common = {
    type: 'scatter' as const,
    cursor: 'pointer',
    // Points at the edge of the range are shown whole.
    clip: false,
    emphasis: { scale: 1.6, itemStyle: { opacity: 1, borderColor: palette.text, borderWidth: 1 } },
  }
  return {
    animation: false,
    textStyle: { fontFamily: palette.fontFamily },
    aria: { enabled: false },
    // Fixed edges: the pixels that a drag covers are counted from them.
    grid: { ...scatterInsets, outerBoundsMode: 'none' as const },
    xAxis: timeAxis(range, { palette, format, countMax: Math.max(3, Math.floor(input.widthPixels / 110)) }),
    yAxis: durationAxis(traces, palette, format),
    tooltip: textTooltip(({ seriesIndex, dataIndex }) => {
      const trace = [fine, failed, podFailed][seriesIndex]?.[dataIndex]
      return trace && input.describe(trace)
    }),
    series: [
      {
        ...common,
        symbolSize: 6,
        itemStyle: { color: palette.accent, opacity: 0.55 },
        data: fine.map(point),
        markArea: notLoadedArea(input),
      },
      {
        ...common,
        symbolSize: 7,
        itemStyle: { color: palette.error, opacity: 0.8 },
        data: failed.map(point),
      },
      {
        ...common,
        symbol: failedPodSymbol,
        symbolSize: 10,
        itemStyle: { color: palette.error, opacity: 0.95 },
        data: podFailed.map(point),
      },
    ],
  }
}

const durationAxis = (traces: TraceSummary[], palette: ChartPalette, format: Format) => {
  const durations = traces.map((trace) => Math.max(trace.durationNanos, durationNanosMin))
  const power = (round: (value: number) => number, value: number): number => 10 ** round(Math.log10(value))
  const lowest = durations.reduce((least, nanos) => Math.min(least, nanos), Infinity)
  const highest = durations.reduce((most, nanos) => Math.max(most, nanos), 0)
  const min = Number.isFinite(lowest) ? power(Math.floor, lowest) : 1e6
  const max = Math.max(highest > 0 ? power(Math.ceil, highest) : 1e9, min * 10)
  return {
    type: 'log' as const,
    logBase: 10,
    min,
    max,
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: palette.muted, fontSize: 11, formatter: (nanos: number) => format.duration(nanos) },
    splitLine: { show: true, lineStyle: { color: palette.line } },
  }
}

const notLoadedArea = ({ notLoadedBeforeMillis, notLoadedLabel, range, palette }: TraceScatterInput) =>
  notLoadedBeforeMillis === undefined || notLoadedBeforeMillis <= range.fromMillis
    ? undefined
    : {
        silent: true,
        itemStyle: { color: palette.shade },
        label: {
          color: palette.muted,
          fontSize: 11,
          position: 'insideTopLeft' as const,
          formatter: () => notLoadedLabel,
        },
        data: [[{ xAxis: range.fromMillis }, { xAxis: notLoadedBeforeMillis }]],
      }
