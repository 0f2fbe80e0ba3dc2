import { appendFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/**
 * Loaded into the backend before the program, as it is: measures how late its event loop comes to its timers. At SIGUSR2 a line
 * is added to the file that the environment names, and the measuring begins anew.
 */
const file = process.env['EVENT_LOOP_DELAY_FILE']
const resolutionMillis = 5

const histogram = monitorEventLoopDelay({ resolution: resolutionMillis })
histogram.enable()

/** The histogram holds the whole time between two timers, of which the delay is what exceeds the resolution. */
const delayMillis = (nanos: number): number => Math.max(0, nanos / 1e6 - resolutionMillis)

if (file !== undefined) {
  process.on('SIGUSR2', () => {
    const delays = {
      p50: delayMillis(histogram.percentile(50)),
      p99: delayMillis(histogram.percentile(99)),
      max: delayMillis(histogram.max),
    }
    appendFileSync(file, `${JSON.stringify(delays)}\n`)
    histogram.reset()
  })
}
