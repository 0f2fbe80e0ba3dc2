import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

/** Resident memory in bytes by process id. Processes that have ended are missing. */
export const readResidentBytes = (pids: readonly number[]): Promise<Map<number, number>> =>
  process.platform === 'linux' ? readFromProc(pids) : readFromPs(pids)

const readFromProc = async (pids: readonly number[]): Promise<Map<number, number>> => {
  const entries = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
      const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
      return [pid, kibibytes === undefined ? undefined : Number(kibibytes) * 1024] as const
    }),
  )
  return new Map(entries.filter((entry): entry is [number, number] => entry[1] !== undefined))
}

const readFromPs = async (pids: readonly number[]): Promise<Map<number, number>> => {
  if (pids.length === 0) return new Map()
  // A process that is gone makes ps fail, but the others are printed.
  const { stdout } = await execFileAsync('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')]).catch(
    (error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }),
  )
  const rows = stdout.trim().split('\n').filter(Boolean)
  return new Map(
    rows.map((row) => {
      const [pid, kibibytes] = row.trim().split(/\s+/).map(Number)
      return [pid ?? 0, (kibibytes ?? 0) * 1024]
    }),
  )
}

export interface MemoryGuard {
  /** Calls `onExceeded` once, with the resident bytes seen, when the process goes over its limit. */
  watch(pid: number, limitBytes: number, onExceeded: (residentBytes: number) => void): void
  unwatch(pid: number): void
  /** What was last seen; undefined for a process that is not watched or was not looked at yet. */
  residentBytes(pid: number): number | undefined
  stop(): void
}

/** Stands in for the memory cgroup: looks at every process each 100 ms. */
export const createMemoryGuard = (intervalMillis = process.platform === 'linux' ? 100 : 500): MemoryGuard => {
  interface Watch {
    limitBytes: number
    onExceeded: (residentBytes: number) => void
    residentBytes: number | undefined
  }
  const watches = new Map<number, Watch>()
  let isLooking = false

  const look = async (): Promise<void> => {
    const residentByPid = await readResidentBytes([...watches.keys()])
    for (const [pid, residentBytes] of residentByPid) {
      const watch = watches.get(pid)
      if (watch === undefined) continue
      watch.residentBytes = residentBytes
      if (residentBytes <= watch.limitBytes) continue
      watches.delete(pid)
      watch.onExceeded(residentBytes)
    }
  }

  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    void look().finally(() => {
      isLooking = false
    })
  }, intervalMillis)

  return {
    watch: (pid, limitBytes, onExceeded) => {
      watches.set(pid, { limitBytes, onExceeded, residentBytes: undefined })
    },
    unwatch: (pid) => {
      watches.delete(pid)
    },
    residentBytes: (pid) => watches.get(pid)?.residentBytes,
    stop: () => clearInterval(timer),
  }
}
