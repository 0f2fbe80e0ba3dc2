import { expect, test } from 'vitest'
import type { Pod, Service } from '../api.ts'
import { countReasons, filterByState, sortPods } from './pods/order.ts'
import { matchServices, serviceId, sortServices } from './services/order.ts'

const service = (name: string, more: Partial<Service> = {}): Service => ({
  name,
  namespace: 'shop',
  environment: 'production',
  spanCount: 1,
  requestCount: 1,
  errorCount: 0,
  requestsPerSecond: 1,
  errorShare: 0,
  latencyNanos: { p50: 1, p95: 2, p99: 3 },
  podCount: 0,
  podsGone: 0,
  firstSeenTimeUnixNano: '1000000',
  lastSeenTimeUnixNano: '2000000',
  versions: [],
  ...more,
})

const pod = (name: string, state: Pod['state'], end: Pod['end'] = null): Pod => ({
  uid: name,
  name,
  namespace: '',
  node: '',
  serviceName: 'cart',
  serviceVersion: '',
  environment: '',
  container: '',
  firstSeenTimeUnixNano: '1000000',
  lastSeenTimeUnixNano: '2000000',
  state,
  end,
  restartCount: 0,
})
const end = (reason: string, exitCode: number | null, millis = 5): NonNullable<Pod['end']> => ({
  timeUnixNano: `${millis}000000`,
  reason,
  exitCode,
  signal: null,
  evidence: reason === 'Silent' ? 'silence' : 'pod-watch',
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

test('pods: those that died last come first, the living at the end', () => {
  const pods = [
    pod('alive', 'alive'),
    pod('early', 'gone', end('Error', 1, 3)),
    pod('late', 'gone', end('Error', 1, 9)),
  ]
  expect(sortPods(pods, { column: 'ended', isDescending: true }).map(({ name }) => name)).toEqual([
    'late',
    'early',
    'alive',
  ])
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
