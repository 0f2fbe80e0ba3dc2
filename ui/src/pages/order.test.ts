import { expect, test } from 'vitest'
import type { Pod, Service } from '../api.ts'
import { countReasons, filterByState, sortPods } from './pods/order.ts'
import { matchServices, serviceId, sortServices } from './services/order.ts'

const service = (name: string, more: Partial<Service> = {}): Service => ({
  name,
  namespace: 'shop',
  environment: 'production',
  spanCount: 1,
  countedSpanCount: 1,
  isEstimated: false,
  requestCount: 1,
  errorCount: 0,
  requestsPerSecond: 1,
  errorShare: 0,
  latencyNanos: { p50: 1, p95: 2, p99: 3 },
  podCount: 0,
  podsGone: 0,
  podsFailed: 0,
  firstSeenTimeUnixNano: '1000000',
  lastSeenTimeUnixNano: '2000000',
  versions: [],
  ...more,
})

const pod = (name: string, state: Pod['state'], end: Pod['end'] = null, firstMillis = 1): Pod => ({
  uid: name,
  name,
  namespace: '',
  node: '',
  serviceName: 'cart',
  serviceVersion: '',
  environment: '',
  container: '',
  firstSeenTimeUnixNano: `${firstMillis}000000`,
  lastSeenTimeUnixNano: '2000000',
  state,
  end,
  containerEnds: [],
  restartCount: 0,
})
const end = (reason: string, exitCode: number | null, millis = 5): NonNullable<Pod['end']> => ({
  timeUnixNano: `${millis}000000`,
  reason,
  exitCode,
  signal: null,
  evidence: reason === 'Silent' ? 'silence' : 'pod-watch',
  isFailure: exitCode !== null && exitCode > 0,
})

test('services without latency sort below those with one', () => {
  const sorted = sortServices([service('quiet', { latencyNanos: null }), service('busy')], {
    column: 'p99',
    isDescending: true,
  })
  expect(sorted.map(({ name }) => name)).toEqual(['busy', 'quiet'])
})

test('services are found by all words, in name, namespace and environment', () => {
  const all = [service('cart'), service('cart', { environment: 'staging' })]
  expect(matchServices(all, 'CART stag')).toHaveLength(1)
  expect(matchServices(all, '')).toHaveLength(2)
  expect(new Set(all.map(serviceId)).size).toBe(2)
})

test('services with failed pods come before those with many that are gone', () => {
  const all = [
    service('calm'),
    service('busy', { podsGone: 9 }),
    service('failing', { podsGone: 1, podsFailed: 1 }),
  ]
  const sorted = sortServices(all, { column: 'pods', isDescending: true })
  expect(sorted.map(({ name }) => name)).toEqual(['failing', 'busy', 'calm'])
})

test('pods: failed ones come first, then the living, then the silent, then those that ended well', () => {
  const pods = [
    pod('completed', 'gone', end('Completed', 0, 99)),
    pod('born early', 'alive', null, 3),
    pod('failed early', 'gone', end('Error', 1, 3)),
    pod('silent', 'gone', end('Silent', null, 50)),
    pod('born late', 'alive', null, 8),
    pod('failed late', 'gone', end('Error', 1, 9)),
  ]
  const names = ['failed late', 'failed early', 'born late', 'born early', 'silent', 'completed']
  const sorted = sortPods(pods, { column: 'state', isDescending: false })
  expect(sorted.map(({ name }) => name)).toEqual(names)
  const reversed = sortPods(pods, { column: 'state', isDescending: true })
  expect(reversed.map(({ name }) => name)).toEqual(names.toReversed())
})

test('pods: failed is a part of gone, and reasons are counted, failures first', () => {
  const pods = [
    pod('a', 'alive'),
    pod('b', 'gone', end('Completed', 0)),
    pod('c', 'gone', end('Completed', 0)),
    pod('d', 'gone', end('OOMKilled', 137)),
    pod('e', 'gone', end('Silent', null)),
  ]
  expect(filterByState(pods, 'gone')).toHaveLength(4)
  expect(filterByState(pods, 'failed').map(({ name }) => name)).toEqual(['d'])
  expect(countReasons(pods)).toEqual([
    { reason: 'OOMKilled', isFailure: true, count: 1 },
    { reason: 'Completed', isFailure: false, count: 2 },
    { reason: '', isFailure: false, count: 1 },
  ])
})
