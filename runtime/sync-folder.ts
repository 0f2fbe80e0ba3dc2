import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Makes names in a folder (new and removed files) survive loss of power. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Makes the folder's own name survive, and those of all folders above it up to and including `top`, whoever made them:
 * a process that was killed may have left them in memory only.
 */
export const syncNamesUpTo = async (top: string, folder: string): Promise<void> => {
  const last = dirname(resolve(top))
  for (let above = dirname(resolve(folder)); ; above = dirname(above)) {
    try {
      await syncFolder(above)
    } catch (error) {
      // Above the top, where we have nothing to say and so made nothing.
      if (above !== last || (error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    }
    if (above === last || above === dirname(above)) return
  }
}
