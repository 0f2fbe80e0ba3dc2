/** Files and folders that are costly to make, and kept between runs. */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const makeMillisMax = 900_000
const pollMillis = 200

/**
 * Has `make` make it under another name if it is not there, and renames it: what has its name is whole. Processes that want it
 * at the same time wait for the one that makes it.
 */
export const madeOnce = async (path: string, make: (partial: string) => Promise<void>): Promise<string> => {
  const lock = `${path}.lock`
  const partial = `${path}.${process.pid}.partial`
  await mkdir(dirname(path), { recursive: true })
  while (!existsSync(path)) {
    if (!(await takeLock(lock))) {
      await delay(pollMillis)
      continue
    }
    try {
      if (existsSync(path)) break
      await make(partial)
      await rename(partial, path)
    } finally {
      await rm(partial, { recursive: true, force: true })
      await rm(lock, { recursive: true, force: true })
    }
  }
  return path
}

/**
 * Makes the lock, or takes it from a process that is gone. Two that take it at the same moment make the thing twice, each
 * under its own name, and it is whole all the same.
 */
const takeLock = async (lock: string): Promise<boolean> => {
  try {
    await mkdir(lock)
    await writeFile(ownerFile(lock), String(process.pid))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  if (await isAbandoned(lock)) await rm(lock, { recursive: true, force: true })
  return false
}

const isAbandoned = async (lock: string): Promise<boolean> => {
  const made = await stat(lock).catch(() => undefined)
  if (made === undefined) return false
  const ageMillis = Date.now() - made.mtimeMs
  if (ageMillis > makeMillisMax) return true
  const owner = Number(await readFile(ownerFile(lock), 'utf8').catch(() => ''))
  // Between making the lock and writing the owner's name is a moment.
  if (owner === 0) return ageMillis > 10_000
  try {
    process.kill(owner, 0)
    return false
  } catch {
    return true
  }
}

const ownerFile = (lock: string): string => join(lock, 'pid')
