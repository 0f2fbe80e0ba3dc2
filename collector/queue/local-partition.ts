import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Unavailable, messageOf } from '#runtime/errors.ts'
import type { Logger } from '#runtime/logger.ts'
import { type Backlog, createBacklog } from './backlog.ts'
import { type EncodedEntry, type LogEntry, encodeEntry } from './log-entry.ts'
import { loadLogId } from './log-id.ts'
import { loadPosition, storePosition } from './position-file.ts'
import type { NewRecord, Position, QueueLag, QueuePartition, QueuedRecord, RangeLimits } from './queue.ts'
import { type RecentExports, contentHashOf, createRecentExports } from './recent-exports.ts'
import {
  type Cursor,
  type Segment,
  listSegments,
  readEntries,
  removeSegment,
  segmentPath,
  syncFolder,
} from './segment.ts'

export interface LocalPartitionSettings {
  name: string
  folder: string
  /** A segment is closed when it holds this many bytes. */
  segmentBytes: number
  /** Records that are not in the store yet may take this many bytes; beyond, appending is refused. */
  unwrittenBytesMax: number
  /** Records that wait for their fsync may take this many bytes of memory; beyond, appending is refused. */
  pendingBytesMax: number
  /** Told of every append before it is taken. @throws Unavailable when there is no room for it on the disk */
  admit?: ((byteCount: number) => void) | undefined
  logger: Logger
  now: () => number
  onSync?: (durationMillis: number, records: number) => void
}

export interface LocalPartition extends QueuePartition {
  append(record: NewRecord): Promise<'appended' | 'duplicate'>
  checkRoom(byteCount: number): void
  close(): Promise<void>
}

interface Pending extends EncodedEntry {
  queuedAtMillis: number
  done: PromiseWithResolvers<void>
}

/**
 * A partition of the queue as files: segments that are appended to, and the writer's position. An append is
 * acknowledged after the fsync that covers it; appends that come while an fsync runs share the next one.
 *
 * Opening cuts a torn tail off the last segment (an append that was never acknowledged). Damage elsewhere is reported
 * and reading goes on with the next segment.
 */
export const openLocalPartition = async (settings: LocalPartitionSettings): Promise<LocalPartition> => {
  const { logger, now } = settings
  await mkdir(settings.folder, { recursive: true })
  const identity = `${settings.name}@${await loadLogId(join(settings.folder, 'id'))}`
  const positionPath = join(settings.folder, 'position.json')
  let position: Position = (await loadPosition(positionPath)) ?? { next: 0 }

  const recentExports = createRecentExports()
  const segments = await listSegments(settings.folder)
  await syncLeftovers(settings.folder, segments.at(-1))
  const backlog = createBacklog()
  let nextOffset = await recover(segments, { recentExports, backlog, logger, position })
  /** Records before this one are on disk for good; those from here to `nextOffset` are pending. */
  let durableNext = nextOffset

  let active: { segment: Segment; file: FileHandle } | undefined
  let pending: Pending[] = []
  let pendingBytes = 0
  let flushing: Promise<void> | undefined
  let isClosed = false
  let cursor: (Cursor & { offset: number }) | undefined
  const arrivals = new Set<() => void>()

  const openSegment = async (): Promise<{ segment: Segment; file: FileHandle }> => {
    if (active !== undefined && active.segment.durableBytes < settings.segmentBytes) return active
    await active?.file.close()
    active = undefined
    const last = segments.at(-1)
    const firstOffset = durableNext
    const segment =
      last !== undefined && (last.durableBytes < settings.segmentBytes || last.firstOffset === firstOffset)
        ? last
        : { firstOffset, path: segmentPath(settings.folder, firstOffset), durableBytes: 0 }
    const file = await open(segment.path, 'a+')
    await file.truncate(segment.durableBytes)
    if (segment !== last) {
      await syncFolder(settings.folder)
      segments.push(segment)
    }
    active = { segment, file }
    return active
  }

  const flush = async (): Promise<void> => {
    try {
      for (let batch = pending; batch.length > 0; batch = pending) await flushBatch(batch)
    } finally {
      // In the same breath as the loop's last look: a record that comes later begins a flush of its own.
      flushing = undefined
    }
  }

  const flushBatch = async (batch: readonly Pending[]): Promise<void> => {
    const batchBytes = pendingBytes
    pending = []
    pendingBytes = 0
    try {
      const { segment, file } = await openSegment()
      for (const { sealed } of batch) await sealed
      const startedAt = performance.now()
      await writeAll(
        file,
        batch.flatMap((entry) => entry.parts),
      )
      await file.datasync()
      settings.onSync?.(performance.now() - startedAt, batch.length)
      segment.durableBytes += batchBytes
      backlog.add({
        offset: durableNext,
        queuedAtMillis: batch[0]?.queuedAtMillis ?? 0,
        byteCount: batchBytes,
      })
      durableNext += batch.length
      for (const entry of batch) entry.done.resolve()
      for (const wake of arrivals) wake()
    } catch (error) {
      await abandon(batch, error)
    }
  }

  /**
   * A failed write or fsync leaves the file's end in doubt. The segment is cut back to what is surely there and opened
   * anew; what came in meanwhile was numbered behind the failed records, so it fails with them.
   */
  const abandon = async (batch: readonly Pending[], cause: unknown): Promise<void> => {
    logger.error({ err: cause, partition: settings.name }, 'cannot append to the queue')
    const failed = [...batch, ...pending]
    pending = []
    pendingBytes = 0
    nextOffset = durableNext
    await active?.file.close().catch(() => undefined)
    active = undefined
    const error = new Unavailable(`cannot write to the queue: ${messageOf(cause)}`, { cause })
    for (const entry of failed) entry.done.reject(error)
  }

  const unwrittenBytes = (): number => bytesBehind(position.next)

  /** @throws Unavailable when so many bytes more cannot be taken now */
  const checkRoom = (byteCount: number): void => {
    if (isClosed) throw new Unavailable('the queue is closed')
    if (pendingBytes + byteCount > settings.pendingBytesMax)
      throw new Unavailable('the queue is busy: too many bytes wait to be written to disk')
    if (unwrittenBytes() + byteCount > settings.unwrittenBytesMax)
      throw new Unavailable('the queue is full: the store has fallen behind')
    // What is only asked for is not counted as let in.
    settings.admit?.(0)
  }

  const append = async (record: NewRecord): Promise<'appended' | 'duplicate'> => {
    const contentHash = record.mayRepeat === true ? '' : await contentHashOf(record.tenant, record.payload)
    // From here on in one go, so that what is checked still holds when the record is in line.
    if (isClosed) throw new Unavailable('the queue is closed')
    const queuedAtMillis = now()
    const known = contentHash === '' ? undefined : recentExports.find(contentHash, queuedAtMillis)
    if (known !== undefined) {
      await known
      return 'duplicate'
    }
    checkRoom(record.payload.length)
    settings.admit?.(record.payload.length)
    const entry: LogEntry = {
      offset: nextOffset,
      queuedAtMillis,
      contentHash,
      tenant: record.tenant,
      payload: record.payload,
    }
    nextOffset += 1
    const encoded = encodeEntry(entry)
    const done = Promise.withResolvers<void>()
    pending.push({ ...encoded, queuedAtMillis, done })
    pendingBytes += encoded.byteCount
    if (contentHash !== '') recentExports.add(contentHash, queuedAtMillis, done.promise)
    flushing ??= flush()
    await done.promise
    return 'appended'
  }

  const segmentOf = (offset: number): Segment | undefined =>
    segments.findLast((segment) => segment.firstOffset <= offset) ?? segments[0]

  /** Puts the cursor at the first entry whose offset is `offset` or higher. */
  const seek = async (offset: number): Promise<Cursor | undefined> => {
    // A copy: reading moves it, and one that fails half-way must begin here again.
    if (cursor?.offset === offset) return { ...cursor }
    const segment = segmentOf(offset)
    if (segment === undefined) return undefined
    const found: Cursor = { segment, bytePosition: 0 }
    await readEntries(found, segment.durableBytes, (entry) => entry.offset < offset)
    return found
  }

  const collect = async (from: number, limits: RangeLimits, lastOffset: number): Promise<QueuedRecord[]> => {
    const records: QueuedRecord[] = []
    let byteCount = 0
    const place = await seek(from)
    for (let at = place, next: Cursor | undefined; at !== undefined; at = next) {
      // Asked first: a segment that has a following one grows no more. One that gets it while this is read may have grown, too.
      next = following(at.segment)
      const outcome = await readEntries(at, at.segment.durableBytes, (entry, entryBytes) => {
        if (entry.offset < from) return true
        const isOver = records.length >= limits.recordsMax || byteCount + entryBytes > limits.bytesMax
        if (entry.offset > lastOffset || (isOver && records.length > 0)) return false
        const { offset, queuedAtMillis, tenant, payload } = entry
        records.push({ offset, queuedAtMillis, tenant, payload })
        byteCount += entryBytes
        return true
      })
      const last = records.at(-1)
      cursor = last === undefined ? undefined : { ...at, offset: last.offset + 1 }
      if (outcome === 'stopped') break
      if (outcome === 'damaged')
        logger.error(
          { partition: settings.name, segment: at.segment.path, bytePosition: at.bytePosition },
          'a segment of the queue is damaged; reading goes on with the next one',
        )
    }
    return records
  }

  const following = (segment: Segment): Cursor | undefined => {
    const next = segments[segments.indexOf(segment) + 1]
    return next === undefined ? undefined : { segment: next, bytePosition: 0 }
  }

  const arrival = async (signal: AbortSignal): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = (): void => resolve()
    arrivals.add(wake)
    signal.addEventListener('abort', wake)
    await promise
    // The signal lives as long as the writer: a listener left behind for each wait would add up.
    signal.removeEventListener('abort', wake)
    arrivals.delete(wake)
  }

  const bytesBehind = (from: number): number => (from >= durableNext ? 0 : backlog.bytesFrom(from))

  const savePosition = async (moved: Position): Promise<void> => {
    // A writer that was not waited for must not move what may be another process's by now.
    if (isClosed) throw new Unavailable('the queue is closed')
    await storePosition(positionPath, moved)
    position = moved
    backlog.forgetBefore(moved.next)
    // One whole segment is kept beyond need: it tells, after a restart, which exports were sent before.
    while (segments.length > 2 && (segments[2]?.firstOffset ?? Infinity) <= moved.next) {
      const oldest = segments.shift()
      if (oldest !== undefined) await removeSegment(oldest)
    }
  }

  return {
    name: settings.name,
    identity,
    append,
    checkRoom,
    position: () => position,
    savePosition,
    bytesBehind,
    read: async (from, limits, signal) => {
      while (!signal.aborted) {
        if (from < durableNext) {
          const records = await collect(from, limits, Infinity)
          if (records.length > 0) return records
          throw new Error(`cannot read ${settings.name} from record ${from} on: the log is damaged`)
        }
        await arrival(signal)
      }
      return []
    },
    readRange: async (first, last) => {
      const records = await collect(first, { recordsMax: Infinity, bytesMax: Infinity }, last)
      if (records.length !== last - first + 1)
        logger.error(
          { partition: settings.name, first, last, found: records.length },
          'records of the range that was being written are lost',
        )
      return records
    },
    lag: (): QueueLag => ({
      recordsBehind: durableNext - position.next,
      bytes: unwrittenBytes(),
      oldestUnwrittenAgeMillis: position.next < durableNext ? backlog.oldestAgeMillis(now()) : 0,
    }),
    close: async () => {
      isClosed = true
      await flushing
      await active?.file.close()
      active = undefined
    },
  }
}

/**
 * A process that was killed may have left names, and the last bytes, in memory only. From here on they count as durable:
 * an export that is sent again is acknowledged because it was found there, and the range that the position names is
 * written.
 */
const syncLeftovers = async (folder: string, last: Segment | undefined): Promise<void> => {
  await syncFolder(folder)
  if (last === undefined) return
  const file = await open(last.path, 'r')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}

const writeAll = async (file: FileHandle, parts: Uint8Array[]): Promise<void> => {
  const expected = parts.reduce((sum, part) => sum + part.length, 0)
  const { bytesWritten } = await file.writev(parts)
  if (bytesWritten === expected) return
  // A short write (a nearly full disk, or more than the system takes at once): the rest goes by itself.
  const rest = Buffer.concat(parts).subarray(bytesWritten)
  let written = 0
  while (written < rest.length) {
    const result = await file.write(rest, written, rest.length - written)
    written += result.bytesWritten
  }
}

/**
 * Finds where each segment ends, fills the window of recent exports, and says which offset comes next. Everything before
 * the position, and within the range that was being written, counts as known even when no segment holds it any more: an
 * offset that was given to another record would be passed over with the range.
 */
const recover = async (
  segments: Segment[],
  context: { recentExports: RecentExports; backlog: Backlog; logger: Logger; position: Position },
): Promise<number> => {
  const { next, intent } = context.position
  let nextOffset = Math.max(next, intent === undefined ? 0 : intent.last + 1)
  for (const segment of segments) {
    const cursor: Cursor = { segment, bytePosition: 0 }
    const { size } = await stat(segment.path)
    nextOffset = Math.max(nextOffset, segment.firstOffset)
    await readEntries(cursor, size, (entry, byteCount) => {
      nextOffset = Math.max(nextOffset, entry.offset + 1)
      if (entry.offset >= next)
        context.backlog.add({ offset: entry.offset, queuedAtMillis: entry.queuedAtMillis, byteCount })
      if (entry.contentHash !== '')
        context.recentExports.add(entry.contentHash, entry.queuedAtMillis, Promise.resolve())
      return true
    })
    segment.durableBytes = cursor.bytePosition
    if (cursor.bytePosition === size) continue
    const damage = { segment: segment.path, cutBytes: size - cursor.bytePosition }
    if (segment === segments.at(-1))
      context.logger.warn(
        damage,
        'the end of the queue is torn: bytes that were never acknowledged are cut off',
      )
    else context.logger.error(damage, 'a queue segment is damaged: the records behind the damage are lost')
  }
  return nextOffset
}
