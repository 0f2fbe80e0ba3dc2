import { randomBytes } from 'node:crypto'
import { open, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { Unavailable, messageOf } from './errors.ts'
import type { Logger } from './logger.ts'
import type { SelfMetrics } from './self-metrics.ts'

/**
 * Keeps a disk from filling up. What comes in is refused while less than a reserve is free: a sender can wait, and what was
 * taken needs room to be written and merged. A ballast file holds room for the case that the reserve is used up all the
 * same (by merges, by other programs): even dropping old data needs some. It is given up then, and made anew before
 * anything is taken in again.
 */
export interface DiskGuard {
  /** Resolves after the first look; the ballast is made in the background. */
  start(): Promise<void>
  /** The ballast stays. */
  stop(): Promise<void>
  /** @throws Unavailable when so many bytes more would use up the reserve, as far as is known */
  admit(byteCount: number): void
  state(): DiskState
}

export interface DiskState {
  bytesFree: number
  bytesTotal: number
  /** Below this many free bytes nothing is taken in. */
  reserveBytes: number
  /** 0 while there is none. */
  ballastBytes: number
  isRefusing: boolean
}

export interface DiskGuardSettings {
  folder: string
  reserveBytesMax: number
  /** 0: no ballast. */
  ballastBytesMax: number
  logger: Logger
  selfMetrics?: SelfMetrics
  /** The ballast was given up: whoever can make room should. */
  onRelease?: () => Promise<void>
  /** Tests look more often. */
  lookMillis?: number
}

/** Shares of the disk; on a large one the settings bound them, on a small one the first is raised. */
const reserveShare = 0.05
const reserveBytesMin = 128 << 20
const reserveShareMax = 0.25
const ballastShare = 0.01
/** The ballast goes when this share of the reserve is left. */
const releaseShare = 0.5
/** What was refused is taken again when so much more than the reserve is free, so that it does not flap. */
const resumeFactor = 1.1
/** A fast disk takes some tens of megabytes in this time: far less than the reserve. */
const lookMillisDefault = 100
const ballastChunkBytes = 1 << 20

export const createDiskGuard = (settings: DiskGuardSettings): DiskGuard => {
  const { folder, logger } = settings
  const path = join(folder, 'ballast')
  let sizes: Sizes = { bytesFree: Infinity, bytesTotal: 0, reserveBytes: 0, ballastGoalBytes: 0 }
  let ballastBytes = 0
  let isReleased = false
  let isRefusing = false
  /** What was let in since the last look, and since the one before: it may not have come to the disk by the last one. */
  let admittedBytes = 0
  let admittedBefore = 0
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  let making: Promise<void> | undefined
  let isStopped = false

  const look = async (): Promise<void> => {
    sizes = await measure(settings)
    admittedBefore = admittedBytes
    admittedBytes = 0
    if (ballastBytes > 0 && sizes.bytesFree < sizes.reserveBytes * releaseShare) await releaseBallast()
    if (ballastBytes === 0) considerBallast()
    decide()
  }

  /** Room for a ballast that was given up comes before anything new. */
  const decide = (): void => {
    const { bytesFree, reserveBytes, ballastGoalBytes } = sizes
    if (!isRefusing && bytesFree < reserveBytes) {
      isRefusing = true
      logger.error(state(), 'the disk is nearly full: nothing is taken in until there is room again')
    } else if (
      isRefusing &&
      !(isReleased && ballastGoalBytes > 0) &&
      bytesFree >= reserveBytes * resumeFactor
    ) {
      isRefusing = false
      logger.info(state(), 'there is room on the disk again')
    }
  }

  const considerBallast = (): void => {
    const { bytesFree, reserveBytes, ballastGoalBytes } = sizes
    if (ballastGoalBytes === 0 || bytesFree < reserveBytes * resumeFactor + ballastGoalBytes) return
    making ??= makeBallast(ballastGoalBytes).finally(() => (making = undefined))
  }

  const makeBallast = async (bytes: number): Promise<void> => {
    try {
      await writeBallast(path, bytes, () => isStopped)
      if (isStopped) return
      ballastBytes = bytes
      isReleased = false
    } catch (error) {
      logger.warn({ err: error }, `cannot make the ballast file ${path}: ${messageOf(error)}`)
    }
  }

  const releaseBallast = async (): Promise<void> => {
    await rm(path, { force: true })
    logger.error({ ...state(), path }, 'the disk is all but full: the ballast file is given up')
    ballastBytes = 0
    isReleased = true
    // Not waited for: it may take as long as the looks that it is to help.
    settings.onRelease?.().catch((error: unknown) => {
      logger.error({ err: error }, `cannot make room on the disk: ${messageOf(error)}`)
    })
  }

  const lookAgain = (): void => {
    looking = look()
      .catch((error: unknown) => {
        logger.warn({ err: error }, `cannot tell how full the disk is: ${messageOf(error)}`)
      })
      .finally(() => {
        looking = undefined
        if (!isStopped) timer = setTimeout(lookAgain, settings.lookMillis ?? lookMillisDefault).unref()
      })
  }

  const state = (): DiskState => {
    const { bytesFree, bytesTotal, reserveBytes } = sizes
    return { bytesFree, bytesTotal, reserveBytes, ballastBytes, isRefusing }
  }

  const gauge = (name: string, description: string, read: () => number, unit = 'By'): void => {
    settings.selfMetrics?.meter
      .createObservableGauge(name, { description, unit })
      .addCallback((result) => result.observe(read()))
  }
  gauge('disk_free_bytes', 'Free bytes where the data lies', () => sizes.bytesFree)
  gauge('disk_reserve_bytes', 'Below so many free bytes nothing is taken in', () => sizes.reserveBytes)
  gauge('disk_ballast_bytes', 'Bytes that can be given up when the disk is full', () => ballastBytes)
  gauge('disk_refusing', 'Whether ingest is refused for lack of room', () => (isRefusing ? 1 : 0), '1')

  return {
    state,
    start: async () => {
      sizes = await measure(settings)
      ballastBytes = await sizeOf(path)
      // What an earlier run had may be of another size.
      if (ballastBytes !== sizes.ballastGoalBytes) {
        await rm(path, { force: true })
        ballastBytes = 0
      }
      await look()
      lookAgain()
    },
    stop: async () => {
      isStopped = true
      clearTimeout(timer)
      await looking
      await making
    },
    admit: (byteCount) => {
      const bytesLeft = sizes.bytesFree - admittedBefore - admittedBytes - byteCount
      if (isRefusing || bytesLeft < sizes.reserveBytes)
        throw new Unavailable(
          `the disk is nearly full: ${megabytes(sizes.bytesFree)} are free, ${megabytes(sizes.reserveBytes)} are held back`,
        )
      admittedBytes += byteCount
    },
  }
}

interface Sizes {
  bytesFree: number
  bytesTotal: number
  reserveBytes: number
  ballastGoalBytes: number
}

const measure = async ({ folder, reserveBytesMax, ballastBytesMax }: DiskGuardSettings): Promise<Sizes> => {
  const { bavail, blocks, bsize } = await statfs(folder)
  const bytesTotal = blocks * bsize
  const atLeast = Math.min(reserveBytesMin, bytesTotal * reserveShareMax)
  return {
    bytesFree: bavail * bsize,
    bytesTotal,
    reserveBytes: Math.round(Math.min(reserveBytesMax, Math.max(bytesTotal * reserveShare, atLeast))),
    ballastGoalBytes: Math.round(Math.min(ballastBytesMax, bytesTotal * ballastShare)),
  }
}

/** Of bytes that no file system can compress away. */
const writeBallast = async (path: string, bytes: number, isStopped: () => boolean): Promise<void> => {
  const draft = `${path}.new`
  const chunk = randomBytes(ballastChunkBytes)
  const file = await open(draft, 'w')
  try {
    for (let written = 0; written < bytes && !isStopped();) {
      const { bytesWritten } = await file.write(chunk, 0, Math.min(chunk.length, bytes - written))
      written += bytesWritten
    }
    await file.sync()
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  } finally {
    await file.close()
  }
  if (isStopped()) await rm(draft, { force: true })
  else await rename(draft, path)
}

const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size
  } catch {
    return 0
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
