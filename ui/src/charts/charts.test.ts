import { describe, expect, test } from 'vitest'
import type { Pod, TraceSummary } from '../api.ts'
import { podTone } from '../components/pod-end.ts'
import { createFormat } from '../format.ts'
import { layoutLanes, lanesMax } from './lanes.ts'
import type { ChartPalette } from './palette.ts'
import { podLifespansOption } from './pod-lifespans.ts'
import { timeTicks } from './time-axis.ts'
import { renderTooltip, type ElementMaker } from './tooltip.ts'
import { splitTraces, traceScatterOption } from './trace-scatter.ts'

const format = createFormat({ locale: 'en', zone: 'utc' })
const palette: ChartPalette = {
  text: 'text',
  muted: 'muted',
  line: 'line',
  surface: 'surface',
  accent: 'accent',
  error: 'error',
  gone: 'gone',
  shade: 'shade',
  fontFamily: 'system-ui',
}
const startMillis = Date.UTC(2026, 10, 21, 3)
const range = { fromMillis: startMillis, toMillis: startMillis + 3_600_000 }
const unixNano = (millis: number): string => `${millis}000000`
const hostile = '<img src=x onerror=alert(1)>'

const summary = (more: Partial<TraceSummary>): TraceSummary => ({
  traceId: 'a'.repeat(32),
  startTimeUnixNano: unixNano(startMillis + 60_000),
  durationNanos: 5e6,
  rootService: 'cart',
  rootOperation: 'GET /cart',
  hasRoot: true,
  spanCount: 3,
  errorCount: 0,
  services: [],
  matchedSpan: {
    service: 'cart',
    operation: 'GET /cart',
    durationNanos: 5e6,
    startTimeUnixNano: unixNano(startMillis),
    isError: false,
  },
  podsGone: 0,
  podsFailed: 0,
  pods: [],
  ...more,
})

const pod = (uid: string, first: number, end: Pod['end'] | 'alive', serviceName = 'cart'): Pod => ({
  uid,
  name: uid,
  namespace: 'shop',
  node: 'n1',
  serviceName,
  serviceVersion: '1',
  environment: 'production',
  container: 'app',
  firstSeenTimeUnixNano: unixNano(first),
  lastSeenTimeUnixNano: end === 'alive' || end === null ? unixNano(range.toMillis) : end.timeUnixNano,
  state: end === 'alive' ? 'alive' : 'gone',
  end: end === 'alive' ? null : end,
  containerEnds: [],
  restartCount: 0,
})
const died = (
  atMillis: number,
  reason = 'OOMKilled',
  exitCode: number | null = 137,
  isFailure = reason === 'OOMKilled',
): NonNullable<Pod['end']> => ({
  timeUnixNano: unixNano(atMillis),
  reason,
  exitCode,
  signal: null,
  evidence: reason === 'Silent' ? 'silence' : 'pod-watch',
  isFailure,
})

/** A document that only remembers what was done to its elements; setting HTML is not among it. */
const recordingMaker = (): ElementMaker => ({
  createElement: (tag) => {
    const children: unknown[] = []
    return {
      tag,
      className: '',
      textContent: '',
      children,
      append: (...added: unknown[]) => children.push(...added),
      set innerHTML(_: string) {
        throw new Error('a tooltip never sets HTML')
      },
    } as unknown as HTMLElement
  },
})

const textsOf = (element: unknown): string[] => {
  const { textContent, children } = element as { textContent: string; children: unknown[] }
  return [textContent, ...children.flatMap(textsOf)].filter(Boolean)
}

describe('a tooltip', () => {
  test('shows a hostile span name as text', () => {
    const box = renderTooltip(
      { title: hostile, lines: [{ label: hostile, value: '"><script>', tone: 'error' }], hint: hostile },
      recordingMaker(),
    )
    expect(textsOf(box)).toEqual([hostile, hostile, '"><script>', hostile])
  })

  test('of both charts is the one that builds elements, and no other formatter is a string', () => {
    const scatter = traceScatterOption({
      traces: [summary({ rootOperation: hostile })],
      range,
      palette,
      format,
      widthPixels: 900,
      notLoadedBeforeMillis: startMillis + 10_000,
      describe: (trace) => ({ title: trace.rootOperation, lines: [] }),
      notLoadedLabel: hostile,
    })
    for (const formatter of formattersIn(scatter)) expect(typeof formatter).toBe('function')
    expect(JSON.stringify(scatter)).not.toContain('onerror')
  })
})

const formattersIn = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => (key === 'formatter' ? [inner] : formattersIn(inner)))
    : []

describe('the scatter of traces', () => {
  const fine = summary({ traceId: '1' })
  const failed = summary({ traceId: '2', errorCount: 1, durationNanos: 2e9 })
  const podFailed = summary({ traceId: '3', podsGone: 1, podsFailed: 1, durationNanos: 0 })
  const podGone = summary({ traceId: '4', podsGone: 1 })
  const option = traceScatterOption({
    traces: [fine, failed, podFailed, podGone],
    range,
    palette,
    format,
    widthPixels: 900,
    notLoadedBeforeMillis: undefined,
    describe: () => ({ title: '', lines: [] }),
    notLoadedLabel: '',
  }) as unknown as {
    xAxis: { min: number; max: number }
    yAxis: { min: number; max: number }
    series: {
      data: { value: number[] }[]
      itemStyle: { color: string }
      markArea?: unknown
      symbol?: string
    }[]
  }

  test('has a series for each kind, in the order in which clicks are looked up', () => {
    const split = splitTraces([fine, failed, podFailed, podGone])
    expect(split.map((traces) => traces.map(({ traceId }) => traceId))).toEqual([['1', '4'], ['2'], ['3']])
    expect(option.series.map(({ data }) => data.length)).toEqual([2, 1, 1])
  })

  test('is red where something failed, with a cross where that was a pod; a pod that is gone is no failure', () => {
    expect(option.series.map(({ itemStyle }) => itemStyle.color)).toEqual(['accent', 'error', 'error'])
    expect(option.series.map(({ symbol }) => symbol?.startsWith('path:') ?? false)).toEqual([
      false,
      false,
      true,
    ])
  })

  test('covers exactly the range and whole powers of ten', () => {
    expect(option.xAxis).toMatchObject({ min: range.fromMillis, max: range.toMillis })
    expect(option.yAxis).toMatchObject({ min: 1000, max: 1e10 })
  })

  test('gives a trace of no length a place on the logarithmic axis', () => {
    expect(option.series[2]?.data[0]?.value).toEqual([startMillis + 60_000, 1000])
  })

  test('marks nothing as missing when everything is loaded', () => {
    expect(option.series[0]?.markArea).toBeUndefined()
  })
})

describe('the lanes of pods', () => {
  const isFailed = (pod: Pod): boolean => podTone(pod) === 'failed'
  const minute = (count: number): number => startMillis + count * 60_000

  test('let a replacement follow the pod it replaced', () => {
    const layout = layoutLanes(
      [
        pod('old', minute(-5), died(minute(20))),
        pod('new', minute(22), 'alive'),
        pod('other', minute(10), 'alive'),
      ],
      range,
      isFailed,
    )
    expect(layout.bars.map(({ pod, lane }) => [pod.uid, lane])).toEqual([
      ['old', 0],
      ['other', 1],
      ['new', 0],
    ])
    expect(layout.bars[0]).toMatchObject({
      startMillis: range.fromMillis,
      startsBefore: true,
      endsInside: true,
    })
    expect(layout.bars[1]).toMatchObject({ endMillis: range.toMillis, endsInside: false })
  })

  test('put services with failures first', () => {
    const layout = layoutLanes(
      [pod('a', minute(1), 'alive', 'aaa'), pod('z', minute(1), died(minute(9)), 'zzz')],
      range,
      isFailed,
    )
    expect(layout.groups.map(({ service }) => service)).toEqual(['zzz', 'aaa'])
  })

  test('do not draw a death that happened after the range', () => {
    const layout = layoutLanes([pod('a', minute(1), died(minute(90)))], range, isFailed)
    expect(layout.bars[0]).toMatchObject({ endMillis: range.toMillis, endsInside: false })
  })

  test('are bounded, and what is left out is counted', () => {
    const pods = Array.from({ length: lanesMax + 7 }, (_, index) => pod(`p${index}`, minute(1), 'alive'))
    const layout = layoutLanes(pods, range, isFailed)
    expect(layout.laneCount).toBe(lanesMax)
    expect(layout.omittedCount).toBe(7)
  })

  test('are drawn with a mark at each end that lies inside', () => {
    const layout = layoutLanes(
      [
        pod('oom', minute(1), died(minute(5))),
        pod('done', minute(10), died(minute(12), 'Completed', 0)),
        pod('quiet', minute(20), died(minute(30), 'Silent', null)),
      ],
      range,
      isFailed,
    )
    const option = podLifespansOption({
      layout,
      range,
      palette,
      format,
      widthPixels: 900,
      selectedUid: undefined,
      tone: podTone,
      describe: () => ({ title: '', lines: [] }),
    }) as unknown as {
      series: {
        renderItem: (
          params: object,
          api: object,
        ) => { children: { type: string; style: { stroke?: string } }[] }
      }[]
    }
    const marks = [0, 1, 2].map((dataIndex) =>
      option.series[0]
        ?.renderItem({ dataIndex }, { coord: ([x, y]: number[]) => [x, y] })
        .children.slice(2)
        .map(({ type, style }) => `${type} ${style.stroke}`),
    )
    expect(marks).toEqual([['line error', 'line error'], ['line gone', 'line gone'], ['circle gone']])
  })
})

describe('a pod', () => {
  test.each([
    [died(1, 'OOMKilled', 137, true), 'failed'],
    [died(1, 'Completed', 0, false), 'ended'],
    [died(1, 'Error', 143, false), 'ended'],
    [died(1, 'Silent', null, false), 'silent'],
    ['alive', 'alive'],
  ] as const)('that ended with %j is %s', (end, tone) => {
    expect(podTone(pod('p', 0, end))).toBe(tone)
  })
})

test('ticks of time are round in the zone of the reader', () => {
  const { stepMillis, ticks } = timeTicks(range, { countMax: 6, offsetMillis: 0 })
  expect(stepMillis).toBe(600_000)
  expect(ticks[0]).toBe(startMillis)
  const days = timeTicks(
    { fromMillis: startMillis, toMillis: startMillis + 7 * 86_400_000 },
    { countMax: 8, offsetMillis: 9 * 3_600_000 },
  )
  expect(new Date(days.ticks[0] ?? 0).toISOString()).toBe('2026-11-21T15:00:00.000Z')
})
