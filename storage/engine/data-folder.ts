import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** Where the embedded engine keeps its tables, in a data folder. */
export const chdbPath = (dataDir: string): string => join(resolve(dataDir), 'chdb')

/** Where bytes wait for the engine to read them, as it takes none beside a statement. */
export interface BlockFolders {
  /** Undefined where the system has no memory as a folder. */
  memory: string | undefined
  disk: string
}

/**
 * Of a data folder. The one in memory is named after it, so that what a killed process left there is cleared by the next that
 * opens the same store.
 */
export const blockFolders = (dataDir: string): BlockFolders => {
  const path = resolve(dataDir)
  const name = `aftertrace-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`
  return { memory: existsSync('/dev/shm') ? join('/dev/shm', name) : undefined, disk: join(path, 'blocks') }
}

export const emptyFolders = async (folders: BlockFolders): Promise<void> => {
  await removeFolders(folders)
  for (const folder of existing(folders)) await mkdir(folder, { recursive: true, mode: 0o700 })
}

export const removeFolders = async (folders: BlockFolders): Promise<void> => {
  for (const folder of existing(folders)) await rm(folder, { recursive: true, force: true })
}

/** In the order in which they are tried. */
export const existing = ({ memory, disk }: BlockFolders): string[] => [
  ...(memory === undefined ? [] : [memory]),
  disk,
]

/** The process that has the store open, as the engine notes it; undefined where it does not say. */
export const ownerOf = (dataDir: string): string | undefined => {
  try {
    return /^PID: (\d+)$/m.exec(readFileSync(join(chdbPath(dataDir), 'status'), 'utf8'))?.[1]
  } catch {
    return undefined
  }
}
