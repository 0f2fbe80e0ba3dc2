import { expect, it } from 'vitest'
import { observeProcess } from './process-metrics.ts'
import { createSelfMetrics } from './self-metrics.ts'

/** The value of the first sample of this name. */
const sampleOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(text)?.[1])

it('tells by how much the event loop was held up since it was last asked, and what the process takes', async () => {
  const selfMetrics = createSelfMetrics()
  const stop = observeProcess(selfMetrics)
  const timers = (count: number) =>
    Array.fromAsync({ length: count }, () => new Promise((resolve) => setTimeout(resolve, 10)))
  await timers(3)
  await selfMetrics.render()
  await timers(3)
  const until = performance.now() + 150
  while (performance.now() < until);
  await timers(3)
  const held = await selfMetrics.render()
  expect(sampleOf(held, 'aftertrace_nodejs_eventloop_delay_max')).toBeGreaterThan(0.1)
  expect(sampleOf(held, 'aftertrace_process_memory_usage')).toBeGreaterThan(10_000_000)
  expect(sampleOf(held, 'aftertrace_process_cpu_time_total')).toBeGreaterThan(0.1)
  expect(held).toContain('service_name="aftertrace"')
  await timers(3)
  const free = await selfMetrics.render()
  expect(sampleOf(free, 'aftertrace_nodejs_eventloop_delay_max')).toBeLessThan(
    sampleOf(held, 'aftertrace_nodejs_eventloop_delay_max'),
  )
  stop()
  await selfMetrics.stop()
})
