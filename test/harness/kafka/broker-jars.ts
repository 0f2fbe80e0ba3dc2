/** The broker's jars: resolved by Maven once into a cache that is named by the content of pom.xml. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { findMaven } from './java-tools.ts'

const pomFile = fileURLToPath(new URL('pom.xml', import.meta.url))
const resolveMillisMax = 600_000
const pollMillis = 200

const cacheFolder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'aftertrace', 'kafka')

/** The folder of the jars. Processes that want it at the same time wait for the one that is resolving it. */
export const brokerJars = async (cache = cacheFolder): Promise<string> => {
  const hash = createHash('sha256')
    .update(await readFile(pomFile))
    .digest('hex')
  const folder = join(cache, hash.slice(0, 16))
  const lock = `${folder}.lock`
  await mkdir(cache, { recursive: true })
  while (!existsSync(folder)) {
    if (!(await takeLock(lock))) {
      await delay(pollMillis)
      continue
    }
    try {
      if (!existsSync(folder)) await resolveInto(folder)
    } finally {
      await rm(lock, { recursive: true, force: true })
    }
  }
  return folder
}

/** Only a whole set of jars gets the name that others look for. */
const resolveInto = async (folder: string): Promise<void> => {
  const partial = `${folder}.${process.pid}.partial`
  try {
    await runMaven(await findMaven(), partial)
    await rename(partial, folder)
  } finally {
    await rm(partial, { recursive: true, force: true })
  }
}

const runMaven = async (maven: string, outputDirectory: string): Promise<void> => {
  const args = [
    '--batch-mode',
    '--quiet',
    '--strict-checksums',
    '--file',
    pomFile,
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${outputDirectory}`,
  ]
  try {
    await promisify(execFile)(maven, args, { timeout: resolveMillisMax, maxBuffer: 64 << 20 })
  } catch (error) {
    const said = (error as { stdout?: string }).stdout?.trim()
    throw new Error(`Maven did not resolve Kafka's jars (${pomFile}): ${said || String(error)}`, {
      cause: error,
    })
  }
}

/**
 * Makes the lock, or takes it from a process that is gone. Two that take it at the same moment resolve twice, into folders
 * of their own, and the cache is right all the same.
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
  if (ageMillis > 2 * resolveMillisMax) return true
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
