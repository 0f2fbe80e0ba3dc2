import { describe, expect, test } from 'vitest'
import type { Pod, Span, Trace } from '../api.ts'
import { buildTraceModel } from './model.ts'
import { collapseAll, collapseOneLevel, expandOneLevel, findSpans, reveal, visibleRows } from './rows.ts'
import { clampZoom, panZoom, readZoom, rulerTicks, scaleZoom, writeZoom } from './zoom.ts'

const base = 1_760_000_000_000_000_000n
const at = (nanos: number): string => (base + BigInt(nanos)).toString()

const span = (
  spanId: string,
  parentSpanId: string,
  start: number,
  duration: number,
  more: Partial<Span> = {},
): Span => ({
  spanId,
  parentSpanId,
  name: `span ${spanId}`,
  kind: 'Internal',
  startTimeUnixNano: at(start),
  durationNanos: duration,
  isOpen: false,
  status: 'Unset',
  statusMessage: '',
  resourceId: 'r',
  serviceName: 'cart',
  podUid: '',
  scope: { name: '', version: '' },
  attributes: [],
  events: [],
  links: [],
  traceState: '',
  flags: 0,
  droppedCounts: { attributes: 0, events: 0, links: 0 },
  isParentMissing: false,
  ...more,
})

const deadPod = (uid: string, endNanos: number): Pod => ({
  uid,
  name: uid,
  namespace: '',
  node: '',
  serviceName: 'cart',
  serviceVersion: '',
  environment: '',
  container: '',
  firstSeenTimeUnixNano: at(0),
  lastSeenTimeUnixNano: at(endNanos),
  state: 'gone',
  end: {
    timeUnixNano: at(endNanos),
    reason: 'OOMKilled',
    exitCode: 137,
    signal: 9,
    evidence: 'pod-watch',
    isFailure: true,
  },
  containerEnds: [],
  restartCount: 0,
})

const trace = (spans: Span[], pods: Pod[] = []): Trace => ({
  traceId: 'a'.repeat(32),
  startTimeUnixNano: at(0),
  durationNanos: 0,
  spans,
  resources: {},
  pods: Object.fromEntries(pods.map((pod) => [pod.uid, pod])),
  isTruncated: false,
})

const ids = (nodes: { span: Span }[]): string[] => nodes.map((node) => node.span.spanId)

/** a > (b > (d, e), c) */
const family = buildTraceModel(
  trace([
    span('a', '', 0, 1000),
    span('c', 'a', 600, 300, { status: 'Error' }),
    span('b', 'a', 100, 400),
    span('e', 'b', 300, 50),
    span('d', 'b', 150, 50, { status: 'Error' }),
  ]),
)

describe('the tree of a trace', () => {
  test('puts parents before children and siblings in the order of their start', () => {
    expect(ids(family.nodes)).toEqual(['a', 'b', 'd', 'e', 'c'])
    expect(family.nodes.map((node) => node.depth)).toEqual([0, 1, 2, 2, 1])
    expect(family.nodes[0]).toMatchObject({ childCount: 2, descendantCount: 4, errorsBelow: 2 })
  })

  test('shows spans whose parent is missing, and spans that are their own ancestors', () => {
    const model = buildTraceModel(
      trace([
        span('orphan', 'lost', 0, 10),
        span('x', 'y', 5, 1),
        span('y', 'x', 6, 1),
        span('self', 'self', 7, 1),
      ]),
    )
    expect(ids(model.nodes).toSorted()).toEqual(['orphan', 'self', 'x', 'y'])
  })

  test('a chain of twenty thousand spans does not overflow the stack', () => {
    const spans = Array.from({ length: 20_000 }, (_, index) =>
      span(`s${index}`, index === 0 ? '' : `s${index - 1}`, index, 1),
    )
    expect(buildTraceModel(trace(spans)).nodes.at(-1)?.depth).toBe(19_999)
  })

  test('begins with its earliest span although the clock of another pod is behind', () => {
    const model = buildTraceModel(trace([span('a', '', 0, 100), span('b', 'a', -40, 10)]))
    expect(model.startTimeUnixNano).toBe(at(-40))
    expect(model.nodes[0]?.startNanos).toBe(40)
    expect(model.durationNanos).toBe(140)
  })
})

describe('a span without an end', () => {
  test('is drawn until its pod died, and the trace lasts until then', () => {
    const model = buildTraceModel(
      trace(
        [span('a', '', 0, 100), span('b', 'a', 50, 0, { isOpen: true, podUid: 'p' })],
        [deadPod('p', 700)],
      ),
    )
    expect(model.nodes[1]).toMatchObject({ endNanos: 700, drawnUntil: 'pod-end' })
    expect(model.durationNanos).toBe(700)
    expect(model.deaths.map(({ atNanos }) => atNanos)).toEqual([700])
  })

  test('is drawn to the end of the trace while its pod lives', () => {
    const model = buildTraceModel(trace([span('a', '', 0, 100), span('b', 'a', 50, 0, { isOpen: true })]))
    expect(model.nodes[1]).toMatchObject({ endNanos: 100, drawnUntil: 'trace-end' })
  })

  test('does not squash the rest when its pod died a day later', () => {
    const model = buildTraceModel(
      trace(
        [span('a', '', 0, 100), span('b', 'a', 50, 0, { isOpen: true, podUid: 'p' })],
        [deadPod('p', 86_400e9)],
      ),
    )
    expect(model.durationNanos).toBe(100)
    expect(model.deaths).toEqual([])
  })
})

describe('the deaths of a trace', () => {
  const containerEnd = (nanos: number, exitCode = 137) => ({
    container: 'app',
    timeUnixNano: at(nanos),
    reason: exitCode === 0 ? 'Completed' : 'OOMKilled',
    exitCode,
    signal: null,
    isFailure: exitCode !== 0,
  })

  test('include containers that were started again in the same pod, and each end once', () => {
    const pod: Pod = {
      ...deadPod('p', 900),
      containerEnds: [containerEnd(300), containerEnd(400, 0), containerEnd(900)],
    }
    const model = buildTraceModel(
      trace(
        [
          span('a', '', 0, 1000),
          span('b', 'a', 50, 0, { isOpen: true, podUid: 'p' }),
          span('c', 'a', 350, 0, { isOpen: true, podUid: 'p' }),
        ],
        [pod],
      ),
    )
    expect(model.deaths).toMatchObject([
      { atNanos: 300, reason: 'OOMKilled', tone: 'failed', exitCode: 137, isRestart: true },
      { atNanos: 900, tone: 'failed', isRestart: false },
    ])
    // Each span without an end ends with the life in which it began.
    expect(model.nodes.map((node) => node.endNanos)).toEqual([1000, 300, 900])
    expect(model.otherEnds).toEqual([])
    expect(model.podsFailed).toBe(1)
  })

  test('happen no earlier than the last thing the pod did in the second that was reported', () => {
    const model = buildTraceModel(
      trace(
        [
          span('a', '', 0, 5e9),
          span('b', 'a', 1e9, 1.6e9, { podUid: 'p' }),
          span('c', 'a', 3.2e9, 1, { podUid: 'q' }),
        ],
        [deadPod('p', 2e9)],
      ),
    )
    expect(model.deaths.map(({ atNanos }) => atNanos)).toEqual([2.6e9])
  })

  test('leave out those before and after it, which are told apart', () => {
    const silent: Pod = {
      ...deadPod('silent', 5000),
      end: {
        timeUnixNano: at(5000),
        reason: 'Silent',
        exitCode: null,
        signal: null,
        evidence: 'silence',
        isFailure: false,
      },
    }
    const model = buildTraceModel(
      trace([span('a', '', 0, 100)], [silent, deadPod('late', 2000), deadPod('skewed', -10)]),
    )
    expect(model.deaths).toEqual([])
    expect(model.otherEnds.map(({ pod, tone, reason }) => [pod.uid, tone, reason])).toEqual([
      ['skewed', 'failed', 'OOMKilled'],
      ['late', 'failed', 'OOMKilled'],
      ['silent', 'silent', ''],
    ])
    expect(model.podsGone).toHaveLength(3)
    expect(model.podsFailed).toBe(2)
  })
})

describe('rows', () => {
  test('leave out what is below a collapsed span', () => {
    expect(ids(visibleRows(family.nodes, new Set(['b'])))).toEqual(['a', 'b', 'c'])
    expect(ids(visibleRows(family.nodes, collapseAll(family.nodes)))).toEqual(['a'])
  })

  test('fold and unfold level by level', () => {
    const once = collapseOneLevel(family.nodes, new Set())
    expect([...once]).toEqual(['b'])
    const twice = collapseOneLevel(family.nodes, once)
    expect(ids(visibleRows(family.nodes, twice))).toEqual(['a'])
    expect(ids(visibleRows(family.nodes, expandOneLevel(family.nodes, twice)))).toEqual(['a', 'b', 'c'])
    expect(expandOneLevel(family.nodes, new Set())).toEqual(new Set())
  })

  test('a hidden span is revealed by unfolding its ancestors only', () => {
    const index = family.indexBySpanId.get('d') ?? -1
    expect([...reveal(family.nodes, new Set(['a', 'b', 'other']), index)]).toEqual(['other'])
  })

  test('spans are found by name, service, status and attributes', () => {
    const model = buildTraceModel(
      trace([
        span('a', '', 0, 10, { attributes: [{ key: 'http.route', value: '/Cart', type: 'string' }] }),
        span('b', 'a', 1, 1, { statusMessage: 'socket hang up' }),
      ]),
    )
    expect([...findSpans(model.nodes, 'http.route=/cart')]).toEqual(['a'])
    expect([...findSpans(model.nodes, 'HANG')]).toEqual(['b'])
    expect(findSpans(model.nodes, '  ').size).toBe(0)
  })
})

describe('the part that is shown', () => {
  test('is cut to the trace and never empty', () => {
    expect(readZoom('200-9000', 1000)).toEqual({ startNanos: 200, endNanos: 1000 })
    expect(readZoom('500-500', 1000)).toEqual({ startNanos: 0, endNanos: 1000 })
    expect(readZoom(undefined, 1000)).toEqual({ startNanos: 0, endNanos: 1000 })
    expect(clampZoom({ startNanos: 900, endNanos: 300 }, 1000)).toEqual({ startNanos: 300, endNanos: 900 })
  })

  test('the whole trace leaves no trace in the URL', () => {
    expect(writeZoom({ startNanos: 0, endNanos: 1000 }, 1000)).toBeUndefined()
    expect(writeZoom({ startNanos: 100, endNanos: 400 }, 1000)).toBe('100-400')
  })

  test('scales around its middle and stops at the edges', () => {
    expect(scaleZoom({ startNanos: 0, endNanos: 1000 }, 0.5, 1000)).toEqual({
      startNanos: 250,
      endNanos: 750,
    })
    expect(scaleZoom({ startNanos: 0, endNanos: 400 }, 2, 1000)).toEqual({ startNanos: 0, endNanos: 800 })
    expect(panZoom({ startNanos: 700, endNanos: 900 }, 5, 1000)).toEqual({ startNanos: 800, endNanos: 1000 })
  })

  test('has ticks at round times', () => {
    expect(rulerTicks({ startNanos: 0, endNanos: 4.8e9 }, 5)).toEqual([0, 1e9, 2e9, 3e9, 4e9])
    expect(rulerTicks({ startNanos: 130, endNanos: 190 }, 4)).toEqual([140, 160, 180])
  })
})
