import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncFolder, syncNamesUpTo } from '#runtime/sync-folder.ts'

/**
 * The embedded engine syncs what its files hold, and the folder of each part, but no folder in which it names a part, a
 * table or a table's definition. Most file systems write those names along with what was synced after them; none has to.
 *
 * A call syncs every such folder whose names have changed since an earlier call, and covers what was done before it was
 * called. Calls that come while one runs share the next.
 */
export const createNameSync = (engineFolder: string): (() => Promise<void>) => {
  const top = unknownFolder()
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined

  const syncAll = async (): Promise<void> => {
    if (top.changedAtNanos < 0n) await syncNamesUpTo(dirname(engineFolder), engineFolder)
    await syncChanged(engineFolder, top, foldersDeep)
  }
  const run = (): Promise<void> => {
    running = syncAll().finally(() => (running = undefined))
    return running
  }
  const runAfter = async (earlier: Promise<void>): Promise<void> => {
    await earlier.catch(() => undefined)
    next = undefined
    await run()
  }
  return () => (running === undefined ? run() : (next ??= runAfter(running)))
}

/** `store/abc/UUID` is a table's or a database's; what lies in the folders below, the engine syncs itself. */
const foldersDeep = 3

/** A folder as it was synced last. */
interface SyncedFolder {
  changedAtNanos: bigint
  /** False while it may change once more and keep its time. */
  isAtRest: boolean
  inner: Map<string, SyncedFolder>
}

const unknownFolder = (): SyncedFolder => ({ changedAtNanos: -1n, isAtRest: false, inner: new Map() })

const syncChanged = async (path: string, folder: SyncedFolder, deep: number): Promise<void> => {
  const lookedAtMillis = Date.now()
  const { mtimeNs } = await stat(path, { bigint: true })
  if (mtimeNs !== folder.changedAtNanos || !folder.isAtRest) {
    if (deep > 0) folder.inner = await readInner(path, folder.inner)
    await syncFolder(path)
    folder.changedAtNanos = mtimeNs
    folder.isAtRest = mtimeNs < BigInt(lookedAtMillis - tickMillisOf(mtimeNs)) * nanosPerMilli
  }
  await Promise.all(
    [...folder.inner].map(([name, inner]) => unlessGone(syncChanged(join(path, name), inner, deep - 1))),
  )
}

const readInner = async (
  path: string,
  before: ReadonlyMap<string, SyncedFolder>,
): Promise<Map<string, SyncedFolder>> => {
  const items = await readdir(path, { withFileTypes: true })
  const folders = items.filter((item) => item.isDirectory())
  return new Map(folders.map(({ name }) => [name, before.get(name) ?? unknownFolder()]))
}

/** A table was dropped meanwhile: its name went with the folder above. */
const unlessGone = async (syncing: Promise<void>): Promise<void> => {
  try {
    await syncing
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

const nanosPerMilli = 1_000_000n
const nanosPerSecond = 1_000_000_000n
/** The clock of a file system ticks with the kernel's; some know whole seconds only, or every other. */
const tickMillis = 20
const coarseTickMillis = 2500

const tickMillisOf = (mtimeNanos: bigint): number =>
  mtimeNanos % nanosPerSecond === 0n ? coarseTickMillis : tickMillis
