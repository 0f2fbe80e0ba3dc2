import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { blockFolders } from '#storage/engine/data-folder.ts'

/** A real `aftertrace store`: chDB behind ClickHouse's HTTP interface, in a process of its own on a free port. */
export interface StoreProcess {
  pid: number
  url: string
  /** What it logged so far, a JSON line each. */
  logLines: readonly string[]
  /** SIGTERM, and the exit code once it has gone. */
  terminate(): Promise<number | null>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGKILL, and removes what nobody looks at any more; a data folder that was made for it goes with it. */
  stop(): Promise<void>
}

const program = fileURLToPath(new URL('../../cli/aftertrace.js', import.meta.url))
const startMillisMax = 60_000

/** @throws Error with its last log lines when it does not listen */
export const startStoreProcess = async (
  options: { dataDir?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<StoreProcess> => {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'aftertrace-store-')))
  await mkdir(dataDir, { recursive: true })
  const child = spawn(process.execPath, [program, 'store'], {
    // A folder without .env, so that nobody's own settings reach a test.
    cwd: dataDir,
    env: { PATH: process.env['PATH'], DATA_DIR: dataDir, CLICKHOUSE_HTTP_PORT: '0', ...options.env },
    // Ends with the process that started it, however that ends.
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  const logLines: string[] = []
  try {
    const url = await listeningUrl(child, logLines)
    return {
      pid: child.pid ?? 0,
      url,
      logLines,
      terminate: () => {
        child.kill('SIGTERM')
        return exited
      },
      kill,
      stop: async () => {
        await kill()
        const { memory } = blockFolders(dataDir)
        if (memory !== undefined) await rm(memory, { recursive: true, force: true })
        if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`the store did not start:\n${logLines.slice(-20).join('\n')}`, { cause: error })
  }
}

const listeningUrl = (child: ChildProcess, logLines: string[]): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const late = setTimeout(() => reject(new Error(`not listening after ${startMillisMax} ms`)), startMillisMax)
  child.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  if (child.stderr !== null)
    createInterface({ input: child.stderr }).on('line', (line) => {
      logLines.push(line)
      if (!line.includes('"listening"')) return
      const { name, url } = JSON.parse(line) as { name?: string; url?: string }
      if (name === 'clickhouse-http' && url !== undefined) resolve(url)
    })
  return promise.finally(() => clearTimeout(late))
}
