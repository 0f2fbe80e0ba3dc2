import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { SelfMetrics } from './self-metrics.ts'

const resolutionMillis = 10
const nanosPerSecond = 1e9
const microsPerSecond = 1e6

/**
 * What any process of ours says of itself, by OpenTelemetry's names: `nodejs.eventloop.delay.*` since the metrics were last
 * read, `process.cpu.time`, `process.memory.usage`. Gives what stops the watching.
 */
export const observeProcess = ({ meter }: SelfMetrics): (() => void) => {
  const delays = monitorEventLoopDelay({ resolution: resolutionMillis })
  delays.enable()
  const delayOf = (name: string) =>
    meter.createObservableGauge(`nodejs.eventloop.delay.${name}`, {
      description: 'How long the event loop was late, since the metrics were last read',
      unit: 's',
    })
  const [p50, p99, max] = [delayOf('p50'), delayOf('p99'), delayOf('max')]
  meter.addBatchObservableCallback(
    (result) => {
      if (delays.count === 0) return
      // The timer itself is due only once in a resolution: that much is no delay.
      const secondsOf = (nanos: number): number =>
        Math.max(0, nanos / nanosPerSecond - resolutionMillis / 1000)
      result.observe(p50, secondsOf(delays.percentile(50)))
      result.observe(p99, secondsOf(delays.percentile(99)))
      result.observe(max, secondsOf(delays.max))
      delays.reset()
    },
    [p50, p99, max],
  )
  meter
    .createObservableCounter('process.cpu.time', { description: 'CPU of this process', unit: 's' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage()
      result.observe(user / microsPerSecond, { 'cpu.mode': 'user' })
      result.observe(system / microsPerSecond, { 'cpu.mode': 'system' })
    })
  meter
    .createObservableUpDownCounter('process.memory.usage', {
      description: 'Resident memory of this process',
      unit: 'By',
    })
    .addCallback((result) => result.observe(process.memoryUsage.rss()))
  return () => delays.disable()
}
