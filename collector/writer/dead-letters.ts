import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { syncFolder } from '../queue/segment.ts'

/** Records that cannot be written are set aside as files, with the reason beside them; they never stop the others. */
export interface DeadLetters {
  add(signal: Signal, record: QueuedRecord, error: unknown): void
  /** Makes what was added durable. */
  flush(): Promise<void>
}

export const createDeadLetters = (settings: { dataDir: string; logger: Logger }): DeadLetters => {
  const folder = join(settings.dataDir, 'dead-letter')
  const waiting: { signal: Signal; record: QueuedRecord; reason: string }[] = []

  return {
    add: (signal, record, error) => {
      const reason = messageOf(error)
      settings.logger.error(
        { signal, offset: record.offset, reason },
        'a queued record cannot be decoded: it is set aside',
      )
      waiting.push({ signal, record, reason })
    },
    flush: async () => {
      if (waiting.length === 0) return
      await mkdir(folder, { recursive: true, mode: 0o700 })
      for (let letter = waiting[0]; letter !== undefined; letter = waiting[0]) {
        const { signal, record, reason } = letter
        const path = join(folder, `${signal}-${record.offset}`)
        const { offset, queuedAtMillis, tenant } = record
        await writeFile(`${path}.otlp`, record.payload, { flush: true })
        await writeFile(`${path}.json`, JSON.stringify({ signal, offset, queuedAtMillis, tenant, reason }), {
          flush: true,
        })
        waiting.shift()
      }
      await syncFolder(folder)
    },
  }
}
