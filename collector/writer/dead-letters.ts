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
  /** Resolves once everything that was added before is durable. What could not be written is left to the next call. */
  flush(): Promise<void>
}

export const createDeadLetters = (settings: { dataDir: string; logger: Logger }): DeadLetters => {
  const folder = join(settings.dataDir, 'dead-letter')
  const waiting: { signal: Signal; record: QueuedRecord; reason: string }[] = []
  let flushing: Promise<void> = Promise.resolve()

  const writeWaiting = async (): Promise<void> => {
    if (waiting.length === 0) return
    const isNew = (await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined
    const letters = [...waiting]
    for (const { signal, record, reason } of letters) {
      const { offset, queuedAtMillis, tenant, payload } = record
      const path = join(folder, `${signal}-${offset}`)
      const about = JSON.stringify({ signal, offset, queuedAtMillis, tenant, reason })
      await writeFile(`${path}.otlp`, payload, { flush: true })
      await writeFile(`${path}.json`, about, { flush: true })
    }
    await syncFolder(folder)
    if (isNew) await syncFolder(settings.dataDir)
    waiting.splice(0, letters.length)
  }

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
      // One at a time: writers of all signals flush, and each has to find its own on disk.
      flushing = flushing.catch(() => undefined).then(writeWaiting)
      await flushing
    },
  }
}
