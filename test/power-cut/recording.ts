import { readFile } from 'node:fs/promises'

/** One change of a file or a name, or the beginning or end of a sync, as record-writes.c wrote it down. */
export type Entry = { clockNanos: number } & (
  | { kind: 'made'; what: 'file' | 'folder' | 'symlink'; inode: number; path: string; target: string }
  | { kind: 'wrote'; inode: number; offset: number; bytes: Buffer }
  /** Made as long as `size`, by losing its end or by zeroes. */
  | { kind: 'cut'; inode: number; size: number }
  | { kind: 'linked' | 'renamed' | 'exchanged'; from: string; to: string }
  | { kind: 'removed'; path: string }
  | { kind: 'syncBegan'; inode: number | 'all'; syncId: number }
  | { kind: 'syncEnded'; syncId: number }
)

const headBytes = 40

/** Whole entries only: the last one may have been torn by the kill. */
export const readRecording = async (logFile: string): Promise<Entry[]> => {
  const log = await readFile(logFile)
  const entries: Entry[] = []
  for (let position = 0; position + headBytes <= log.length;) {
    const pathBytes = log.readUInt32LE(position + 4)
    const dataBytes = Number(log.readBigUInt64LE(position + 8))
    const pathStart = position + headBytes
    const dataStart = pathStart + pathBytes
    const end = dataStart + dataBytes
    if (end > log.length) break
    const operation = log.readUInt32LE(position)
    const reader = readers[operation - 1]
    if (reader === undefined) throw new Error(`the recording has an entry of kind ${operation}`)
    entries.push(
      reader({
        clockNanos: Number(log.readBigUInt64LE(position + 16)),
        inode: Number(log.readBigUInt64LE(position + 24)),
        offset: Number(log.readBigUInt64LE(position + 32)),
        paths: log.toString('utf8', pathStart, dataStart).split('\0'),
        bytes: log.subarray(dataStart, end),
      }),
    )
    position = end
  }
  return entries
}

interface RawEntry {
  clockNanos: number
  inode: number
  offset: number
  paths: string[]
  bytes: Buffer
}

const made =
  (what: 'file' | 'folder' | 'symlink') =>
  ({ clockNanos, inode, paths: [path = ''], bytes }: RawEntry): Entry => ({
    kind: 'made',
    what,
    clockNanos,
    inode,
    path,
    target: bytes.toString(),
  })

const namesOfTwo =
  (kind: 'linked' | 'renamed' | 'exchanged') =>
  ({ clockNanos, paths: [from = '', to = ''] }: RawEntry): Entry => ({ kind, clockNanos, from, to })

/** In the order of `enum operation`, which begins at 1. */
const readers: readonly ((raw: RawEntry) => Entry)[] = [
  made('file'),
  made('folder'),
  made('symlink'),
  ({ clockNanos, inode, offset, bytes }) => ({ kind: 'wrote', clockNanos, inode, offset, bytes }),
  ({ clockNanos, inode, offset }) => ({ kind: 'cut', clockNanos, inode, size: offset }),
  namesOfTwo('linked'),
  namesOfTwo('renamed'),
  namesOfTwo('exchanged'),
  ({ clockNanos, paths: [path = ''] }) => ({ kind: 'removed', clockNanos, path }),
  ({ clockNanos, inode, offset }) => ({ kind: 'syncBegan', clockNanos, inode, syncId: offset }),
  ({ clockNanos, offset }) => ({ kind: 'syncEnded', clockNanos, syncId: offset }),
  ({ clockNanos, offset }) => ({ kind: 'syncBegan', clockNanos, inode: 'all', syncId: offset }),
]
