import { type FileHandle, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type LogEntry, decodeEntry } from './log-entry.ts'

export { syncFolder } from '#runtime/sync-folder.ts'

/** A file of the log. It holds the entries from `firstOffset` on, up to the next segment's. */
export interface Segment {
  readonly firstOffset: number
  readonly path: string
  /** Bytes that are on disk for good; what lies behind them does not exist for readers. */
  durableBytes: number
}

const suffix = '.log'
const readChunkBytes = 1 << 20

export const segmentPath = (folder: string, firstOffset: number): string =>
  join(folder, `${String(firstOffset).padStart(20, '0')}${suffix}`)

/** The segments of a folder in order, their bytes not yet checked. */
export const listSegments = async (folder: string): Promise<Segment[]> => {
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix)).toSorted()
  return names.map((name) => ({
    firstOffset: Number(name.slice(0, -suffix.length)),
    path: join(folder, name),
    durableBytes: 0,
  }))
}

/** Where reading of a segment goes on. */
export interface Cursor {
  segment: Segment
  bytePosition: number
}

/**
 * Entries from the cursor on, as long as `take` asks for more; moves the cursor past each entry taken. Stops at the end
 * of the durable bytes, or at a damaged entry, which it reports.
 */
export const readEntries = async (
  cursor: Cursor,
  durableBytes: number,
  take: (entry: LogEntry, byteCount: number) => boolean,
): Promise<'end' | 'stopped' | 'damaged'> => {
  const file = await open(cursor.segment.path, 'r')
  try {
    let byteEnd = durableBytes
    let chunkBytes = readChunkBytes
    while (cursor.bytePosition < byteEnd) {
      const wantedBytes = Math.min(chunkBytes, byteEnd - cursor.bytePosition)
      const bytes = await readAt(file, cursor.bytePosition, wantedBytes)
      // The file is shorter than it was: nothing behind this point can be had.
      if (bytes.length < wantedBytes) byteEnd = cursor.bytePosition + bytes.length
      let position = 0
      for (;;) {
        const decoded = decodeEntry(bytes, position)
        if (decoded.kind === 'damaged') return 'damaged'
        if (decoded.kind === 'incomplete') {
          if (position === bytes.length) break
          if (cursor.bytePosition + decoded.byteCount > byteEnd) return 'damaged'
          chunkBytes = Math.max(readChunkBytes, decoded.byteCount)
          break
        }
        if (!take(decoded.entry, decoded.byteCount)) return 'stopped'
        position += decoded.byteCount
        cursor.bytePosition += decoded.byteCount
      }
    }
    return 'end'
  } finally {
    await file.close()
  }
}

const readAt = async (file: FileHandle, position: number, byteCount: number): Promise<Buffer> => {
  const buffer = Buffer.allocUnsafe(byteCount)
  let filled = 0
  while (filled < byteCount) {
    const { bytesRead } = await file.read(buffer, filled, byteCount - filled, position + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

export const removeSegment = (segment: Segment): Promise<void> => rm(segment.path, { force: true })
