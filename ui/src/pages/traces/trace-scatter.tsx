import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import type { TraceSummary } from '../../api.ts'
import { scatterInsets, splitTraces, traceScatterOption } from '../../charts/trace-scatter.ts'
import type { ChartPalette } from '../../charts/palette.ts'
import type { TooltipText } from '../../charts/tooltip.ts'
import { ChartView } from '../../components/chart-view.tsx'
import type { ChartSelection } from '../../components/use-chart-drag.ts'
import { useLocale } from '../../messages/use-locale.tsx'
import { traceSampleQuery } from '../../queries.ts'
import { millisOf } from '../../time/nanos.ts'
import { absoluteRange, zoomOut } from '../../time/range.ts'
import { useTimeRange } from '../../time/use-time-range.tsx'
import { writeDuration, type TracesSearch } from '../../url/screens.ts'

export const TraceScatter = ({
  traces: loaded,
  filters,
  hasMore,
  onChange,
}: {
  traces: TraceSummary[]
  filters: TracesSearch
  /** Older traces exist that were not loaded: a sample of the whole range is drawn instead. */
  hasMore: boolean
  onChange: (part: TracesSearch & { from?: string; to?: string }) => void
}) => {
  const { t, format } = useLocale()
  const time = useTimeRange()
  const navigate = useNavigate()
  const sample = useQuery({ ...traceSampleQuery(time.range, filters), enabled: hasMore })
  const sampled = hasMore ? sample.data?.traces : undefined
  const traces = sampled ?? loaded
  const oldestMillis =
    hasMore && !sampled
      ? loaded.reduce((least, trace) => Math.min(least, millisOf(trace.startTimeUnixNano)), Infinity)
      : undefined
  const [fine, failed, podFailed] = useMemo(() => splitTraces(traces), [traces])

  const describe = useCallback(
    (trace: TraceSummary): TooltipText => ({
      title: `${trace.rootService} ${trace.rootOperation}`,
      lines: [
        { label: t('trace.duration'), value: format.duration(trace.durationNanos) },
        { label: t('trace.started'), value: format.timeMillis(millisOf(trace.startTimeUnixNano)) },
        { label: t('trace.spans'), value: format.integer(trace.spanCount) },
        ...(trace.errorCount > 0
          ? [{ label: t('trace.errors'), value: format.integer(trace.errorCount), tone: 'error' as const }]
          : []),
        ...(trace.podsGone > 0
          ? [{ label: t('trace.podsGone'), value: format.integer(trace.podsGone) }]
          : []),
        ...(trace.podsFailed > 0
          ? [
              {
                label: t('traces.podsFailed'),
                value: format.integer(trace.podsFailed),
                tone: 'error' as const,
              },
            ]
          : []),
      ],
      hint: t('chart.clickTrace'),
    }),
    [t, format],
  )

  const option = useCallback(
    ({ palette, widthPixels }: { palette: ChartPalette; widthPixels: number }) =>
      traceScatterOption({
        traces,
        range: time.range,
        palette,
        format,
        widthPixels,
        notLoadedBeforeMillis: oldestMillis,
        describe,
        notLoadedLabel: sample.isError ? t('chart.notLoaded') : t('loading'),
      }),
    [traces, time.range, format, oldestMillis, describe, sample.isError, t],
  )

  const select = ({ x, y }: ChartSelection): void =>
    onChange({
      ...(x ? absoluteRange({ fromMillis: x[0], toMillis: x[1] }) : {}),
      ...(y ? { minDuration: writeDuration(y[0]), maxDuration: writeDuration(y[1]) } : {}),
    })
  const describeSelection = ({ x, y }: ChartSelection): string =>
    [
      x && `${format.time(x[0])} – ${format.time(x[1])}`,
      y && `${format.duration(y[0])} – ${format.duration(y[1])}`,
    ]
      .filter(Boolean)
      .join(' · ')

  return (
    <section className="chart-card" aria-label={t('traces.chart')}>
      <header className="chart-head">
        <h2>{t('traces.chart')}</h2>
        <ScatterLegend />
        {sampled && (
          <span className="chart-note" title={t('chart.sampleHint')}>
            {t('chart.sample', { count: sampled.length })}
          </span>
        )}
        <a className="link-button" href="#traces-table">
          {t('chart.asTable')}
        </a>
      </header>
      <ChartView
        summary={t('traces.chartSummary', {
          count: traces.length,
          errors: failed.length,
          failed: podFailed.length,
        })}
        heightPixels={200}
        option={option}
        plotInsets={scatterInsets}
        dragAxes="xy"
        describeSelection={describeSelection}
        onSelect={select}
        onZoomOut={() => time.setRange(zoomOut(time.text, time.range, time.nowMillis))}
        onItemClick={({ seriesIndex, dataIndex }) => {
          const trace = [fine, failed, podFailed][seriesIndex]?.[dataIndex]
          if (trace) void navigate({ to: '/traces/$traceId', params: { traceId: trace.traceId } })
        }}
      />
    </section>
  )
}

const ScatterLegend = () => {
  const { t } = useLocale()
  return (
    <ul className="legend">
      <li>
        <i className="legend-dot" />
        {t('traces.fine')}
      </li>
      <li>
        <i className="legend-dot error" />
        {t('traces.withError')}
      </li>
      <li>
        <svg className="legend-cross" width="9" height="9" viewBox="0 0 10 10" aria-hidden="true">
          <path d="M2 0 5 3 8 0l2 2-3 3 3 3-2 2-3-3-3 3-2-2 3-3-3-3z" />
        </svg>
        {t('traces.withFailedPod')}
      </li>
      <li className="legend-hint">{t('chart.dragHint')}</li>
    </ul>
  )
}
