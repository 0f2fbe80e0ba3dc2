import { mkdir, stat } from 'node:fs/promises'
import { messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import type { SelfMetrics } from '#runtime/self-metrics.ts'
import type { Signal } from '#telemetry/otlp/messages.ts'
import type { QueuedRecord } from '../queue/queue.ts'
import { syncFolder } from '../queue/segment.ts'
import {
  type DeadLetter,
  type DeadLetterCause,
  deadLetterFolder,
  listDeadLetters,
  nameOf,
  removeLeftovers,
  writeDeadLetter,
} from './dead-letter-files.ts'

/** Records that cannot be written are set aside as files, with the reason beside them; they never stop the others. */
export interface DeadLetters {
  add(letter: NewDeadLetter): void
  /** Resolves once everything that was added before is durable. What could not be written is left to the next call. */
  flush(): Promise<void>
  usage(): Promise<DeadLetterUsage>
}

export interface NewDeadLetter {
  signal: Signal
  /** The identity of its queue partition, such as `otlp_spans/0@5ea1c0ffee00`. */
  partition: string
  record: QueuedRecord
  cause: DeadLetterCause
  error: unknown
}

export interface DeadLetterUsage {
  count: number
  bytes: number
  bytesMax: number
  /** Records for which there was no room, since the start of this process. They are lost. */
  droppedCount: number
  /** The youngest, at most `latestMax`, youngest first. */
  latest: DeadLetter[]
}

export interface DeadLettersSettings {
  dataDir: string
  logger: Logger
  selfMetrics?: SelfMetrics
  bytesMax?: number
}

const bytesMaxDefault = 256 << 20
/** Beyond these, letters are so many that looking at them one by one is over. */
const lettersMax = 10_000
const latestMax = 200
const reasonCharactersMax = 2000

/**
 * Dead letters of the embedded queue, under `DATA_DIR/dead-letter`. Bounded: when they are full, what was set aside first
 * stays, because it says how it began, and what comes is dropped, logged and counted; the store goes on either way.
 */
export const createDeadLetters = (settings: DeadLettersSettings): DeadLetters => {
  const { logger } = settings
  const bytesMax = settings.bytesMax ?? bytesMaxDefault
  const folder = deadLetterFolder(settings.dataDir)
  const waiting: { letter: DeadLetter; payload: Uint8Array }[] = []
  /** Folders with names in them that may not survive loss of power yet. */
  const unsynced = new Set<string>()
  let flushing: Promise<void> = Promise.resolve()
  let droppedCount = 0
  let isFull = false
  /** What lies in the folder, as it was when the folder had this time: a replay takes letters away meanwhile. */
  let known: { letters: Map<string, DeadLetter>; bytes: number; changedAtMillis: number } | undefined

  const counter = settings.selfMetrics?.meter.createCounter('writer_dead_letters', {
    description: 'Queued records that were set aside, by cause, and whether there was room to keep them',
  })
  settings.selfMetrics?.meter
    .createObservableGauge('dead_letters', { description: 'Records that are set aside' })
    .addCallback(async (result) => result.observe((await usage()).count))
  settings.selfMetrics?.meter
    .createObservableGauge('dead_letter_bytes', { description: 'Bytes of records set aside', unit: 'By' })
    .addCallback(async (result) => result.observe((await usage()).bytes))
  settings.selfMetrics?.meter
    .createObservableGauge('dead_letter_bytes_max', {
      description: 'Bytes of records that may be set aside',
      unit: 'By',
    })
    .addCallback((result) => result.observe(bytesMax))

  const tidy = async (): Promise<void> => {
    try {
      const removed = await removeLeftovers(folder)
      if (removed.length > 0) logger.info({ removed }, 'removed what a crash left of dead letters')
    } catch (error) {
      logger.warn({ err: error }, `cannot remove what a crash left of dead letters: ${messageOf(error)}`)
    }
  }
  // Before anything is written: a letter that is being written looks the same.
  const tidied = tidy()

  const lookAtFolder = async () => {
    await tidied
    const changedAtMillis = await changeTimeOf(folder)
    if (known?.changedAtMillis === changedAtMillis) return known
    const letters = new Map((await listDeadLetters(folder)).map((letter) => [letter.name, letter]))
    let bytes = 0
    for (const { byteCount } of letters.values()) bytes += byteCount
    known = { letters, bytes, changedAtMillis }
    return known
  }

  const writeWaiting = async (): Promise<void> => {
    if (waiting.length > 0) await writeAll()
    // Kept until it succeeded: a flush that is repeated because this failed has nothing left to write.
    for (const each of unsynced) {
      await syncFolder(each)
      unsynced.delete(each)
    }
  }

  const writeAll = async (): Promise<void> => {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    // The folder itself may be there since a moment ago, made by a process that was killed.
    unsynced.add(folder).add(settings.dataDir)
    const before = await lookAtFolder()
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const { letter, payload } = next
      const name = nameOf(letter)
      const isKnown = before.letters.has(name)
      const hasRoom = before.bytes + letter.byteCount <= bytesMax && before.letters.size < lettersMax
      if (isKnown || hasRoom) await writeDeadLetter(folder, letter, payload)
      else drop(letter)
      if (!isKnown && hasRoom) {
        before.letters.set(name, letter)
        before.bytes += letter.byteCount
        isFull = false
      }
      // Written again after a crash, it was counted by the process before.
      if (!isKnown)
        counter?.add(1, {
          signal: letter.signal,
          cause: letter.cause,
          outcome: hasRoom ? 'kept' : 'dropped',
        })
      waiting.shift()
    }
    before.changedAtMillis = await changeTimeOf(folder)
  }

  const drop = ({ signal, offset, reason }: DeadLetter): void => {
    droppedCount += 1
    if (!isFull)
      logger.error(
        { signal, offset, reason, bytesMax, lettersMax },
        'dead letters are full: this record and those that follow are lost; replay or remove some (aftertrace replay --dead-letter)',
      )
    isFull = true
  }

  const usage = async (): Promise<DeadLetterUsage> => {
    const { letters, bytes } = await lookAtFolder()
    const latest = [...letters.values()]
      .toSorted((a, b) => b.queuedAtMillis - a.queuedAtMillis)
      .slice(0, latestMax)
    return { count: letters.size, bytes, bytesMax, droppedCount, latest }
  }

  return {
    add: ({ signal, partition, record, cause, error }) => {
      const { offset, queuedAtMillis, tenant, payload } = record
      const reason = messageOf(error).slice(0, reasonCharactersMax)
      logger.error({ signal, offset, cause, reason }, 'a queued record cannot be written: it is set aside')
      const letter: DeadLetter = {
        signal,
        logId: partition.slice(partition.lastIndexOf('@') + 1),
        offset,
        queuedAtMillis,
        tenant,
        cause,
        reason,
        byteCount: payload.length,
      }
      waiting.push({ letter, payload })
    },
    flush: async () => {
      // One at a time: writers of all signals flush, and each has to find its own on disk.
      flushing = flushing.catch(() => undefined).then(writeWaiting)
      await flushing
    },
    usage,
  }
}

/** 0 while the folder is not there. */
const changeTimeOf = async (folder: string): Promise<number> => {
  try {
    return (await stat(folder)).mtimeMs
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
