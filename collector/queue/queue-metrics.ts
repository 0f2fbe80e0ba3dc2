import type { SelfMetrics } from '#runtime/self-metrics.ts'
import { signals } from '#telemetry/otlp/messages.ts'
import { type Queue, topicBySignal } from './queue.ts'

const millisPerSecond = 1000

/** How far each topic's writer is behind, as gauges. */
export const observeQueue = (queue: Queue, { meter }: SelfMetrics): void => {
  const records = meter.createObservableGauge('queue_records_behind', {
    description: 'Records of the topic that are not yet in the store',
  })
  const bytes = meter.createObservableGauge('queue_bytes_behind', {
    description: 'Bytes of the topic that are not yet in the store',
    unit: 'By',
  })
  const age = meter.createObservableGauge('queue_oldest_unwritten_age', {
    description: 'Age of the oldest record of the topic that is not yet in the store; 0 when all are',
    unit: 's',
  })
  meter.addBatchObservableCallback(
    (result) => {
      for (const signal of signals) {
        const lag = queue.partition(signal).lag()
        const labels = { topic: topicBySignal[signal] }
        result.observe(records, lag.recordsBehind, labels)
        result.observe(bytes, lag.bytes, labels)
        result.observe(age, lag.oldestUnwrittenAgeMillis / millisPerSecond, labels)
      }
    },
    [records, bytes, age],
  )
}
