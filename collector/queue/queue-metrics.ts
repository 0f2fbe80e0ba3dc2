import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { QueueConsumer } from './queue.ts'

const millisPerSecond = 1000

/** How far the writer of each partition is behind, as gauges. */
export const observeQueue = (queue: Pick<QueueConsumer, 'lags'>, { meter }: SelfMetrics): void => {
  const records = meter.createObservableGauge('queue_records_behind', {
    description: 'Records of the partition that are not yet in the store',
  })
  const bytes = meter.createObservableGauge('queue_bytes_behind', {
    description: 'Bytes of the partition that are not yet in the store',
    unit: 'By',
  })
  const age = meter.createObservableGauge('queue_oldest_unwritten_age', {
    description: 'Age of the oldest record of the partition that is not yet in the store; 0 when all are',
    unit: 's',
  })
  meter.addBatchObservableCallback(
    (result) => {
      for (const lag of queue.lags()) {
        const labels = { topic: lag.topic, partition: lag.partition }
        result.observe(records, lag.recordsBehind, labels)
        result.observe(bytes, lag.bytes, labels)
        result.observe(age, lag.oldestUnwrittenAgeMillis / millisPerSecond, labels)
      }
    },
    [records, bytes, age],
  )
}
