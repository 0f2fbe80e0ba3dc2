import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What a process and those that it started have used so far, as Linux accounts it (proc(5)). */
export interface ProcessUsage {
  processCount: number
  /** Including processes that have ended. */
  cpuSeconds: number
  /** What several of them have mapped counts for each. */
  residentBytes: number
  /** Of the resident bytes, those that other processes may have mapped too. */
  sharedBytes: number
}

/** USER_HZ, which Linux fixes at 100 for user space. */
const ticksPerSecond = 100

export const processUsage = async (pid: number): Promise<ProcessUsage> => {
  const usages = await Promise.all((await familyOf(pid)).map((member) => unlessEnded(() => usageOf(member))))
  const sum = (pick: (usage: Omit<ProcessUsage, 'processCount'>) => number): number =>
    usages.reduce((total, usage) => total + (usage === undefined ? 0 : pick(usage)), 0)
  return {
    processCount: usages.length,
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    residentBytes: sum(({ residentBytes }) => residentBytes),
    sharedBytes: sum(({ sharedBytes }) => sharedBytes),
  }
}

/** CPU seconds of the threads that live, by the names that they gave themselves; those of started processes in brackets. */
export const cpuSecondsByThread = async (pid: number): Promise<Map<string, number>> => {
  const byName = new Map<string, number>()
  for (const member of await familyOf(pid)) {
    const folder = `/proc/${member}/task`
    for (const task of (await unlessEnded(() => readdir(folder))) ?? []) {
      await unlessEnded(async () => {
        const comm = (await readFile(join(folder, task, 'comm'), 'utf8')).trim()
        const { own } = await ticksOf(join(folder, task, 'stat'))
        const name = member === pid ? comm : `[${comm}]`
        byName.set(name, (byName.get(name) ?? 0) + own / ticksPerSecond)
      })
    }
  }
  return byName
}

/** Bytes of the files directly in a folder; 0 where there is none. */
export const folderBytes = async (folder: string): Promise<number> => {
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)))
  return sizes.reduce((sum, file) => sum + (file?.size ?? 0), 0)
}

/** The process and its descendants. */
const familyOf = async (pid: number): Promise<number[]> => {
  const family = [pid]
  for (const member of family) {
    const folder = `/proc/${member}/task`
    for (const task of (await unlessEnded(() => readdir(folder))) ?? []) {
      const children = await unlessEnded(() => readFile(join(folder, task, 'children'), 'utf8'))
      family.push(...(children ?? '').split(' ').filter(Boolean).map(Number))
    }
  }
  return family
}

const usageOf = async (pid: number): Promise<Omit<ProcessUsage, 'processCount'>> => {
  const [ticks, rollup] = await Promise.all([
    ticksOf(`/proc/${pid}/stat`),
    readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
  ])
  return {
    cpuSeconds: (ticks.own + ticks.ofEndedChildren) / ticksPerSecond,
    residentBytes: bytesOf(rollup, 'Rss'),
    sharedBytes: bytesOf(rollup, 'Shared_Clean') + bytesOf(rollup, 'Shared_Dirty'),
  }
}

const ticksOf = async (statFile: string): Promise<{ own: number; ofEndedChildren: number }> => {
  const line = await readFile(statFile, 'utf8')
  // The command's name may hold spaces; the fields behind its closing bracket are fixed.
  const fields = line
    .slice(line.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  return {
    own: (fields[11] ?? 0) + (fields[12] ?? 0),
    ofEndedChildren: (fields[13] ?? 0) + (fields[14] ?? 0),
  }
}

const bytesOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024

/** Processes and threads may end while they are looked at. */
const unlessEnded = async <T>(look: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await look()
  } catch (error) {
    if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return undefined
  }
}
