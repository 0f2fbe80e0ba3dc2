import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What a process has used so far, as Linux accounts it (proc(5)). */
export interface ProcessUsage {
  cpuSeconds: number
  residentBytes: number
  /** Of the resident bytes, those that other processes may have mapped too. */
  sharedBytes: number
  residentBytesPeak: number
}

/** USER_HZ, which Linux fixes at 100 for user space. */
const ticksPerSecond = 100

export const processUsage = async (pid: number): Promise<ProcessUsage> => {
  const [cpuSeconds, status, rollup] = await Promise.all([
    cpuSecondsOf(`/proc/${pid}/stat`),
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/smaps_rollup`, 'utf8'),
  ])
  return {
    cpuSeconds,
    residentBytes: bytesOf(rollup, 'Rss'),
    sharedBytes: bytesOf(rollup, 'Shared_Clean') + bytesOf(rollup, 'Shared_Dirty'),
    residentBytesPeak: bytesOf(status, 'VmHWM'),
  }
}

/** CPU seconds of the threads that live, by the names that they gave themselves. */
export const cpuSecondsByThread = async (pid: number): Promise<Map<string, number>> => {
  const byName = new Map<string, number>()
  const tasks = await readdir(`/proc/${pid}/task`)
  for (const task of tasks) {
    try {
      const name = (await readFile(`/proc/${pid}/task/${task}/comm`, 'utf8')).trim()
      const cpuSeconds = await cpuSecondsOf(`/proc/${pid}/task/${task}/stat`)
      byName.set(name, (byName.get(name) ?? 0) + cpuSeconds)
    } catch (error) {
      // A thread may end while it is looked at.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
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

const cpuSecondsOf = async (statFile: string): Promise<number> => {
  const line = await readFile(statFile, 'utf8')
  // The command's name may hold spaces; the fields behind its closing bracket are fixed.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

const bytesOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1024
