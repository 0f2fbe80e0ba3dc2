import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { seededRandom } from '../harness/seeded-random.ts'
import { findCompiler } from './compiler.ts'

const run = promisify(execFile)
const source = fileURLToPath(new URL('record-disk.c', import.meta.url))
const diskMebibytes = 768
const sectorBytes = 512
/** Names are written when a sync asks for it, and not because some seconds have gone by. */
const mountOptions = 'commit=300'

/** A real file system (ext4) on a disk of its own that writes down what reaches it, and when it was told to flush. */
export interface RecordedDisk {
  /** What is written here is recorded. */
  path: string
  /** Gives what was recorded, once whoever had files open there has gone. */
  end(): Promise<DiskRecording>
}

export interface DiskRecording {
  entries: readonly DiskEntry[]
  /**
   * Makes the disk as it would be after a loss of power before this entry, and mounts it: what came before the last flush is
   * there, and some of what came after it. The file system does what it does after a loss of power.
   */
  mountAfter(cut: number, seed: number): Promise<{ path: string; unmount(): Promise<void> }>
  remove(): Promise<void>
}

export interface DiskEntry {
  clockNanos: number
  isFlush: boolean
  offset: number
  bytes: Buffer
}

/** @throws Error where the system does not let us make disks. */
export const recordDisk = async (): Promise<RecordedDisk> => {
  const folder = await mkdtemp(join(tmpdir(), 'aftertrace-recorded-disk-'))
  try {
    return await serveDisk(folder)
  } catch (error) {
    await unmount(join(folder, 'served')).catch(() => undefined)
    await rm(folder, { recursive: true })
    throw error
  }
}

const serveDisk = async (folder: string): Promise<RecordedDisk> => {
  const at = (name: string): string => join(folder, name)
  for (const name of ['served', 'mounted']) await mkdir(at(name))
  await run(await findCompiler(), ['-std=gnu11', '-O2', '-Wall', '-Werror', '-o', at('record-disk'), source])
  await run('truncate', ['-s', `${diskMebibytes}M`, at('empty')])
  await run('mkfs.ext4', ['-q', at('empty')])
  await run('cp', ['--sparse=always', at('empty'), at('disk')])
  const server = spawn(at('record-disk'), [at('disk'), at('log'), at('served')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let complaint = ''
  server.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const ended = once(server, 'close')
  await Promise.race([once(server.stdout, 'data'), ended])
  if (complaint !== '') throw new Error(complaint)
  await run('mount', ['-o', `loop,${mountOptions}`, at('served/disk'), at('mounted')])
  return {
    path: at('mounted'),
    end: async () => {
      for (const name of ['mounted', 'served']) await unmount(at(name))
      await ended
      return diskRecording(folder, await readDiskLog(at('log')))
    },
  }
}

/** Where somebody has a file open, once it is closed: but then what was recorded is not all, and so it fails. */
const unmount = async (path: string): Promise<void> => {
  try {
    await run('umount', [path])
  } catch (error) {
    await run('umount', ['--lazy', path])
    throw error
  }
}

const diskRecording = (folder: string, entries: readonly DiskEntry[]): DiskRecording => ({
  entries,
  mountAfter: async (cut, seed) => {
    const made = await mkdtemp(join(folder, 'cut-'))
    const image = join(made, 'disk')
    const path = join(made, 'mounted')
    await mkdir(path)
    await run('cp', ['--sparse=always', join(folder, 'empty'), image])
    await writeAll(image, survivingWrites(entries.slice(0, cut), seed))
    await run('mount', ['-o', 'loop', image, path])
    return {
      path,
      unmount: async () => {
        await unmount(path)
        await rm(made, { recursive: true })
      },
    }
  },
  remove: () => rm(folder, { recursive: true, force: true }),
})

/** All before the last flush; after it each by chance, and now and then some of its sectors. */
const survivingWrites = (entries: readonly DiskEntry[], seed: number): DiskEntry[] => {
  const random = seededRandom(seed)
  const share = random()
  const lastFlush = entries.findLastIndex(({ isFlush }) => isFlush)
  return entries.flatMap((entry, index) => {
    if (entry.isFlush) return []
    if (index < lastFlush) return [entry]
    if (random() > share) return []
    return random() < 0.8 ? [entry] : someSectors(entry, random)
  })
}

const someSectors = ({ offset, bytes, ...entry }: DiskEntry, random: () => number): DiskEntry[] => {
  const sectors: DiskEntry[] = []
  for (let start = 0; start < bytes.length; start += sectorBytes)
    if (random() < 0.5)
      sectors.push({ ...entry, offset: offset + start, bytes: bytes.subarray(start, start + sectorBytes) })
  return sectors
}

const writeAll = async (image: string, writes: readonly DiskEntry[]): Promise<void> => {
  const file = await open(image, 'r+')
  try {
    for (const { offset, bytes } of writes) await file.write(bytes, 0, bytes.length, offset)
  } finally {
    await file.close()
  }
}

const headBytes = 32
const flushKind = 2n

const readDiskLog = async (logFile: string): Promise<DiskEntry[]> => {
  const log = await readFile(logFile)
  const entries: DiskEntry[] = []
  for (let position = 0; position < log.length;) {
    const start = position + headBytes
    const end = start + Number(log.readBigUInt64LE(position + 24))
    entries.push({
      isFlush: log.readBigUInt64LE(position) === flushKind,
      clockNanos: Number(log.readBigUInt64LE(position + 8)),
      offset: Number(log.readBigUInt64LE(position + 16)),
      bytes: log.subarray(start, end),
    })
    position = end
  }
  return entries
}
