import { readFile } from 'node:fs/promises'

/** What a process has used so far, as Linux accounts it (proc(5)). */
export interface ProcessUsage {
  cpuSeconds: number
  residentBytes: number
  residentBytesPeak: number
}

/** USER_HZ, which Linux fixes at 100 for user space. */
const ticksPerSecond = 100

export const processUsage = async (pid: number): Promise<ProcessUsage> => {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8'),
    readFile(`/proc/${pid}/status`, 'utf8'),
  ])
  // The command's name may hold spaces; the fields behind its closing bracket are fixed.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    residentBytes: kilobytes('VmRSS') * 1024,
    residentBytesPeak: kilobytes('VmHWM') * 1024,
  }
}
